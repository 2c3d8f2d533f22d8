"""The report in a real browser: what its script does, and how it looks at every width."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

pytest.importorskip("playwright", reason="no playwright: pip install -e .[dev]")

from browser import PATIENCE, find_browser, open_browser, watch_console
from selfme_lib.app.comparison import write_comparison
from selfme_lib.app.report import write_report
from selfme_lib.runtime.files import write_json
from selfme_lib.runtime.kept import write_record
from selfme_lib.study import profiles
from selfme_lib.study.exports import export
from selfme_lib.study.results import metrics_record, result_of
from selfme_lib.study.rows import Row
from selfme_lib.study.run_folder import RunFolder

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no browser: apt-get install chromium")

CLIPS = pd.DataFrame(
    {"subject": ["01", "02"] * 5, "clip": [f"=c,{n}" for n in range(10)], "label": [0] * 5 + [1] * 3 + [2] * 2}
)
ROWS = pd.DataFrame(
    {
        "method": ["b", "a", "c", "d"],
        "UF1 [95 %]": ["0.9000 [0.8, 1.0]", "0.1000 [0.0, 0.95]", "–", "0.5000 ± 0.1 [0.2, 0.7]"],
        "clips": [9, 100, 20, 3],
        "a very long heading of a column": ["a very long cell that makes a table far wider than any telephone " * 2]
        * 4,
    }
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = RunFolder(tmp_path_factory.mktemp("runs") / "quick")
    settings = profiles.load("quick")
    write_json(run.profile, profiles.to_dict(settings))
    guesses = [CLIPS.assign(prediction=said, p0=1.0, p1=0.0, p2=0.0) for said in ([0] * 10, [0] * 5 + [1] * 5)]
    for guess in guesses:
        guess.attrs["curve"] = {"loss": [2.0, 1.0, 0.7], "cross_entropy": [1.5, 0.7, 0.5]}
    results = [result_of(Row(name), guesses, seed=0, classes=3, bootstrap=20) for name in ("b", "a+c")]
    write_json(run.metrics, metrics_record(settings, {"name": "synthme", "fingerprint": "f"}, results))
    run.save_table("05_rows", ROWS, title="Rows", place="headline")
    run.save_figure("05_wide", Figure(figsize=(12, 2)), title="Wide", caption="c", alt="a wide picture")
    run.save_values("05_values", {"a long name of a value " * 3: 0.5, "clips": 144}, title="Values")
    write_record(run.checkpoints / "motion-1.json", [{"step": 0, "dense": 2.0}, {"step": 9, "dense": 0.5}])
    timing = {"status": "done", "seconds": 1.0, "peak_memory_mb": 9, "key": "", "message": "", "scored": True}
    write_json(run.timings, {"profile": "quick", "notebooks": {"05_loso": timing}})
    run.notebooks.mkdir()
    (run.notebooks / "05_loso.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    write_report(run)
    write_comparison(run, run)
    return run


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def open_page(browser):
    """A page of a width, and errors on its console, of which there may be none."""
    contexts = []

    def open_(path, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        faults.append(watch_console(page))
        page.goto(path.as_uri())
        return page

    faults: list[list[str]] = []
    yield open_
    for context in contexts:
        context.close()
    assert [fault for some in faults for fault in some] == []


def first_cells(page):
    return page.locator("[id='05_rows'] tbody tr td:first-child").all_inner_texts()


def test_a_table_is_sorted_by_the_numbers_in_it_also_from_the_keyboard(run, open_page):
    page = open_page(run.report)
    heading = page.locator("[id='05_rows'] th", has_text="UF1")
    order = {"ascending": ["a", "d", "b", "c"], "descending": ["b", "d", "a", "c"], "none": ["b", "a", "c", "d"]}
    assert heading.get_attribute("aria-sort") == "none"
    for state, cells in order.items():
        heading.locator("button").focus()
        page.keyboard.press("Enter")
        assert (heading.get_attribute("aria-sort"), first_cells(page)) == (state, cells)
    page.locator("[id='05_rows'] th button", has_text="clips").click()
    assert first_cells(page) == ["d", "b", "c", "a"], "3, 9, 20, 100, not as text"
    page.locator("[id='05_rows'] th button", has_text="method").click()
    assert first_cells(page) == ["a", "b", "c", "d"]
    states = [cell.get_attribute("aria-sort") for cell in page.locator("[id='05_rows'] th").all()]
    assert states == ["ascending", "none", "none", "none"]


def test_a_score_leads_to_its_predictions_its_notebook_and_the_exported_file(run, open_page):
    page = open_page(run.report)
    row = page.locator("#every-score tbody tr", has_text="a+c")
    assert row.locator("[data-file] a").get_attribute("href") == "notebooks/05_loso.ipynb"
    row.get_by_role("button", name="Predictions of a+c, seed 1").click()
    dialog = page.locator("dialog[open]")
    assert dialog.locator("h2").inner_text() == "a+c, seed 1" and "8 of 10 clips right" in dialog.inner_text()
    assert dialog.locator("tbody tr").count() == 10
    assert dialog.locator("tbody tr").nth(9).inner_text().split("\t") == ["02", "=c,9", "surprise", "positive", "wrong"]
    with page.expect_download() as download:
        dialog.get_by_text("Download CSV").click()
    exported = {path.name: path for path in export(run)}
    assert download.value.suggested_filename == "a-c-seed1.csv"
    assert download.value.path().read_bytes() == exported["a-c-seed1.csv"].read_bytes()
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_nothing_is_wider_than_the_window(run, open_page, width):
    for path in (run.report, run.path / "against_quick.html"):
        page = open_page(path, width)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        scrolls = page.evaluate(
            "[...document.querySelectorAll('.scroll')].some(box => box.scrollWidth > box.clientWidth)"
        )
        assert scrolls or width > 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "columns"), [(390, 1), (1280, 2)])
def test_curves_of_classifiers_unfold_beside_each_other_where_there_is_room(run, open_page, width, columns, scheme):
    page = open_page(run.report, width, color_scheme=scheme)
    assert not page.locator(".curves").is_visible()
    page.locator("summary", has_text="Classifiers: 2 rows").click()
    boxes = [picture.bounding_box() for picture in page.locator(".curves img").all()]
    assert len({box["x"] for box in boxes}) == columns and all(box["width"] >= 240 for box in boxes)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".curves img").first.get_attribute("alt").startswith("Losses by epoch of b: loss from 2 to 0.7")
    assert page.evaluate("[...document.querySelectorAll('.curves img')].every(one => one.naturalWidth > 300)")


def test_contents_stay_in_sight_and_fold_on_a_telephone(run, open_page):
    page = open_page(run.report)
    contents = page.locator("nav details")
    assert contents.get_attribute("open") is not None
    page.get_by_role("link", name="Environment").click()
    page.wait_for_function("document.querySelector('nav a[aria-current]')?.textContent == 'Environment'")
    box, heading = page.locator("nav").bounding_box(), page.locator("main").bounding_box()
    assert box["y"] >= 0 and box["x"] + box["width"] <= heading["x"], "beside the text, wherever it is scrolled to"
    page = open_page(run.report, 390)
    contents = page.locator("nav details")
    assert contents.get_attribute("open") is None
    contents.locator("summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Every score").click()
    assert contents.get_attribute("open") is None
    assert page.locator("nav").bounding_box()["y"] == 0, "sticks to the top"
    assert page.locator("h2#scores").bounding_box()["y"] >= page.locator("nav").bounding_box()["height"] - 1


def colours(page, selector):
    style = page.locator(selector).first.evaluate(
        "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
    )
    return [sum(map(float, colour[colour.index("(") + 1 : -1].split(",")[:3])) / 765 for colour in style]


def test_dark_pages_keep_their_pictures_on_white_and_paper_has_no_buttons(run, open_page):
    page = open_page(run.report, color_scheme="dark")
    ink, paper = colours(page, "body")
    assert ink - paper > 0.6 and colours(page, ".item img")[1] == 1
    page.emulate_media(media="print")
    ink, paper = colours(page, "body")
    assert paper - ink > 0.9 and not page.locator("nav").is_visible() and not page.locator(".seeds").first.is_visible()


def test_without_scripts_the_numbers_are_all_there(run, open_page):
    page = open_page(run.report, java_script_enabled=False)
    assert (
        page.locator("#every-score tbody tr").count() == 2
        and "exports/predictions/" in page.locator("main").inner_text()
    )
    assert (
        page.locator("#every-score .seeds").count() == 2 and not page.locator("#every-score .seeds").first.is_visible()
    )
    assert page.locator("nav details").get_attribute("open") is not None
