import json
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest

from selfme_lib.app.sweep import expand, name_of, read_grid, sweep, varied
from selfme_lib.runtime.errors import UsageError

CODE = """
import json
from selfme_lib.study.run_folder import RunFolder
run = RunFolder(run_dir)
run.folds.mkdir(parents=True, exist_ok=True)
with open(run.folds / "runs.txt", "a") as log:
    log.write("x")
if classifier["omega"] == 13:
    raise ValueError("unlucky")
right = int(classifier["omega"] > 0.5)  # the second subject's clip is positive
folds = [[[1, 0, 0], [0, 0, 0], [0, 0, 0]], [[0, 0, 0], [1 - right, right, 0], [0, 0, 0]]]
pooled = {"uf1": 2 / 3 if right else 2 / 9, "uar": (1 + right) / 3, "accuracy": 0.5}
rows = [
    {"name": name, "seed": s, "pooled": pooled, "folds": [{"confusion": fold} for fold in folds]}
    for name in rows
    for s in (seed, seed + 1)
]
run.metrics.write_text(json.dumps({"dataset": {"name": "toy"}, "times": {}, "rows": rows}))
"""
PARAMETERS = (
    'profile: str = "quick"\nrun_dir: str = ""\nseed: int = 0\nrows: list = []\nclassifier: dict = {}\n'
    "evaluation: dict = {}\n"
)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """A notebook of chapter 05's form that scores without learning."""
    cells = [nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(CODE)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = tmp_path_factory.mktemp("notebooks") / "05_toy.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


def test_lists_are_alternatives_and_all_combinations_are_points():
    points = expand({"seed": 1, "rows": [["a"], ["b", "c"]], "classifier": {"omega": [0.1, 0.2], "tau": 0.07}})
    assert len(points) == 4
    assert points[0] == {"seed": 1, "rows": ["a"], "classifier": {"omega": 0.1, "tau": 0.07}}
    assert varied(points) == ["rows", "classifier.omega"]
    assert len({name_of(point, varied(points)) for point in points}) == 4
    assert name_of(points[3], varied(points)).startswith("rows=b_c-omega=0.2-")
    with pytest.raises(UsageError, match=r"rows has no alternatives; .* \[\[\]\]"):
        expand({"rows": []})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("omega: [1]", "05_toy.ipynb has no parameter omega; there are classifier"),
        ("- 1", "expected `name: value` lines"),
        ("a: [", "not valid YAML"),
        ("seed: 1\nseed: 2", "seed is given twice"),
        ("rows: [a, b]", r"rows: expected a list, got 'a'; in a grid .*: a list as value is written \[\[a, b\]\]"),
        ("rows: a", "rows: expected a list, got 'a'"),
        ("evaluation: {omegas: [0.1, 1.0]}", r"evaluation\.omegas: expected a list, got 0\.1; .* \[\[a, b\]\]"),
        ("classifier: {omga: [0.1, 0.2]}", r"classifier\.omga is unknown; did you mean omega\?"),
        ("classifier: {omega: [0.1, -1]}", r"classifier\.omega: should be greater than or equal to 0"),
        ("classifier: [1, 2]", "classifier: expected names and values, got 1"),
        ("profile: quik", "profile quik is unknown; did you mean quick"),
        ("profile: 5", "profile: expected text, got 5"),
        ("seed: [0, x]", "seed: expected a whole number, got 'x'"),
        (f"seed: {list(range(40))}\nclassifier: {{omega: {[0.1] * 40}}}", "1,600 points, .*at most 1,000"),
        (None, "no such file"),
    ],
)
def test_a_wrong_grid_is_named(notebook, tmp_path, text, message):
    path = tmp_path / "grid.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=message) as error:
        read_grid(path, notebook)
    assert "grid.yaml" in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(UsageError, match="no such notebook"):
        read_grid(path, tmp_path / "no.ipynb")


def test_a_sweep_runs_every_point_once_and_makes_one_table(notebook, tmp_path):
    grid = tmp_path / "grid.yaml"
    grid.write_text("rows: [[a, b]]\nclassifier: {omega: [0.1, 0.9, 13]}\n")
    points, out = read_grid(grid, notebook), tmp_path / "sweep"
    with ThreadPoolExecutor(1) as pool:
        table, outcomes = sweep(notebook, points, out, executor=pool)
    assert [outcome.status for outcome in outcomes] == ["done", "done", "failed"]
    assert "unlucky" in outcomes[2].message
    assert table["classifier.omega"].tolist() == [0.1, 0.1, 0.9, 0.9]
    assert table["method"].tolist() == ["a", "b"] * 2 and set(table["seeds"]) == {2}
    assert table["uar"].tolist() == pytest.approx([1 / 3] * 2 + [2 / 3] * 2)
    assert {path.name for path in out.glob("sweep.*")} == {"sweep.csv", "sweep.json", "sweep.md", "sweep.tex"}
    assert len(list(out.glob("points/*/notebooks/05_toy.ipynb"))) == 2
    assert not any(path.is_symlink() for path in out.rglob("*"))  # which some systems and disks do not have
    assert (out / "shared" / "folds" / "runs.txt").read_text() == "xxx"  # what is expensive has one place

    again, outcomes = sweep(notebook, points[:2], out)
    assert [outcome.status for outcome in outcomes] == ["kept", "kept"]
    assert (out / "shared" / "folds" / "runs.txt").read_text() == "xxx"
    assert again.equals(table)
    assert json.loads((next(out.glob("points/omega=0.1*")) / "profile.json").read_text())["evaluation"]["workers"] == 1
