"""The explorer in a real browser: JupyterLab is started, the slider is moved, and the picture changes.

What the browser showed is kept in `runs/test-browser/`.
"""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

pytest.importorskip("playwright", reason="no playwright: pip install -e .[dev]")

from browser import PATIENCE, WINDOW, find_browser, jupyterlab, open_browser, open_notebook, serve, watch_console
from selfme_lib.runtime.paths import PROJECT

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no browser: apt-get install chromium")

SCREENSHOTS = PROJECT / "runs" / "test-browser"
FAILURE = "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"
CODE = """
from selfme_lib.synthme.studio import micro_expressions
from selfme_lib.widgets import explore_amplification
explore_amplification(micro_expressions(64))
"""


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport=WINDOW)
    page.set_default_timeout(PATIENCE)
    page.route(
        re.compile("https://.*"), lambda route: route.fulfill(body="")
    )  # Voilà's icons; nothing else is asked for
    yield page
    page.close()


def move_slider_and_see(page, name):
    """Turn γ by the keyboard; the picture has to change. Screenshots of both remain."""
    picture = page.locator("img.widget-image")
    page.wait_for_selector(f"img.widget-image, {FAILURE}")
    assert page.locator(FAILURE).all_inner_texts() == []
    page.wait_for_function("document.querySelector('img.widget-image').naturalWidth > 500")
    before = picture.screenshot(path=SCREENSHOTS / f"{name}-before.png")
    source = picture.get_attribute("src")
    readout = page.locator(".widget-readout").first
    assert readout.inner_text() == "2.0"
    page.locator(".noUi-handle").first.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.widget-readout').innerText == '4.0'")
    page.wait_for_function(
        "source => { const picture = document.querySelector('img.widget-image');"
        " return picture.src != source && picture.complete && picture.naturalWidth > 500 }",
        arg=source,
    )
    page.wait_for_function("document.body.innerText.includes('γ') && !!document.querySelector('.widget-html')")
    page.wait_for_timeout(500)
    after = picture.screenshot(path=SCREENSHOTS / f"{name}-after.png")
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
    assert before != after, "the picture must follow the slider"


def test_the_explorer_in_jupyterlab(page, tmp_path):
    notebook = new_notebook(cells=[new_markdown_cell("# Explorer"), new_code_cell(CODE.strip())])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (tmp_path / "work").mkdir()
    nbformat.write(notebook, tmp_path / "work" / "explorer.ipynb")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    errors = watch_console(page)
    with jupyterlab(tmp_path / "work", tmp_path / "scratch") as lab:
        open_notebook(page, lab, "explorer.ipynb")
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        move_slider_and_see(page, "jupyterlab")
        assert errors == []
        page.goto("about:blank")  # before the server goes away, which would be an error


def address_with_token(scratch):
    return re.search(r"http://localhost:\d+/\?token=\S+", (scratch / "server.log").read_text())[0]


def test_the_explorer_as_a_page_of_its_own(page, tmp_path):
    """`selfme explore`, from the command line to the slider."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    errors = watch_console(page)
    arguments = ["-m", "selfme_lib.app.cli", "explore", "--no-browser", "--port", "{port}"]
    with serve(arguments, tmp_path, tmp_path / "scratch", "/api"):
        page.goto(address_with_token(tmp_path / "scratch"))
        move_slider_and_see(page, "voila")
        assert page.locator("h1").inner_text().startswith("Amplify a micro-expression")
        assert page.locator(".jp-CodeCell .jp-InputArea:visible").count() == 0, "Voilà shows no code"
        assert errors == []
        page.goto("about:blank")
