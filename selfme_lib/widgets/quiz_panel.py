"""A quiz in a notebook: `quiz("02")`. Answers are marked in the browser, at once, and kept nowhere."""

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from .front import look, script
from .questions import load_quiz


class QuizPanel(anywidget.AnyWidget):
    """The questions on a chapter, each with what to say about every answer.

    Args:
        chapter: its number, `02` or `A1`, or a YAML file of one's own (see `questions`).

    Raises:
        UsageError: there is no such quiz.
        DataError: the file's questions are not as they should be.
    """

    _esm = script(("quiz", "quiz_widget"))
    _css = look()
    _quiz: Any = traitlets.Dict().tag(sync=True)

    def __init__(self, chapter: str | Path):
        self.quiz = load_quiz(chapter)
        super().__init__(_quiz=self.quiz.plain())

    def __repr__(self) -> str:
        return f"QuizPanel({self.quiz.title!r}, {len(self.quiz.questions)} questions)"
