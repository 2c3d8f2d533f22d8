"""Quizzes: what the files hold, what is refused, and what a page in a real browser says to answers."""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("anywidget", reason="no anywidget: pip install -e .[notebooks]")
pytest.importorskip("playwright", reason="no playwright: pip install -e .[dev]")

from browser import find_browser, watch_console
from selfme_lib.app import cli
from selfme_lib.app.chapters import find_appendices, find_notebooks
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.widgets import quiz
from selfme_lib.widgets.questions import QUIZZES, load_quiz, marked_up
from selfme_lib.widgets.quiz_panel import QuizPanel

FILES = sorted(QUIZZES.glob("*.yaml"))
CHOICE = "ask: Up?\n  right: So\n  because: It is.\n  wrong: {Down: It is not.}"


def test_every_chapter_has_a_quiz_of_its_name():
    assert {path.stem for path in FILES} == {path.stem for path in [*find_notebooks(), *find_appendices()]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_quiz_has_enough_questions_and_something_to_say_about_each_answer(path):
    quiz = load_quiz(path)
    assert quiz.title.startswith(f"{path.stem[:2]} · ") and 6 <= len(quiz.questions) <= 10
    assert len({question.ask for question in quiz.questions}) == len(quiz.questions)
    for question in quiz.questions:
        assert question.see and "?" in question.ask
        if question.right:
            assert len(question.wrong) >= 2 and len(set(question.wrong.values())) == len(question.wrong)
            assert sorted(question.choices) == sorted(
                [(question.right, True, question.because), *((a, False, b) for a, b in question.wrong.items())]
            )
        else:
            assert question.slips and question.otherwise


def test_the_right_answer_is_not_always_in_the_same_place():
    chosen = [question for path in FILES for question in load_quiz(path).questions if question.right]
    places = [[right for _, right, _ in question.choices].index(True) for question in chosen]
    assert all(places.count(place) > len(chosen) / 8 for place in range(3))
    assert [question.choices for question in chosen] == [question.choices for question in chosen]


def test_texts_become_html_and_nothing_else_does():
    assert (
        marked_up("`x < 1` and *so* **on** <b>")
        == "<code>x &lt; 1</code> and <em>so</em> <strong>on</strong> &lt;b&gt;"
    )
    assert marked_up("2 * 3 * 4") == "2 * 3 * 4"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("questions: []", "a list of questions"),
        ("asks: []", "a list of questions"),
        ("questions:\n- ask: Up?\n  because: So.", "question 1: give either"),
        (f"questions:\n- {CHOICE}\n- {CHOICE}\n  number: 1", "question 2: give either"),
        ("questions:\n- ask: Up?\n  right: So\n  because: It is.", "question 1: give `wrong` answers"),
        ("questions:\n- ask: Up?\n  number: 1\n  within: 0.1\n  because: So.\n  slips: {1.05: No.}", "the slip 1.05"),
        (f"questions:\n- {CHOICE}\n  becaus: It is.", "becaus"),
        ("questions:\n- Up?", "question 1"),
    ],
)
def test_a_file_that_is_wrong_is_one_line(tmp_path, capfd, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=re.escape(words)):
        load_quiz(path)
    assert cli.run(["quiz", str(path), str(tmp_path / "out.html")]) == 1
    error = capfd.readouterr().err
    assert "mine.yaml" in error and words in error and error.count("\n") == 1
    assert not (tmp_path / "out.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["77", "x.html"], "77: no quiz"), (["x.html"], "give a chapter"), (["none.yaml", "x.html"], "none.yaml")],
)
def test_a_wrong_call_is_one_line(tmp_path, monkeypatch, capfd, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["quiz", *arguments]) == 2
    error = capfd.readouterr().err
    assert words in error and error.count("\n") == 1 and list(tmp_path.iterdir()) == []


def test_the_panel_holds_the_questions():
    assert quiz is QuizPanel, "from selfme_lib.widgets import quiz"
    panel = quiz("2")
    assert panel._quiz == load_quiz("02").plain() and "9 questions" in repr(panel)
    json.dumps(panel._quiz, allow_nan=False)
    with pytest.raises(UsageError, match="there are 00, 01"):
        QuizPanel("Z9")


def test_all_pages_at_once_with_and_without_answers(tmp_path):
    assert cli.run(["quiz", "--all", str(tmp_path)]) == cli.run(["quiz", "--all", "--answers", str(tmp_path)]) == 0
    pages = sorted(tmp_path.glob("*.html"))
    assert len(pages) == 2 * len(FILES)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"(?:src|href)=|https?:|url\(", text), "a page loads nothing"
        assert ("<script>" in text) != page.stem.endswith("_answers")


@pytest.mark.skipif(find_browser() is None, reason="no browser: apt-get install chromium")
def test_answers_are_marked_in_the_browser(browser, tmp_path):
    out = tmp_path / "quiz.html"
    assert cli.run(["quiz", "02", str(out)]) == 0
    page = browser.new_page(viewport={"width": 390, "height": 800})
    try:
        errors = watch_console(page)
        page.goto(Path(out).as_uri())
        questions = load_quiz("02").questions
        forms = page.locator("form")
        assert forms.count() == len(questions)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for number, question in enumerate(questions):
            form, said = forms.nth(number), forms.nth(number).locator(".selfme-said")
            form.get_by_role("button").click()
            assert "first" in said.inner_text(), "nothing was answered yet"
            if question.right:
                wrong = next(place for place, one in enumerate(question.choices) if not one[1])
                form.locator("input").nth(wrong).check()
                form.get_by_role("button").click()
                assert (
                    said.get_attribute("data-right") == "false" and f"Look again: {question.see}" in said.inner_text()
                )
                form.locator("input").nth([one[1] for one in question.choices].index(True)).check()
            else:
                for text, expected in ((str(next(iter(question.slips))), "false"), ("x", "false"), ("1/2", "true")):
                    form.locator("input").fill(text)
                    form.locator("input").press("Enter")
                    assert said.get_attribute("data-right") == expected
                assert question.number == 0.5
            form.get_by_role("button").click()
            assert said.get_attribute("data-right") == "true"
        assert page.locator(".selfme-score").inner_text() == f"0 of {len(questions)} answered right, the first time."
        assert errors == []
    finally:
        page.close()
