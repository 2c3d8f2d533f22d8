import ast
import builtins
import re
from pathlib import Path
from urllib.request import url2pathname

import nbformat
import pytest
from test_runner import write_notebook

from selfme_lib.app import cli
from selfme_lib.app.chapters import find_appendices, find_notebooks
from selfme_lib.app.student import EMPTY, GIVEN, is_solution, student_copy, write_student_copy
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.paths import PROJECT

NOTEBOOKS = [*find_notebooks(), *find_appendices()]


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_copy_holds_stubs_and_neither_solutions_nor_outputs(source, tmp_path):
    teacher = nbformat.read(source, as_version=4)
    copy = nbformat.read(write_student_copy(source, tmp_path), as_version=4)
    nbformat.validate(copy)
    assert len(copy.cells) == len(teacher.cells)
    solved = [cell.source for cell in teacher.cells if is_solution(cell)]
    assert solved and all(cell.source == EMPTY for cell in copy.cells if is_solution(cell))
    assert sum(cell.source.startswith(GIVEN) for cell in copy.cells) >= len(solved)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in copy.cells)
    assert not set(copy.metadata) & {"widgets", "selfme"}
    for solution in solved:
        assert solution not in (tmp_path / source.name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", "\n".join(c.source for c in copy.cells if c.cell_type == "markdown")):
        there = (tmp_path / target).resolve()
        pictured = (
            there.parent == PROJECT / "figures" and "selfme" not in teacher.metadata
        )  # published with the first run
        assert target.startswith("http") or pictured or there.exists(), target


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_copy_runs_without_its_solutions(source):
    """No cell uses a name that only a solution defines."""
    copy = student_copy(nbformat.read(source, as_version=4), source.parent, source.parent)
    tree = ast.parse("\n".join(cell.source for cell in copy.cells if cell.cell_type == "code"))
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    known = {node.id for node in names if not isinstance(node.ctx, ast.Load)} | set(dir(builtins))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            known.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            known |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            known.add(node.name)
    assert {node.id for node in names if isinstance(node.ctx, ast.Load)} <= known


def test_links_to_another_drive_are_addresses(tmp_path, monkeypatch):
    def on_windows(path, start):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr("os.path.relpath", on_windows)
    copy = student_copy(nbformat.read(NOTEBOOKS[0], as_version=4), NOTEBOOKS[0].parent, tmp_path)
    targets = re.findall(r"\]\((file:[^)#]+)", "\n".join(c.source for c in copy.cells if c.cell_type == "markdown"))
    assert targets and all(Path(url2pathname(target.removeprefix("file://"))).exists() for target in targets)


def test_the_teachers_notebook_stays_as_it_is(tmp_path):
    source = NOTEBOOKS[0]
    before = source.read_bytes()
    written = write_student_copy(source, tmp_path / "class" / "mine.ipynb")
    assert written == tmp_path / "class" / "mine.ipynb" and source.read_bytes() == before
    with pytest.raises(DataError, match="overwrite the teacher's"):
        write_student_copy(source, source.parent)


def test_what_is_no_teachers_notebook_is_refused_in_one_line(tmp_path, capfd):
    write_notebook(tmp_path / "00_plain.ipynb", "1 + 1")
    (tmp_path / "broken.ipynb").write_text("{")
    for name, words in (
        ("00_plain.ipynb", "no cell has the tag"),
        ("broken.ipynb", "not a notebook"),
        ("none.ipynb", "no such"),
    ):
        code = cli.run(["student", str(tmp_path / name), str(tmp_path / "out")])
        error = capfd.readouterr().err
        assert code == 1 and words in error and error.count("\n") == 1
    assert not Path(tmp_path, "out").exists()
