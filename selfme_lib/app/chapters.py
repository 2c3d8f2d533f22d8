"""The notebooks as files: which exist, what the results of one depend on, what must not be published of it."""

import ast
import json
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.fingerprint import code_hash, fingerprint
from selfme_lib.runtime.paths import CLONE, NOTEBOOKS, PACKAGE, PROJECT
from selfme_lib.study.captions import FOLDER

if TYPE_CHECKING:
    from nbformat import NotebookNode

BEYOND = "08"  # the first chapter that goes beyond the paper
SHIPPED = (".npz", ".safetensors", ".csv")  # data that come with the package and can change a result
RESTORE = "restore it, with `git checkout` if it is one of the project's"


def find_notebooks(folder: Path = NOTEBOOKS, only: list[str] | None = None) -> list[Path]:
    """The paper's chapters in reading order. Chapters beyond the paper and appendices have to be asked for.

    Args:
        only: numbers (`05`, `5`, `08` or `A1`) or names to choose; 00 to 07 by default.

    Raises:
        UsageError: the folder holds no notebooks, or one of `only` does not exist.
    """
    notebooks = sorted(path for path in folder.glob("[0-9][0-9]_*.ipynb") if path.stem[:2] < BEYOND)
    if not notebooks:
        raise UsageError(f"no notebooks in {folder}: {CLONE}")
    if not only:
        return notebooks
    notebooks += find_appendices(folder)
    chosen = set()
    for wanted in only:
        number = wanted.zfill(2).upper()
        found = [path for path in notebooks if path.stem == wanted or path.stem[:2] == number]
        if not found:
            raise UsageError(f"--only {wanted}: no such notebook; there are {', '.join(p.stem for p in notebooks)}")
        chosen.update(found)
    return sorted(chosen)


def find_appendices(folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks that `make reproduce` leaves out because they take long and nothing builds on them: 08 and up, A1."""
    beyond = [path for path in folder.glob("[0-9][0-9]_*.ipynb") if path.stem[:2] >= BEYOND]
    return sorted([*beyond, *folder.glob("A[0-9]_*.ipynb")])


def read_notebook(path: Path, *, remedy: str) -> "NotebookNode":
    """Read a notebook of any version.

    Raises:
        DataError: it is damaged or something else; the message ends in `remedy`.
    """
    import nbformat

    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        return notebook
    except FileNotFoundError:
        raise DataError(f"{path}: no such notebook; {remedy}") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, nbformat.ValidationError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: damaged, not a notebook ({reason[:100]}); {remedy}") from None


def notebook_fingerprint(notebook: Path, parameters: Mapping[str, Any]) -> str:
    """A hash of everything that determines a notebook's results.

    Counted are its cells (not their outputs), its captions, its parameters, the modules of this package that its code imports,
    with all that they build on, and the data files that come with the package.
    """
    cells = [
        (cell.cell_type, cell.source, list(cell.metadata.get("tags", [])))
        for cell in read_notebook(notebook, remedy=RESTORE).cells
    ]
    modules = {name for kind, source, _ in cells if kind == "code" for name in _imported_modules(source)}
    captions = sorted((notebook.parent / FOLDER).glob(f"{notebook.stem[:2]}_*.yaml"))
    shipped = [path for path in sorted(PACKAGE.rglob("*")) if path.suffix in SHIPPED]
    return fingerprint(
        code=[],
        modules=code_hash(*sorted(modules)),
        shipped=[*shipped, *captions],
        cells=cells,
        parameters=dict(parameters),
    )


def _imported_modules(code: str) -> set[str]:
    """Names of this package's modules that a cell imports. A name that is not a module's does no harm: it has no file."""
    try:
        tree = ast.parse(re.sub(r"(?m)^\s*[%!].*", "", code))  # IPython's magics are not Python
    except SyntaxError:  # the cell will fail, and the run will say why
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    return {name for name in names if name.startswith(f"{PACKAGE.name}.")}


def machine_paths(notebook: Mapping[str, Any]) -> list[str]:
    """Absolute paths of this machine in a notebook's text: what must not be published.

    Pictures are left out: base64 uses `/`, so a few hundred kilobytes of it may well contain `/tmp`.

    Returns:
        The offending paths, each once.
    """
    places = {PROJECT, Path.home(), Path(sys.prefix), Path(tempfile.gettempdir())} - {Path("/")}
    roots = "|".join(re.escape(str(place)) for place in sorted(places))
    text = re.sub(r"[A-Za-z0-9+/]{500,}", "", json.dumps(notebook, ensure_ascii=False))
    return sorted(set(re.findall(rf"(?:{roots})[\w./+-]*", text)))
