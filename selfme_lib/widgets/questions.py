"""Quizzes: one YAML file a chapter in `quizzes/`, named like its notebook.

    questions:
      - ask: Where does the flow of this project point?
        see: §2
        right: From the apex back to the onset.
        because: Each pixel of the apex asks where it came from.
        wrong:
          From the onset to the apex.: Then pixels of the apex that nothing reaches would stay empty.
      - ask: What is det J of a rotation?
        number: 1
        because: A rotation keeps areas.
        slips:
          0: That would squeeze everything onto a line.
        otherwise: By which factor does an area change?

`code`, *emphasis* and **strength** may stand in the texts, and nothing else of Markdown.
"""

import hashlib
import html
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_yaml
from selfme_lib.runtime.settings import STRICT, from_plain

QUIZZES = Path(__file__).parent / "quizzes"
Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, config=STRICT)
class Question:
    """One question: of several answers one is right, or the answer is a number.

    Attributes:
        ask: the question.
        see: where in the chapter the answer is.
        because: why the right answer is right.
        right: the right answer, of several.
        wrong: the others, each with what to say to those who choose it.
        number: the right answer, as a number.
        within: how far off it may be.
        unit: of the number.
        slips: wrong numbers that mistakes lead to, each with what to say.
        otherwise: what to say about any other number.
    """

    ask: Text
    because: Text
    see: str = ""
    right: str = ""
    wrong: dict[str, Text] = Field(default_factory=dict)
    number: float | None = None
    within: Annotated[float, Field(ge=0)] = 0.0
    unit: str = ""
    slips: dict[float, Text] = Field(default_factory=dict)
    otherwise: str = ""

    @property
    def choices(self) -> list[tuple[str, bool, str]]:
        """Answer, whether it is right, what to say: in an order that depends on the texts alone."""
        several = [(self.right, True, self.because), *((text, False, said) for text, said in self.wrong.items())]
        return sorted(several, key=lambda one: hashlib.sha256(f"{self.ask}{one[0]}".encode()).digest())


@dataclass(frozen=True, config=STRICT)
class Quiz:
    """The questions on a chapter."""

    title: str
    questions: tuple[Question, ...]

    def plain(self) -> dict[str, Any]:
        """The quiz as `front/quiz.js` takes it; texts as HTML."""
        return {"title": self.title, "questions": [_plain(one) for one in self.questions]}


def load_quiz(chapter: str | Path) -> Quiz:
    """The quiz of a chapter (`02`, `A1`), or of a YAML file of one's own.

    Raises:
        UsageError: there is no such quiz.
        DataError: a question has neither or both kinds of answer, or an answer lacks its comment.
    """
    path = Path(chapter)
    if path.suffix not in (".yaml", ".yml"):
        known = {one.stem[:2]: one for one in sorted(QUIZZES.glob("*.yaml"))}
        number = str(chapter)[:2].zfill(2).upper()
        if number not in known:
            raise UsageError(f"{chapter}: no quiz for this chapter; there are {', '.join(known)}")
        path = known[number]
    content = read_yaml(path)
    questions = content.get("questions")
    if not isinstance(questions, list) or not questions or set(content) - {"title", "questions"}:
        raise DataError(f"{path}: expected a title, if you like, and a list of questions")
    number, _, topic = path.stem.partition("_")
    title = str(content.get("title") or f"{number} · {topic.replace('_', ' ').capitalize() or 'Quiz'}")
    return Quiz(title, tuple(_question(one, f"{path}: question {n}") for n, one in enumerate(questions, 1)))


def _question(facts: Any, where: str) -> Question:
    if not isinstance(facts, dict):
        raise DataError(f"{where}: expected names and values, got {facts!r}")
    try:
        question = from_plain(Question, facts, where=where)
    except UsageError as error:
        raise DataError(str(error)) from None
    if (question.number is None) == (not question.right):
        raise DataError(f"{where}: give either `right` and `wrong`, or `number`")
    if question.right and (not question.wrong or question.right in question.wrong):
        raise DataError(f"{where}: give `wrong` answers, each with what to say about it")
    near = [
        slip
        for slip in question.slips
        if question.number is not None and abs(slip - question.number) <= question.within
    ]
    if near:
        raise DataError(f"{where}: the slip {near[0]:g} would count as right")
    return question


def marked_up(text: str) -> str:
    """A text as HTML."""
    text = html.escape(text.strip(), quote=False)
    for pattern, tag in ((r"`([^`]+)`", "code"), (r"\*\*([^*]+)\*\*", "strong"), (r"\*(\S(?:[^*\n]*\S)?)\*", "em")):
        text = re.sub(pattern, rf"<{tag}>\1</{tag}>", text)
    return text


def _plain(one: Question) -> dict[str, Any]:
    facts: dict[str, Any] = {"ask": marked_up(one.ask), "see": one.see, "because": marked_up(one.because)}
    if one.number is None:
        choices = [
            {"text": marked_up(text), "right": right, "said": marked_up(said)} for text, right, said in one.choices
        ]
        return facts | {"choices": choices}
    slips = [{"number": slip, "said": marked_up(said)} for slip, said in one.slips.items()]
    number = {"number": one.number, "within": one.within, "unit": one.unit}
    return facts | number | {"slips": slips, "otherwise": marked_up(one.otherwise)}
