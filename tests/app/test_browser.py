"""The explorer in a real browser: JupyterLab is started, a clip plays, a key is pressed, and the picture changes.

What the browser showed is kept in `runs/test-browser/`.
"""

import re

import cv2
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

pytest.importorskip("playwright", reason="no playwright: pip install -e .[dev]")

from browser import PATIENCE, WINDOW, find_browser, jupyterlab, open_notebook, serve, watch_console
from portraits import FAR, portrait
from selfme_lib.runtime.paths import PROJECT

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no browser: apt-get install chromium")

SCREENSHOTS = PROJECT / "runs" / "test-browser"
FAILURE = "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"
CODE = """
from selfme_lib.widgets import explore_amplification
explore_amplification()
"""
ANOTHER = """
from selfme_lib.widgets import explore_control_grid
explore_control_grid()
"""
PLAYER = ".selfme[data-drawn]"


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport=WINDOW)
    page.set_default_timeout(PATIENCE)
    page.route(
        re.compile("https://.*"), lambda route: route.fulfill(body="")
    )  # Voilà's icons; nothing else is asked for
    yield page
    page.close()


def play_and_turn(page, name):
    """The clip plays; a key turns γ, and the picture follows. Screenshots remain."""
    page.wait_for_selector(f"{PLAYER}, {FAILURE}")
    assert page.locator(FAILURE).all_inner_texts() == []
    for moment in (3, 6):
        page.wait_for_function(f"document.querySelector('{PLAYER}').dataset.moment == {moment}")
    page.get_by_role("button", name="Pause", exact=True).click()
    page.locator(".selfme-stage").focus()
    page.keyboard.press("a")
    canvas = page.locator(".selfme-canvas").nth(1)
    before = canvas.screenshot(path=SCREENSHOTS / f"{name}-before.png")
    for _ in range(4):
        page.keyboard.press("ArrowUp")
    assert page.locator(PLAYER).get_attribute("data-gamma") == "6"
    assert canvas.screenshot(path=SCREENSHOTS / f"{name}-after.png") != before, "the picture must follow the key"
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def python_draws(page):
    """An explorer whose pictures Python draws follows the arrow keys of its slider; its pictures have descriptions."""
    pictures = page.locator(".selfme-pictures img")
    pictures.first.wait_for()
    source = pictures.nth(1).get_attribute("src")
    page.locator(".selfme-note").last.click()  # JupyterLab lets the cell that is clicked have the keys
    page.get_by_label("squarings n").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("source => document.querySelectorAll('.selfme-pictures img')[1].src != source", arg=source)
    page.wait_for_function("document.querySelectorAll('.selfme-pictures img')[1].alt == 'lattice after 2 steps'")


def test_the_explorer_in_jupyterlab(page, tmp_path):
    notebook = new_notebook(
        cells=[new_markdown_cell("# Explorer"), new_code_cell(CODE.strip()), new_code_cell(ANOTHER.strip())]
    )
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (tmp_path / "work").mkdir()
    nbformat.write(notebook, tmp_path / "work" / "explorer.ipynb")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    errors = watch_console(page)
    with jupyterlab(tmp_path / "work", tmp_path / "scratch") as lab:
        open_notebook(page, lab, "explorer.ipynb")
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        play_and_turn(page, "jupyterlab")
        assert page.locator(".jp-Cell").count() == 3, "keys act in the explorer and not on the notebook"
        with page.expect_download() as saved:
            page.get_by_role("button", name="Save GIF").click()
        assert saved.value.path().read_bytes()[:4] == b"GIF8"
        python_draws(page)
        assert errors == []
        page.goto("about:blank")  # before the server goes away, which would be an error


def address_with_token(scratch):
    return re.search(r"http://localhost:\d+/\?token=\S+", (scratch / "server.log").read_text())[0]


def test_the_explorer_as_a_page_of_its_own(browser, tmp_path):
    """`selfme explore`, from the command line to γ, own pictures and the camera, which films a test picture here."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(viewport=WINDOW, permissions=["camera"])
    page.set_default_timeout(PATIENCE)
    page.route(
        re.compile("https://.*"), lambda route: route.fulfill(body="")
    )  # Voilà's icons; nothing else is asked for
    errors = watch_console(page)
    face = portrait(3, 192, zoom=FAR)
    paths = [tmp_path / "onset.png", tmp_path / "apex.png"]
    for path in paths:
        cv2.imwrite(str(path), face[..., ::-1])
    arguments = ["-m", "selfme_lib.app.cli", "explore", "--no-browser", "--port", "{port}"]
    with serve(arguments, tmp_path, tmp_path / "scratch", "/api"):
        page.goto(address_with_token(tmp_path / "scratch"))
        play_and_turn(page, "voila")
        assert page.locator("h1").inner_text().startswith("Amplify a micro-expression")
        assert page.locator(".jp-CodeCell .jp-InputArea:visible").count() == 0, "Voilà shows no code"
        page.locator("input[type=file]").set_input_files(paths)
        page.wait_for_function("document.querySelector('.selfme-menu').selectedOptions[0].text == 'onset.png'")
        page.get_by_text("as it is: γ = 1").wait_for()
        page.get_by_role("button", name="Your camera").click()
        page.wait_for_function("document.querySelector('.selfme-note').textContent.includes('no face')")
        assert errors == []
        page.goto("about:blank")
    page.close()
