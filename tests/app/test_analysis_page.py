"""The page of `selfme analyse` in a real browser. What it looked like is kept in `runs/test-browser/`."""

from dataclasses import replace

import numpy as np
import pytest

import known_analysis as known

pytest.importorskip("playwright", reason="no playwright: pip install -e .[dev]")

from browser import PATIENCE, find_browser, watch_console
from selfme_lib.app.analysis_folder import analyse_into
from selfme_lib.app.analysis_page import render
from selfme_lib.runtime.paths import PROJECT

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no browser: apt-get install chromium")

SCREENSHOTS = PROJECT / "runs" / "test-browser"
HOSTILE = "<img src=x onerror=window.ran=1><script>window.ran=1</script>"
APEX = {"micro": 0.4, "blink": 0.9, "macro": 1.4}


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("analysed")
    frames = known.write_frames(folder / "frames", known.faces())
    return folder / "out", analyse_into(folder / "out", frames, fps=10.0, tools=known.tools(), progress=False)


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    yield page
    page.close()


def test_bands_move_the_film_by_mouse_and_by_keyboard(analysed, page):
    errors, asked = watch_console(page), []
    page.on("request", lambda request: asked.append(request.url.split(":")[0]))
    page.goto((analysed[0] / "index.html").as_uri())
    page.wait_for_function("document.querySelector('video').readyState >= 2")
    assert page.evaluate("document.querySelector('video').duration") == pytest.approx(2.0, abs=0.01)
    bands = page.locator(".band")
    assert [band.get_attribute("class").split()[1] for band in bands.all()] == ["micro", "blink", "macro"]

    def arrived(kind):
        page.wait_for_function(f"Math.abs(document.querySelector('video').currentTime - {APEX[kind]} - 0.05) < 0.02")
        page.wait_for_function(f"parseFloat(document.querySelector('.playhead').style.left) - {50 * APEX[kind]} < 5")

    bands.nth(2).click()
    arrived("macro")
    assert page.locator("#now").inner_text().startswith("Expression 2: macro-expression, 1.20 to 1.70 s")
    bands.nth(0).focus()
    page.keyboard.press("Enter")
    arrived("micro")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    arrived("blink")
    slowly = page.get_by_role("button", name="Repeat expression 2 slowly")
    slowly.click()
    page.wait_for_function("!document.querySelector('video').paused")
    assert page.evaluate("document.querySelector('video').playbackRate") == 0.25
    slowly.click()
    assert page.evaluate("document.querySelector('video').paused")
    assert errors == [] and set(asked) <= {"file", "data"}


def test_emotion_comes_last_and_law_is_there(analysed, page):
    page.goto((analysed[0] / "index.html").as_uri())
    card = page.locator("#expression-2").inner_text()
    places = [
        card.index(part)
        for part in ("500 ms", "score 0.70", "motion, full", "AU 12 left, lip corner puller", "Moves like", "positive")
    ]
    assert places == sorted(places) and "temperature 1.25" in card
    assert "Cannot tell" in page.locator("#expression-1").inner_text()
    text = page.locator("main").inner_text()
    for words in ("consent", "lie detector", "5(1)(f)", "2 February 2025", "50(3)", "ecital 44", "rendered"):
        assert words in text
    assert all(picture.get_attribute("alt") for picture in page.locator("img").all())
    named = page.locator("button, video, svg, section, [role=group]").all()
    assert all(one.get_attribute("aria-label") or one.get_attribute("aria-labelledby") for one in named)


@pytest.mark.parametrize("width", [390, 1280, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_window_in_light_and_dark(analysed, page, width, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto((analysed[0] / "index.html").as_uri())
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(253, 253, 252)"
    assert light == (scheme == "light")
    page.screenshot(path=SCREENSHOTS / f"analyse-{width}-{scheme}.png", full_page=True)


def test_text_from_files_is_shown_and_not_obeyed(analysed, page, tmp_path):
    _, analysis = analysed
    event = analysis.events[0]
    event = replace(
        event, units={HOSTILE: 1.0}, course=((0.1, {HOSTILE: 1.0}),), probabilities={HOSTILE: 0.9}, label=HOSTILE
    )
    hostile = replace(analysis, name=f"/tmp/{HOSTILE.replace('/', '')}.mp4", doubt=HOSTILE, events=(event,))
    (tmp_path / "index.html").write_text(render(hostile, known.tools().recogniser.models, b"", 10.0), encoding="utf-8")
    page.goto((tmp_path / "index.html").as_uri())
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None and page.locator("img[src=x]").count() == 0
    text = page.locator("body").inner_text()
    assert text.count(HOSTILE) >= 4 and HOSTILE.replace("/", "") + ".mp4" in text


def test_nothing_found_is_said(analysed, page, tmp_path):
    _, analysis = analysed
    empty = replace(
        analysis,
        events=(),
        motion=replace(
            analysis.motion,
            frames=np.zeros(0, int),
            cells=np.zeros((0, 2, 8, 8), np.float32),
            head=np.zeros((0, 4), np.float32),
        ),
    )
    (tmp_path / "index.html").write_text(render(empty, known.tools().recogniser.models, b"", 10.0), encoding="utf-8")
    page.goto((tmp_path / "index.html").as_uri())
    assert "None was found" in page.locator("main").inner_text()
