"""`selfme quiz`: the questions on a chapter as a page of its own, to be taken on a screen or printed."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from selfme_lib.runtime.files import atomic_path
from selfme_lib.widgets.front import look, script
from selfme_lib.widgets.questions import Quiz

TEMPLATES = Path(__file__).parent / "templates"


def write_quiz(quiz: Quiz, out: Path, *, answers: bool = False) -> Path:
    """Write a quiz as a page that needs no network; returns the file.

    Args:
        out: the page.
        answers: for the teacher: what is right, and what to say to those who answer something else.
    """
    environment = Environment(loader=FileSystemLoader(TEMPLATES), trim_blocks=False, autoescape=False)
    environment.filters["number"] = lambda value: f"{value:.4g}"
    page = environment.get_template("quiz.html.j2")
    text = page.render(quiz=quiz.plain(), answers=answers, look=look(), script=script(("quiz",)))
    with atomic_path(out) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return out
