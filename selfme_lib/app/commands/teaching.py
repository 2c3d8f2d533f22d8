"""Commands for teachers: copies for students, slides, quizzes."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from selfme_lib.app.extras import extra
from selfme_lib.runtime.errors import UsageError

Chapters = Annotated[
    list[Path] | None, typer.Argument(metavar="CHAPTER", help="Numbers, or notebooks.", show_default=False)
]
Out = Annotated[
    Path, typer.Argument(metavar="OUT", help="Where to write: a folder, or a file for one chapter.", show_default=False)
]
All = Annotated[bool, typer.Option("--all", help="Every chapter and appendix; OUT is a folder.")]


def student(
    *,
    chapters: Chapters = None,
    out: Out,
    every: All = False,
    nbgrader: Annotated[
        bool, typer.Option("--nbgrader", help="For nbgrader's source folder: its metadata, and solutions.")
    ] = False,
) -> None:
    """Copy notebooks without solutions and outputs. Exercises check themselves; OUT can be moved anywhere."""
    with extra("notebooks"):
        from selfme_lib.app.student import write_student_copies

    sources = _notebooks(chapters or [], out, every=every, command="student")
    for path in write_student_copies(sources, out, nbgrader=nbgrader):
        print(path, file=sys.stderr)


def slides(
    *,
    chapters: Chapters = None,
    out: Out,
    every: All = False,
) -> None:
    """Make slides of notebooks. One page each, with notes for the speaker; they need no network."""
    with extra("docs"):
        from selfme_lib.app.slides import write_slides

    sources = _notebooks(chapters or [], out, every=every, command="slides")
    single = len(sources) == 1 and out.suffix == ".html"
    for source in sources:
        page, count = write_slides(source, out if single else out / f"{source.stem}.html")
        print(f"{page}: {count} slides", file=sys.stderr)


def quiz(
    *,
    chapters: Annotated[
        list[Path] | None,
        typer.Argument(metavar="CHAPTER", help="Numbers, or YAML files of your own.", show_default=False),
    ] = None,
    out: Out,
    every: All = False,
    answers: Annotated[bool, typer.Option("--answers", help="With answers and comments, for the teacher.")] = False,
) -> None:
    """Write the quiz of a chapter as a page. For a screen, or to be printed; in a notebook: widgets.quiz("02")."""
    from selfme_lib.app.quiz_page import write_quiz
    from selfme_lib.widgets.questions import QUIZZES, load_quiz

    if every == bool(chapters):
        raise UsageError(f"{out}: give a chapter, or --all: selfme quiz 02 quiz.html; selfme quiz --all {out}")
    sources = sorted(QUIZZES.glob("*.yaml")) if every else chapters or []
    quizzes = {Path(source).stem: load_quiz(source) for source in sources}
    single = len(quizzes) == 1 and out.suffix == ".html"
    for name, one in quizzes.items():
        page = out if single else out / f"{name}{'_answers' if answers else ''}.html"
        print(f"{write_quiz(one, page, answers=answers)}: {len(one.questions)} questions", file=sys.stderr)


def _notebooks(chapters: list[Path], out: Path, *, every: bool, command: str) -> list[Path]:
    """The notebooks that were asked for.

    Raises:
        UsageError: none, or `--all` and some; or a number that no chapter has.
    """
    from selfme_lib.app.chapters import find_appendices, find_notebooks

    if every == bool(chapters):
        raise UsageError(f"{out}: give a chapter, or --all: selfme {command} 02 {out}; selfme {command} --all {out}")
    return [*find_notebooks(), *find_appendices()] if every else [notebook_of(chapter) for chapter in chapters]


def notebook_of(chapter: Path) -> Path:
    """A notebook from its path, or from a chapter's number or name.

    Raises:
        UsageError: there is no such chapter.
    """
    from selfme_lib.app.chapters import find_appendices, find_notebooks

    if chapter.suffix == ".ipynb":
        return chapter
    notebooks = [*find_notebooks(), *find_appendices()]
    wanted = str(chapter).zfill(2).upper()
    for path in notebooks:
        if path.stem[:2] == wanted or path.stem == str(chapter):
            return path
    raise UsageError(f"{chapter}: no such chapter; there are {', '.join(path.stem[:2] for path in notebooks)}")
