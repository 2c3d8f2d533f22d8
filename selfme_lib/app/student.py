"""`selfme student`: a copy of a notebook for those who are to solve its exercises.

A teacher's notebook has a stub for each exercise and, below it, a folded solution in a cell tagged `solution`. In the
student's copy the solutions are empty, and so are all outputs, which would give the answers away.
"""

import copy
import re
from pathlib import Path

import nbformat

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.paths import seen_from

from .chapters import read_notebook

SOLUTION = "solution"  # tag of a cell
GIVEN = "# your turn"  # how a stub begins
EMPTY = "# The solution is in the teacher's copy."


def write_student_copy(source: Path, out: Path) -> Path:
    """Write the student's copy of a notebook.

    Args:
        source: the teacher's notebook.
        out: a file, or a folder that gets a file of the same name.

    Returns:
        The file that was written.

    Raises:
        DataError: `source` is not a notebook, has no solutions, or would be overwritten.
    """
    if not source.is_file():
        raise DataError(f"{source}: no such notebook")
    teacher = read_notebook(source, remedy="give an .ipynb file")
    if not any(map(is_solution, teacher.cells)):
        raise DataError(f"{source}: no cell has the tag {SOLUTION!r}; is this a student's copy already?")
    target = out / source.name if out.is_dir() or out.suffix != ".ipynb" else out
    if target.resolve() == source.resolve():
        raise DataError(f"{target}: would overwrite the teacher's notebook; give another place")
    with atomic_path(target) as temporary:
        nbformat.write(student_copy(teacher, source.parent, target.parent), temporary)
    return target


def is_solution(cell: nbformat.NotebookNode) -> bool:
    """Whether the cell is the solution of an exercise."""
    return SOLUTION in cell.metadata.get("tags", [])


def student_copy(teacher: nbformat.NotebookNode, home: Path, place: Path) -> nbformat.NotebookNode:
    """The notebook without solutions and outputs, with links that lead from `place` to where they led from `home`."""
    notebook = copy.deepcopy(teacher)
    for cell in notebook.cells:
        if is_solution(cell):
            cell.source = EMPTY
        elif cell.cell_type == "markdown":
            cell.source = _relinked(cell.source, home, place)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    for name in ("widgets", "selfme"):
        notebook.metadata.pop(name, None)
    return notebook


def _relinked(text: str, home: Path, place: Path) -> str:
    def moved(match: re.Match) -> str:
        file, hash_, anchor = match[1].partition("#")
        if re.match(r"https?:|mailto:|attachment:", file) or not file:
            return match[0]
        there = Path(seen_from(place.resolve(), (home / file).resolve()))
        return f"]({there.as_uri() if there.is_absolute() else there.as_posix()}{hash_}{anchor})"

    return re.sub(r"\]\(([^)\s]+)\)", moved, text)
