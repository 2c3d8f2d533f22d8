"""`selfme student`: copies of notebooks for those who are to solve the exercises.

A teacher's notebook has a stub for each exercise and, below it, a folded solution in a cell tagged `solution`. In the
student's copy the stub says which names the answer gets, a cell that checks them stands in the solution's place
(`exercises`, `self_check`), and all outputs are gone, which would give the answers away. The folder of the copies is complete:
what they link to is copied too (`material`), and what they compute goes into `runs/` beside them.
"""

import copy
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import nbformat

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path

from .chapters import read_notebook
from .exercises import GIVEN, SOLUTION, exercises_of, is_solution
from .material import Material

__all__ = ["GIVEN", "RUNS", "SOLUTION", "is_solution", "student_copy", "write_student_copies"]

RUNS = "runs/lab"  # in the folder of the copies
CAPTIONS = "captions"


def write_student_copies(sources: Sequence[Path], out: Path, *, nbgrader: bool = False) -> list[Path]:
    """Write the students' copies of notebooks, and whatever these link to.

    Args:
        sources: the teacher's notebooks.
        out: a folder, or a file for a single notebook.
        nbgrader: for the folder `source/` of nbgrader: with its metadata, and with solutions, which nbgrader takes out.

    Returns:
        The notebooks that were written.

    Raises:
        DataError: a source is not a notebook, has no solutions, or a file with other content is in the way.
    """
    single = len(sources) == 1 and out.suffix == ".ipynb" and not out.is_dir()
    folder = out.parent if single else out
    targets = {source.resolve(): out if single else folder / source.name for source in sources}
    material = Material(folder, targets)
    texts: dict[Path, str] = {}
    for source, target in zip(sources, targets.values()):
        if not source.is_file():
            raise DataError(f"{source}: no such notebook")
        teacher = read_notebook(source, remedy="give an .ipynb file")
        if not any(map(is_solution, teacher.cells)):
            raise DataError(f"{source}: no cell has the tag {SOLUTION!r}; is this a student's copy already?")
        if target.resolve() == source.resolve():
            raise DataError(f"{target}: would overwrite the teacher's notebook; give another place")
        texts[target] = nbformat.writes(student_copy(teacher, source, material, nbgrader=nbgrader)) + "\n"
        if target.exists() and target.read_text(encoding="utf-8") != texts[target]:
            raise DataError(f"{target}: somebody may have worked in it; delete it, or give another folder")
    for target, text in texts.items():
        with atomic_path(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
    for source in sources:
        captions = source.parent / CAPTIONS / f"{source.stem}.yaml"
        if captions.is_file():
            with atomic_path(folder / CAPTIONS / captions.name) as temporary:
                shutil.copyfile(captions, temporary)
    material.write()
    return list(texts)


def student_copy(
    teacher: nbformat.NotebookNode, source: Path, material: Material, *, nbgrader: bool = False
) -> nbformat.NotebookNode:
    """The notebook without outputs, with checks instead of solutions, and with links that lead into `material`."""
    notebook = copy.deepcopy(teacher)
    place = material.targets[source.resolve()].parent
    for exercise in exercises_of(notebook, source.stem.partition("_")[0]):
        exercise.hand_out(notebook, nbgrader=nbgrader)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = material.relinked(cell.source, home=source.parent, place=place)
        elif "parameters" in cell.metadata.get("tags", []):
            runs = Path(os.path.relpath(material.folder / RUNS, place)).as_posix()
            cell.source = re.sub(r'(?m)^(run_dir: str = )"[^"]*"', rf'\1"{runs}"', cell.source)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    for name in ("widgets", "selfme"):
        notebook.metadata.pop(name, None)
    return notebook
