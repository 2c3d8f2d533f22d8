import ast
import builtins
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from test_runner import write_notebook

from selfme_lib.app import cli
from selfme_lib.app.chapters import find_appendices, find_notebooks
from selfme_lib.app.exercises import CHECK, GIVEN, exercises_of, unseal
from selfme_lib.app.self_check import WIDTH, alike, check, verdict
from selfme_lib.app.student import is_solution, write_student_copies
from selfme_lib.runtime.errors import DataError

NOTEBOOKS = [*find_notebooks(), *find_appendices()]
GRADED = {"schema_version", "grade_id", "grade", "solution", "locked", "task"}  # nbgrader's schema 3; points if grade


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """All copies at once, in a folder outside of the project."""
    folder = tmp_path_factory.mktemp("class")
    assert cli.run(["student", "--all", str(folder / "course")]) == 0
    return folder / "course"


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_copy_holds_stubs_and_checks_and_neither_solutions_nor_outputs(course, source):
    teacher = nbformat.read(source, as_version=4)
    copy = nbformat.read(course / source.name, as_version=4)
    nbformat.validate(copy)
    assert len(copy.cells) == len(teacher.cells)
    solved = [place for place, cell in enumerate(teacher.cells) if is_solution(cell)]
    for place in solved:
        assert not any(teacher.cells[place].source in cell.source for cell in copy.cells)
        assert copy.cells[place].metadata.tags == [CHECK] and not is_solution(copy.cells[place])
        assert copy.cells[place - 1].source.startswith(GIVEN)
    assert not any(cell.outputs or cell.execution_count for cell in code_of(copy))
    assert not set(copy.metadata) & {"widgets", "selfme"}
    (parameters,) = (cell for cell in copy.cells if "parameters" in cell.metadata.get("tags", []))
    assert 'run_dir: str = "runs/lab"' in parameters.source


def test_nothing_in_the_folder_leads_out_of_it_or_nowhere(course):
    pages = [(path, path.read_text(encoding="utf-8")) for path in course.rglob("*.md")]
    for path in course.glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        pages.append((path, "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")))
    links = [(path, target) for path, text in pages for target in re.findall(r"\]\(([^)#\s]+)", text)]
    links = [(path, target) for path, target in links if not re.match("https?:|mailto:", target)]
    assert len(links) > 100
    for path, target in links:
        there = (path.parent / target).resolve()
        assert there.is_file() and there.is_relative_to(course.resolve()), f"{path}: {target}"


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_copy_runs_without_its_solutions(course, source):
    """No cell uses a name that only a solution defines."""
    copy = nbformat.read(course / source.name, as_version=4)
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


def test_the_teachers_notebook_stays_as_it_is_and_so_does_a_students_work(tmp_path):
    source = NOTEBOOKS[0]
    before = source.read_bytes()
    mine = tmp_path / "class" / "mine.ipynb"
    assert write_student_copies([source], mine) == [mine] == write_student_copies([source], mine)
    assert source.read_bytes() == before
    with pytest.raises(DataError, match="overwrite the teacher's"):
        write_student_copies([source], source.parent)
    notebook = nbformat.read(mine, as_version=4)
    notebook.cells[-3].source += "\n# an answer"
    nbformat.write(notebook, mine)
    with pytest.raises(DataError, match="may have worked in it"):
        write_student_copies([source], mine)
    assert "# an answer" in mine.read_text(encoding="utf-8")


def exercise_notebook(stub, solution, **metadata):
    text = nbformat.v4.new_markdown_cell("**1.** How many?\n\n*Expected:\na [large](x.md) number.*")
    cells = [
        nbformat.v4.new_code_cell(stub),
        nbformat.v4.new_code_cell(solution, metadata={"tags": ["solution"], **metadata}),
    ]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("known = 2\ntaken = 5"), text, *cells])


@pytest.mark.parametrize(
    ("solution", "metadata", "answers"),
    [
        ("many = known * 3\nassert many == 6", {}, ["many"]),
        ("taken = known * 3\nassert taken == 6", {}, ["my_taken"]),  # not to be mistaken for the old one
        ("taken += 1\nassert taken == 6", {}, []),  # the old one is needed
        ("many = known * 3\nprint(many)", {}, []),
        ("many = known * 3\nprint(many)", {"answers": ["many"]}, ["many"]),
        ("def twice(x):\n    y = 2 * x\n    return y\nassert twice(2) == 4", {}, ["twice"]),
        ("import math\nr = [x for x in (1, 2)]\nassert math.fsum(r) == 3", {}, ["r"]),
        ("for i in (1, 2):\n    last = i * known\nassert last == 4", {}, ["last"]),
        ("many = known\ntorch.testing.assert_close(many, 2)", {}, ["many"]),
    ],
)
def test_answers_are_what_a_solution_binds_and_asserts(solution, metadata, answers):
    (exercise,) = exercises_of(exercise_notebook("# your turn", solution, **metadata), "02")
    assert list(exercise.answers) == answers
    assert exercise.name == "02-1" and exercise.expected == "a large number."


def test_the_check_in_a_copy_knows_right_from_wrong(tmp_path, capsys):
    source = tmp_path / "02_small.ipynb"
    nbformat.write(exercise_notebook("# your turn: six", "taken = known * 3\nassert 4 < taken < 8"), source)
    (path,) = write_student_copies([source], tmp_path / "out")
    setup, _, stub, checks = nbformat.read(path, as_version=4).cells
    said = []
    for answer in (None, 5, 6, 9, "six"):
        names = {}
        exec(setup.source, names)
        exec(stub.source, names)
        assert names["my_taken"] is ...
        if answer is not None:
            names["my_taken"] = answer
        exec(checks.source, names)
        said.append(capsys.readouterr().out)
        assert names["taken"] == 5, "a check changes nothing"
    blank, near, right, wrong, word = said
    assert blank == "✗ Exercise 02-1: there is no `my_taken` yet. Expected: a large number.\n"
    assert near.startswith("✓") and "differs from ours" in near
    assert right == "✓ Exercise 02-1: right.\n"
    assert wrong.startswith("✗") and "`my_taken` is 9" in wrong
    assert max(map(len, "".join(said).splitlines())) <= WIDTH
    assert word.startswith("✗") and "not the kind of thing" in word
    assert "known" not in "".join(said) and "<" not in "".join(said), "nothing of the solution is shown"


FILLED = "f = {}\nfor k in (1, 2):\n    f[k] = base * k\nassert f[2] >= f[1]"
LISTED = "f = []\nwith torch.no_grad():\n    f.append(base)\nassert f"


@pytest.mark.parametrize(
    ("answers", "solution", "mine", "right"),
    [
        (["f"], FILLED, {"f": {1: 2, 2: 4}}, True),  # what a loop fills is put in when it is full
        (["f"], FILLED, {"f": {1: 4, 2: 2}}, False),
        (["f"], FILLED, {"f": {}}, False),
        (["f"], LISTED, {"f": [2]}, True),
        (["f"], LISTED, {"f": []}, False),
        (["n"], "n = base + 1", {"n": 3}, True),  # no assert: compared with ours
        (["n"], "n = base + 1", {"n": 4}, False),
        (["n"], "n = base + 1\nassert n > 5, 'too small'", {"n": 6}, True),  # ours fails, the student's does not
        (["n"], "for i in (1, 2):\n    n = i\n    assert n == i", {"n": 2}, True),  # not put into a loop
        (["n"], "if base > 5:\n    assert n == 7\nn = 1", {"n": 1}, True),
        (["f"], "def f(x):\n    return 2 * x\nassert f(base) == 4", {"f": lambda x: x + x}, True),
        (["f"], "def f(x):\n    return 2 * x\nassert f(base) == 4", {"f": lambda x: x}, False),
        (["t"], "t = torch.ones(2, 2)", {"t": np.ones((2, 2))}, True),
        (["t"], "t = torch.ones(2, 2)", {"t": torch.ones(2)}, False),
        (["t"], "t = torch.randn(2)\nassert len(t) == 2", {"t": torch.ones(2)}, True),  # chance is not compared
        (["n"], "n = lost + 1", {"n": 3}, False),
        ([], "print(base)", {}, None),
    ],
)
def test_verdicts(answers, solution, mine, right):
    names = {"base": 2, "torch": torch, **mine}
    found, words = verdict(names, answers=answers, solution=solution, expected="")
    assert found is right, words
    assert "differs" not in words or mine == {"n": 6}
    assert "lost" not in solution or "run it from the top" in words


def test_what_is_alike():
    assert alike([1, 2.001], (1, 2)) and not alike([1], (1, 2)) and not alike("a", 1)
    assert alike({"a": {3}}, {"a": {3}}) and not alike({"a": 1}, {"b": 1}) and alike(object(), object()) is None
    assert not alike(True, "x") and alike(float("nan"), float("nan"))


def test_solutions_that_need_nothing_but_imports_pass_their_own_checks(capsys):
    done = 0
    for source in NOTEBOOKS:
        notebook = nbformat.read(source, as_version=4)
        trees = [ast.parse(cell.source) for cell in code_of(notebook)]
        imports = [node for tree in trees for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        modules = {}
        for exercise in exercises_of(notebook, source.stem[:2]):
            names = set(ast.walk(ast.parse(exercise.solution)))
            loaded = {node.id for node in names if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
            stored = {node.id for node in names if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
            known = {alias.asname or alias.name for node in imports for alias in node.names}
            if not exercise.answers or not loaded <= stored | known | set(dir(builtins)):
                continue
            if not modules:
                exec(ast.unparse(ast.Module(imports, [])), modules)
            solved = dict(modules)
            exec(exercise.solution, solved)
            found, words = verdict(solved, answers=list(exercise.answers), solution=exercise.solution, expected="")
            assert found is True and words == "right.", f"{exercise.name}: {words}"
            done += 1
    assert done >= 4


def test_nbgrader_gets_its_metadata_solutions_and_strict_checks(tmp_path):
    assert cli.run(["student", "02", "--nbgrader", str(tmp_path)]) == 0
    notebook = nbformat.read(tmp_path / "02_motion_learning.ipynb", as_version=4)
    graded = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    ids = [cell.metadata.nbgrader.grade_id for cell in graded]
    assert len(ids) == len(set(ids)) >= 4 and all(re.fullmatch(r"[\w-]+", one) for one in ids)
    for cell in graded:
        facts = cell.metadata.nbgrader
        assert set(facts) == GRADED | ({"points"} if facts.grade else set()) and facts.schema_version == 3
        assert cell.cell_type == "code" and not facts.task and facts.locked is not facts.solution
        if facts.solution:
            assert cell.source.count("### BEGIN SOLUTION") == cell.source.count("### END SOLUTION") == 1
            begin = cell.source.index("### BEGIN SOLUTION")
            assert cell.source.index("= ...") < begin, "what stays when the solution is cut out"
    tests = [cell for cell in graded if cell.metadata.nbgrader.grade]
    assert tests and all("strict=True" in cell.source for cell in tests if cell.metadata.nbgrader.locked)
    sealed = "".join(re.findall(r'"(.+)"', tests[0].source))
    names = {name: 0 for name in unseal(sealed)["answers"]}
    with pytest.raises(AssertionError, match="exercise 02-1"):
        check(names, sealed, strict=True)


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["77", "out"], "77: no such chapter; there are 00, 01"),
        (["out"], "give a chapter, or --all: selfme student 02 out"),
        (["--all", "02", "out"], "out: give a chapter, or --all"),
    ],
)
def test_a_wrong_call_is_one_line(capfd, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert cli.run(["student", *arguments]) == 2
    error = capfd.readouterr().err
    assert words in error and error.count("\n") == 1 and list(tmp_path.iterdir()) == []
