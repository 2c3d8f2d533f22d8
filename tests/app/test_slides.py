"""Slides: what becomes of cells, and what a real browser makes of a deck, without a network."""

import base64
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

pytest.importorskip("mdit_py_plugins", reason="no myst-nb: pip install -e .[docs]")
pytest.importorskip("playwright", reason="no playwright: pip install -e .[dev]")

from browser import find_browser, watch_console
from selfme_lib.app import cli
from selfme_lib.app.chapters import find_appendices, find_notebooks
from selfme_lib.app.slides import FULL, Deck, first_sentence, write_slides
from selfme_lib.runtime.paths import PROJECT

NOTEBOOKS = [*find_notebooks(), *find_appendices()]
PIXEL = base64.b64encode((PROJECT / "figures" / "03_grids.png").read_bytes()).decode()


def picture(alt="A grid."):
    return new_output("display_data", data={"image/png": PIXEL}, metadata={"image/png": {"alt": alt}})


def said(text):
    return new_output("stream", name="stdout", text=text)


def markdown(text):
    return new_output("display_data", data={"text/markdown": text})


def deck_of(*cells):
    deck = Deck(PROJECT / "notebooks")
    for cell in cells:
        deck.add(cell)
    return deck.slides


LESSON = (
    new_markdown_cell(
        "# 02 · Motion\n\n![Faces](../figures/02_steps.png)\n\nYou will see.\n\n| | |\n|---|---|\n| takes | a minute |"
    ),
    new_markdown_cell("**After this notebook you can**\n\n1. see;\n2. hear."),
    new_code_cell("seed: int = 0", metadata={"tags": ["parameters"]}),
    new_markdown_cell(
        "## 1. A heading\n\nA first sentence about a formula, $a < b$, is shown. A second is not.\n\n$$x^2 \\tag{1}$$\n\n"
        "See the [ledger](../LEDGER.md) and [a page](https://example.org), whichever you like."
    ),
    new_code_cell(
        "print('<done>')\nplot()",
        outputs=[
            said("<done>\n"),
            picture(),
            markdown("**Title.** What is in it, in one sentence of some length. More."),
        ],
    ),
    new_markdown_cell("## Exercises\n\n**1.** How long is it, in pixels of the whole image?\n\n*Expected: 3.*"),
    new_code_cell("# your turn"),
    new_code_cell("answer = 3", metadata={"tags": ["solution"]}),
)


def test_headings_and_pictures_make_slides_and_the_rest_of_the_text_is_notes():
    title, goals, text, plot, exercises = deck_of(*LESSON)
    assert (title.title, title.kind) == ("02 · Motion", "title") and "data:image/png;base64," in title.body[0]
    assert "a minute" not in "".join(title.body) and "a minute" in "".join(title.notes)
    assert goals.title == "After this notebook you can" and goals.body[0].count("<li>") == 2
    shown = "".join(text.body)
    assert text.title == "1. A heading" and r"\(a &lt; b\)" in shown and r"\[x^2 \tag{1}\]" in shown
    assert "A second is not" not in shown and "A second is not" in "".join(text.notes)
    assert "ledger" in shown and "LEDGER.md" not in shown and 'href="https://example.org"' in shown
    assert "&lt;done&gt;" in shown and "plot()" in "".join(text.code)
    assert (plot.title, plot.kind) == ("1. A heading", "picture") and 'alt="A grid."' in plot.body[0]
    assert "Title." in plot.body[1] and "More." not in plot.body[1] and "More." in "".join(plot.notes)
    assert "How long is it" in "".join(exercises.body) and "Expected" not in "".join(exercises.body)
    assert "Expected: 3." in "".join(exercises.notes) and "answer = 3" in "".join(exercises.notes)


def test_a_sentence_that_leads_to_a_picture_stands_above_it():
    (one,) = deck_of(new_markdown_cell("## Look\n\nHere it is."), new_code_cell("plot()", outputs=[picture()]))
    assert one.kind == "picture" and "Here it is." in one.body[0] and one.body[1].startswith("<img")


@pytest.mark.parametrize(
    ("kind", "slides", "words"),
    [("skip", 1, ""), ("notes", 1, ""), ("slide", 2, "One. Two."), ("fragment", 1, "One. Two."), ("-", 1, "One. Two.")],
)
def test_slideshow_metadata_overrules(kind, slides, words):
    cell = new_markdown_cell("One. Two.", metadata={"slideshow": {"slide_type": kind}})
    made = deck_of(new_markdown_cell("## First\n\nA text that is there already."), cell)
    assert len(made) == slides
    assert words in "".join(made[-1].body) and ("One" in "".join(made[-1].notes)) is (kind == "notes")


def test_a_full_slide_continues_on_the_next():
    text = "\n\n".join(f"Paragraph number {n} has something to say in one sentence." for n in range(FULL + 3))
    first, second = deck_of(new_markdown_cell(f"## Much\n\n{text}"))
    assert first.title == second.title == "Much" and first.lines <= FULL
    assert len(first.body) + len(second.body) == FULL + 3


def test_a_table_and_a_print_are_cut_to_a_slide():
    rows = "".join(f"<tr><td>{n}</td></tr>" for n in range(40))
    table = new_output("display_data", data={"text/html": f"<style>x</style><table>{rows}</table>"})
    made = deck_of(new_code_cell("long()", outputs=[table, said("\n".join(map(str, range(40))))]))
    assert "… 26 more" in made[0].body[0] and "<td>13</td>" in made[0].body[0] and "<td>14</td>" not in made[0].body[0]
    assert "<style>" not in made[0].body[0] and "…" in made[1].body[0] and "39" not in made[1].body[0]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("This one is a long enough sentence to stand. Then more.", "This one is a long enough sentence to stand."),
        ("Short. It needs the second one to say something. Third.", "Short. It needs the second one to say something."),
        ("The value of Eq. 5 and of Fig. 3, as Fan et al. Say it.", None),
        (
            "A formula $a. B$ that has a stop within itself and goes on. End.",
            "A formula $a. B$ that has a stop within itself and goes on.",
        ),
        (
            "**Bold. And so long that it would be enough for one.** More.",
            "**Bold. And so long that it would be enough for one.**",
        ),
        ("**Bold and long enough to be taken for a sentence. And on**", None),
        ("No stop at all", None),
    ],
)
def test_first_sentences(text, start):
    found, rest = first_sentence(text)
    assert found == (start or text) and bool(rest) == bool(start)


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_chapter_makes_a_deck_that_loads_nothing(tmp_path, source):
    page, count = write_slides(source, tmp_path / "deck.html")
    text = page.read_text(encoding="utf-8")
    assert count >= 8 and text.count("<section") == count
    body = text[text.index("<main") : text.index("</main>")]
    assert not re.search(r'(?:src|srcset)="(?!data:)', body)
    assert all(target.startswith("http") for target in re.findall(r'href="([^"]*)"', body))
    solutions = [cell.source for cell in nbformat.read(source, 4).cells if "solution" in cell.metadata.get("tags", [])]
    assert solutions and body.count("A solution:") == len(solutions)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["slides", "none.ipynb", "x.html"], 1, "no such notebook"),
        (["slides", "bad.ipynb", "x.html"], 1, "not a notebook"),
        (["slides", "empty.ipynb", "x.html"], 1, "nothing to make slides of"),
        (["slides", "99", "x.html"], 2, "99: no such chapter"),
        (["slides", "x.html"], 2, "give a chapter, or --all"),
    ],
)
def test_what_cannot_become_slides_is_one_line(tmp_path, monkeypatch, capfd, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    Path("bad.ipynb").write_text("{")
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), "empty.ipynb")
    assert cli.run(arguments) == code
    error = capfd.readouterr().err
    assert words in error and error.count("\n") == 1 and not Path("x.html").exists()


@pytest.mark.skipif(find_browser() is None, reason="no browser: apt-get install chromium")
def test_a_deck_in_the_browser(browser, tmp_path):
    nbformat.write(new_notebook(cells=list(LESSON)), tmp_path / "02_lesson.ipynb")
    assert cli.run(["slides", str(tmp_path / "02_lesson.ipynb"), str(tmp_path / "deck.html")]) == 0
    page = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme="dark")
    try:
        errors, asked = watch_console(page), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "deck.html").as_uri())
        page.wait_for_selector("body[data-ready]")
        page.wait_for_selector("mjx-container svg", state="attached")
        here = page.locator(".slide.here")
        for key, place in (("ArrowRight", 2), ("End", 5), ("PageUp", 4)):
            page.keyboard.press(key)
            assert here.get_attribute("aria-label") == f"slide {place} of 5" and page.url.endswith(f"#{place}")
        box = here.locator("img").bounding_box()
        assert box["height"] > 150 and box["y"] + box["height"] <= page.locator("footer").bounding_box()["y"]
        assert not page.locator("#notes").is_visible()
        page.keyboard.press("n")
        assert "More." in page.locator("#notes").inner_text()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("c")
        assert here.locator(".code").is_visible() and "plot()" in here.locator(".code").inner_text()
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.keyboard.press("d")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
        with page.expect_popup() as popup:
            page.keyboard.press("s")
        assert "1. A heading" in popup.value.locator("h1").inner_text()
        popup.value.close()
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert errors == [] and all(url.startswith(("file:", "data:", "about:", "blob:")) for url in asked)
    finally:
        page.close()
