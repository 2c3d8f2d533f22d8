"""The browser's side of the explorers, in Chromium: it computes what Python computes, plays, answers keys, and can be read aloud.

A page without Python shows the same explorer, so it is what most tests here open.
"""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch

pytest.importorskip("playwright", reason="no playwright: pip install -e .[dev]")

from browser import PATIENCE, find_browser, watch_console
from selfme_lib.grids import jacobian_determinant, resize_flow, warp
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.plots.montage import to_bytes
from selfme_lib.plots.style import flow_to_rgb
from selfme_lib.runtime.errors import UsageError
from selfme_lib.widgets.front import script
from selfme_lib.widgets.moving import MovingClip
from selfme_lib.widgets.samples import load_samples
from selfme_lib.widgets.static_explorer import fragment, write_page

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no browser: apt-get install chromium")

SIZE, LATTICE = 96, 24


@pytest.fixture(scope="module")
def calculator(browser):
    """A page with the numerics alone."""
    page = browser.new_page()
    page.add_script_tag(content=script(("motion", "drawing")))
    yield page
    page.close()


@pytest.fixture
def motion():
    """A smooth motion on a lattice, some pixels of the frames long."""
    x = torch.linspace(-3, 3, LATTICE)
    hill = torch.exp(-(x[:, None] ** 2) - x[None] ** 2)
    return torch.stack([0.5 * hill, -0.3 * hill])


def amplified(page, motion, gamma, how):
    arguments = [motion.flatten().tolist(), motion.shape[-1], SIZE, gamma, how]
    code = (
        "([field, points, size, gamma, how]) => Array.from(amplify(Float32Array.from(field), points, size, gamma, how))"
    )
    return torch.tensor(page.evaluate(code, arguments)).reshape(2, SIZE, SIZE)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 4.0, 8.0])
def test_smooth_amplification_is_that_of_python(calculator, motion, gamma):
    expected = diffeomorphic_motion(motion[None], (SIZE, SIZE), gamma=gamma)[0]
    found = amplified(calculator, motion, gamma, "spline")
    assert (found - expected).norm(dim=0).max() < 0.1, "px, of up to 18"
    assert expected.norm(dim=0).max() >= 1.5 * gamma


@pytest.mark.parametrize("how", ["bilinear", "truth"])
def test_raw_and_true_motions_are_expanded_bilinearly(calculator, motion, how):
    expected = 3 * resize_flow(motion[None], (SIZE, SIZE))[0]
    torch.testing.assert_close(amplified(calculator, motion, 3.0, how), expected, atol=1e-4, rtol=1e-4)


def test_pictures_are_warped_as_in_python(calculator, motion):
    image = torch.rand(3, SIZE, SIZE)
    flow = diffeomorphic_motion(motion[None], (SIZE, SIZE), gamma=2.0)
    pixels = np.concatenate([to_bytes(image), np.full((SIZE, SIZE, 1), 255, np.uint8)], 2)
    code = "([pixels, flow, size]) => Array.from(warp(Uint8ClampedArray.from(pixels), Float32Array.from(flow), size))"
    found = calculator.evaluate(code, [pixels.flatten().tolist(), flow.flatten().tolist(), SIZE])
    expected = to_bytes(warp(image[None], flow)[0])
    assert np.abs(np.reshape(found, (SIZE, SIZE, 4))[..., :3] - expected.astype(int)).max() <= 2


def test_folds_and_lengths_are_those_of_python(calculator, motion):
    flow = 20 * resize_flow(motion[None], (SIZE, SIZE))
    found = calculator.evaluate(
        "([flow, size]) => measure(Float32Array.from(flow), size)", [flow.flatten().tolist(), SIZE]
    )
    folded = jacobian_determinant(flow)[0] <= 0
    expected = [row * SIZE + column for row, column in folded.nonzero().tolist()]
    assert found["folds"] == expected and expected
    assert found["longest"] == pytest.approx(float(flow.norm(dim=1).max()), rel=1e-5)


def test_colours_of_motions_are_those_of_the_figures(calculator):
    flow = torch.randn(2, 16, 16) * 2
    code = """([flow, size]) => Array.from(viewOf("colour flow", null, Float32Array.from(flow).map((one) => -one), size, 4))"""
    found = np.reshape(calculator.evaluate(code, [flow.flatten().tolist(), 16]), (16, 16, 4))[..., :3]
    assert np.abs(found - to_bytes(flow_to_rgb(flow, 4.0)).astype(int)).max() <= 6


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page of two clips: one of the samples, and onset and apex, whose name would end a script."""
    name = next(name for name, (facts, _) in load_samples().items() if facts["blinks"])
    noise = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), np.uint8)
    pair = MovingClip(frames=noise, motion=torch.ones(2, 2, 8, 8), apex=1)
    clips = {name: load_samples()[name], "</script><b>pair</b>": pair}
    return write_page(tmp_path_factory.mktemp("page") / "page.html", clips)


@pytest.fixture
def page(browser, written):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(PATIENCE)
    errors, asked = watch_console(page), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(written.as_uri())
    page.wait_for_selector(".selfme[data-drawn]")
    yield page
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == [], (
        "nothing comes from elsewhere"
    )
    page.close()


def state(page, name):
    return page.evaluate(f"document.querySelector('.selfme').dataset.{name}")


def until(page, holds):
    """Ask again until it holds; the page's own rules forbid Playwright to wait there."""
    for _ in range(600):
        if holds():
            return
        page.wait_for_timeout(50)
    pytest.fail("it never held")


def pixels(page, which=1):
    code = "at => document.querySelectorAll('.selfme-canvas')[at].toDataURL()"
    return page.evaluate(code, which)


def paused(page):
    page.get_by_role("button", name="Pause").click()
    page.locator(".selfme-stage").focus()
    page.keyboard.press("a")
    return page


def test_it_plays_on_its_own_from_four_over_and_over(page):
    assert state(page, "gamma") == "4"
    seen = page.evaluate("""() => new Promise(done => {
        const root = document.querySelector('.selfme'), seen = [Number(root.dataset.moment)];
        new MutationObserver(() => {
            if (seen.push(Number(root.dataset.moment)) > 40) done(seen);
        }).observe(root, { attributeFilter: ['data-moment'] });
    })""")
    count = max(seen) + 1
    assert count > 10 and all((one + 1) % count == other for one, other in pairwise(seen)), "no frame is left out"


def test_a_frame_is_made_in_a_twentieth_of_a_second_and_a_key_is_answered_in_a_tenth(page):
    """Medians, since other programs run here, too; the first frames warm the compiler up."""
    took = paused(page).evaluate("""() => {
        const stage = document.querySelector('.selfme-stage'), press = (key) => {
            const begin = performance.now();
            stage.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
            return performance.now() - begin;
        };
        return ['ArrowUp', 'ArrowRight'].map((key) => Array.from({ length: 15 }, () => press(key)).sort((a, b) => a - b)[7]);
    }""")
    assert max(took) < 50, took


def test_keys(page):
    before, recorded = pixels(paused(page)), pixels(page, 0)
    page.keyboard.press("ArrowUp")
    assert state(page, "gamma") == "4.5" and pixels(page) != before and pixels(page, 0) == recorded
    page.keyboard.press("ArrowDown")
    assert pixels(page) == before
    moment = int(state(page, "moment"))
    page.keyboard.press("ArrowRight")
    assert int(state(page, "moment")) == moment + 1 and pixels(page, 0) != recorded
    page.keyboard.press("a")
    views = {before}
    for _ in range(3):
        page.keyboard.press("v")
        views.add(pixels(page))
    assert len(views) == 4 and page.locator(".selfme-legend").is_hidden()
    page.get_by_role("radio", name="colour flow").check()
    assert page.locator(".selfme-legend").is_visible() and "4 px" in page.locator(".selfme-legend").inner_text()
    page.locator(".selfme-stage").focus()
    found = pixels(page)
    page.keyboard.press("t")
    assert pixels(page) != found and "true motion" in page.locator("figcaption").nth(1).inner_text()
    page.keyboard.press(" ")
    assert page.get_by_role("button", name="Pause").is_visible()


def test_arrow_keys_in_a_control_belong_to_it(page):
    slider = paused(page).get_by_role("slider", name="γ", exact=True)
    moment = state(page, "moment")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert state(page, "gamma") == "4.1" and state(page, "moment") == moment
    page.get_by_label("clip", exact=True).focus()
    page.keyboard.press("w")
    assert page.locator("figure").first.is_visible()


def test_the_wipe_shows_the_recording_on_the_left_and_the_rest_on_the_right(page):
    paused(page).keyboard.press("w")
    assert page.locator("figure").first.is_hidden()
    sides = """() => {
        const canvas = document.querySelectorAll('.selfme-canvas')[1], context = canvas.getContext('2d');
        return [0.05, 0.55].map((at) => String(context.getImageData(at * 512, 100, 200, 300).data));
    }"""
    left, right = page.evaluate(sides)
    page.get_by_role("slider", name="divider").evaluate(
        "node => { node.value = 0; node.dispatchEvent(new Event('input')); }"
    )
    amplified, same = page.evaluate(sides)
    assert same == right and amplified != left
    box = page.locator(".selfme-canvas").nth(1).bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 50)
    page.mouse.up()
    assert page.evaluate(sides) == [left, right]


def test_gamma_is_swept(page):
    page.get_by_role("button", name="Sweep γ").click()
    until(page, lambda: float(state(page, "gamma")) > 5)
    assert page.get_by_role("button", name="Sweep γ").get_attribute("aria-pressed") == "true"


def test_labels_say_what_can_be_seen(page):
    assert (
        page.get_by_role("img", name="as recorded").is_visible() and page.get_by_label("clip", exact=True).is_visible()
    )
    marks = page.locator(".selfme-marks").inner_text()
    assert all(name in marks for name in ("onset", "apex", "offset", "blink"))
    assert "AU" in page.locator(".selfme-about").inner_text()
    unnamed = page.evaluate("""() => [...document.querySelectorAll('.selfme :is(input, select, button, canvas)')]
        .filter((one) => !one.labels?.length && !one.textContent.trim() && !one.getAttribute('aria-label')).length""")
    assert unnamed == 0


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_pictures_and_controls_fit(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    box = page.locator(".selfme").bounding_box()
    assert box["height"] < height and box["width"] <= width


def test_nothing_overflows_a_telephone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_pair_whose_name_is_hostile(page):
    page.get_by_label("clip", exact=True).select_option(index=1)
    until(page, lambda: "pair" in page.locator(".selfme-canvas").first.get_attribute("aria-label"))
    assert page.locator(".selfme b").count() == 0
    assert page.get_by_role("radio", name="show truth").is_disabled(), "it is not known"
    until(page, lambda: int(state(page, "moment")) > 13)


def test_who_asked_for_less_motion_has_to_press_play(browser, written):
    page = browser.new_page(reduced_motion="reduce")
    page.goto(written.as_uri())
    page.wait_for_selector(".selfme[data-drawn]")
    page.wait_for_timeout(300)
    assert state(page, "moment") == "0"
    page.get_by_role("button", name="Play").click()
    until(page, lambda: int(state(page, "moment")) > 2)
    page.close()


def test_dark_and_light(browser, written):
    def shade(scheme):
        page = browser.new_page(color_scheme=scheme)
        page.goto(written.as_uri())
        page.wait_for_selector(".selfme[data-drawn]")
        colours = page.evaluate("""() => { const style = getComputedStyle(document.querySelector('.selfme'));
            return [style.color, style.backgroundColor].map((one) => one.match(/\\d+/g).slice(0, 3).map(Number)); }""")
        page.close()
        return [sum(colour) / 3 for colour in colours]

    ink, paper = shade("light")
    assert paper - ink > 180
    ink, paper = shade("dark")
    assert ink - paper > 180


def test_a_page_needs_a_clip():
    with pytest.raises(UsageError, match="at least one clip"):
        fragment({})


def test_the_clips_of_a_page_are_whole():
    text = fragment().split('class="selfme-clips">')[1].split("</script>")[0]
    assert set(json.loads(text)["clips"]) == set(load_samples())


MODEL = """() => {
    const heard = {};
    window.picture = (byte) => new DataView(new Uint8Array([byte]).buffer);
    window.sent = [];
    window.state = {
        _controls: [[{ name: '0.0', kind: 'slider', label: 'n', low: 0, high: 9, step: 1, digits: 0, value: 2, play: true }],
            [{ name: '1.0', kind: 'buttons', label: 'side', options: ['left', 'right'], value: 0 }]],
        _panels: [['first', 'second'].map((title) => ({ title, data: picture(1), width: 50, height: 40 }))],
        _note: '<b>2</b>', _drawn: 1, _answered: 0, _edition: 0,
    };
    const model = { get: (name) => state[name], on: (name, act) => (heard[name] = act), send: (one) => sent.push(one) };
    window.answer = (change) => {
        Object.assign(state, { _drawn: state._drawn + 1, _answered: state._answered + 1 }, change);
        heard.change();
    };
    window.drawn = (value) => {
        state._controls[0][0].value = value;
        answer({ _panels: [[{ ...state._panels[0][0], data: picture(value) }]], _note: `note ${value}` });
    };
    window.ahead = ({ ask, ahead }) => {
        const panels = (at) => [[{ title: 'first', data: at, width: 50, height: 40 }]];
        const answers = ahead.map((value, at) => ({ panels: panels(at), note: `note ${value}` }));
        heard['msg:custom']({ ask, answers }, ahead.map(picture));
    };
    const root = frame('explorer');
    document.body.replaceChildren(root);
    showPanels(model, root);
}"""


@pytest.fixture
def panels(browser):
    """An explorer whose pictures Python draws, without a Python."""
    page = browser.new_page()
    page.add_script_tag(content=script(("controls", "panels")))
    page.evaluate(MODEL)
    yield page
    page.close()


def test_only_the_latest_value_is_asked_for_and_only_when_the_last_is_drawn(panels):
    panels.get_by_role("slider", name="n").focus()
    for _ in range(4):
        panels.keyboard.press("ArrowRight")
    assert panels.evaluate("sent") == [{"to": "0.0", "value": 3}]
    panels.evaluate("answer({ _note: '3' })")
    assert panels.evaluate("sent") == [{"to": "0.0", "value": 3}, {"to": "0.0", "value": 6}]
    assert panels.get_by_role("slider").input_value() == "6", "the reader is ahead of the answer"


def test_pictures_and_note_follow_and_are_described(panels):
    assert [one.get_attribute("alt") for one in panels.locator("img").all()] == ["first", "second"]
    assert panels.locator(".selfme-note").inner_text() == "<b>2</b>"
    panels.get_by_role("radio", name="right").check()
    assert panels.evaluate("sent") == [{"to": "1.0", "value": 1}]
    panels.evaluate("answer({ _panels: [[{ ...state._panels[0][0], title: 'third' }]], _note: 'done' })")
    assert [one.get_attribute("alt") for one in panels.locator("img").all()] == ["third"]
    assert panels.locator(".selfme-note").inner_text() == "done"


def test_only_a_picture_that_has_changed_is_loaded_and_nothing_moves(panels):
    def shown():
        return panels.evaluate("[...document.querySelectorAll('img')].map((one) => one.src)")

    before = shown()
    panels.evaluate("window.nodes = [...document.querySelectorAll('img, figcaption')]")
    panels.evaluate("""() => {
        const [one, other] = state._panels[0], data = new DataView(new Uint8Array([2]).buffer);
        answer({ _panels: [[one, { ...other, title: 'another', data }]] });
    }""")
    after = shown()
    assert after[0] == before[0] and after[1] != before[1]
    assert panels.locator("figcaption").all_inner_texts() == ["first", "another"]
    assert panels.evaluate("[...document.querySelectorAll('img, figcaption')].every((one, at) => one === nodes[at])")
    assert panels.evaluate("nodes[1].getBoundingClientRect().height") == 40, "there is room for it before it is loaded"


def test_what_is_wrong_is_said_and_the_next_value_can_be_asked_for(panels):
    panels.get_by_role("slider", name="n").focus()
    for _ in range(2):
        panels.keyboard.press("ArrowRight")
    panels.evaluate("answer({ _note: 'no such frame', _drawn: state._drawn })")
    assert panels.locator(".selfme-note").inner_text() == "no such frame"
    assert (
        panels.evaluate("sent.map((one) => one.value)") == [3, 4] and panels.get_by_role("slider").input_value() == "4"
    )


def test_what_was_seen_is_shown_again_at_once_and_python_hears_of_it_when_the_slider_rests(panels):
    slider, note = panels.get_by_role("slider", name="n"), panels.locator(".selfme-note")
    slider.focus()
    panels.keyboard.press("ArrowRight")
    panels.evaluate("drawn(3)")
    assert note.inner_text() == "note 3"
    panels.keyboard.press("ArrowLeft")
    assert note.inner_text() == "<b>2</b>" and panels.locator("img").count() == 2
    assert panels.evaluate("sent.length") == 1
    panels.keyboard.press("ArrowRight")
    assert note.inner_text() == "note 3"
    until(panels, lambda: panels.evaluate("sent.length") == 2)
    assert panels.evaluate("sent.at(-1)") == {"to": "0.0", "value": 3}


def test_an_answer_to_an_earlier_value_does_not_take_away_what_is_shown(panels):
    panels.get_by_role("slider", name="n").focus()
    panels.keyboard.press("ArrowRight")
    panels.keyboard.press("ArrowLeft")
    panels.evaluate("drawn(3)")
    assert panels.locator(".selfme-note").inner_text() == "<b>2</b>"
    assert panels.get_by_role("slider").input_value() == "2"


def test_nothing_old_is_shown_once_something_else_has_changed(panels):
    panels.get_by_role("slider", name="n").focus()
    panels.keyboard.press("ArrowRight")
    panels.evaluate("drawn(3); state._edition++")
    panels.keyboard.press("ArrowLeft")
    assert panels.evaluate("sent.map((one) => one.value)") == [3, 2]


def test_a_slider_that_plays_asks_for_some_pictures_at_a_time_and_once(panels):
    panels.evaluate("""() => {
        drawn(2);
        window.notes = [];
        const note = document.querySelector('.selfme-note');
        new MutationObserver(() => notes.push(Number(note.textContent.at(-1)))).observe(note, { childList: true });
    }""")
    panels.get_by_role("button", name="Play").click()
    until(panels, lambda: panels.evaluate("sent.length"))
    panels.wait_for_timeout(150)
    (first,) = panels.evaluate("sent")
    assert first["to"] == "0.0" and first["ahead"] == [3, 4, 5, 6, 7, 8, 9, 0]
    assert panels.evaluate("notes") == [], "nothing is skipped while pictures are drawn"
    panels.evaluate("ahead(sent[0])")
    until(panels, lambda: panels.evaluate("sent.length") == 2)
    assert panels.evaluate("sent[1].ahead") == [1]
    panels.evaluate("ahead(sent[1])")
    until(panels, lambda: panels.evaluate("notes.length") > 22)
    notes = panels.evaluate("notes")
    assert notes == [(3 + at) % 10 for at in range(len(notes))], "frame by frame"
    assert panels.evaluate("sent.length") == 2, "a second time around needs nothing"
    panels.get_by_role("button", name="Pause").click()
    until(panels, lambda: panels.evaluate("sent.length") == 3)
    assert panels.evaluate("sent[2]") == {"to": "0.0", "value": int(panels.get_by_role("slider").input_value())}


def test_a_slider_stops_where_there_is_nothing_to_show(panels):
    panels.get_by_role("button", name="Play").click()
    until(panels, lambda: panels.evaluate("sent.length"))
    panels.evaluate("ahead({ ...sent[0], ahead: [] })")
    assert panels.get_by_role("button", name="Play").is_visible()


def test_explorers_on_one_page_do_not_take_each_others_controls(browser):
    """Each of them runs the same file, as Jupyter loads it once for each class."""
    page = browser.new_page()
    page.set_content("<main></main>")
    made = "buttons('side', ['left', 'right'], () => {}).node, menu('clip', [], () => {}).node"
    make = f"document.querySelector('main').append({made})"
    for _ in range(2):
        page.add_script_tag(content=f"{script(('controls',))};{make}", type="module")
    page.wait_for_function("document.querySelectorAll('select').length == 2")
    for radio in page.get_by_role("radio", name="right").all():
        radio.check()
    assert [radio.is_checked() for radio in page.get_by_role("radio", name="right").all()] == [True, True]
    assert page.evaluate("[...document.querySelectorAll('select')].every((one) => one.labels.length == 1)")
    page.close()
