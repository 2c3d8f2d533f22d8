"""What a run has left is damaged, cut off, of another type or shape: one line that names the file and says what to do."""

import copy
import json
import os
import re

import nbformat
import pandas as pd
import pytest
from matplotlib.figure import Figure
from test_runner import PARAMETERS, write_notebook

from selfme_lib.app import cli, runner
from selfme_lib.app.chapters import find_notebooks, read_notebook
from selfme_lib.app.execution import Outcome
from selfme_lib.app.report import render
from selfme_lib.app.site import write_site
from selfme_lib.app.verify import key_numbers, read_published, write_published
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_json, write_json
from selfme_lib.runtime.locks import in_use
from selfme_lib.study import profiles
from selfme_lib.study.results import Result, loso_record, metrics_record
from selfme_lib.study.rows import Row
from selfme_lib.study.run_folder import RunFolder

PREDICTIONS = pd.DataFrame({"subject": ["01", "02"], "clip": ["a", "b"], "label": [0, 1], "prediction": [0, 1]})
BYTES = [b"", b"{", b"\xff\xfe", b"[]", b"5", b'"text"', b"null", b"{}", b"[" * 100_000, b'{"a": NaN}']


@pytest.fixture(autouse=True)
def _no_power_cuts(monkeypatch):
    """Waiting for the disk is most of what many small files cost."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def run(tmp_path):
    run = RunFolder(tmp_path / "quick")
    settings = profiles.load("quick")
    write_json(run.profile, profiles.to_dict(settings))
    run.save_table("05_scores", pd.DataFrame({"method": ["x"], "UF1": [0.5]}), title="Scores")
    run.save_values("05_counts", {"clips": 144}, title="Counts")
    run.save_figure("05_confusion", Figure(figsize=(1, 1)), title="Confusion", caption="c", alt="a")
    result = Result(
        Row("x"), (loso_record("x", PREDICTIONS, seed=0, settings={}, classes=3),), ({"01": 1.0, "02": 1.0},)
    )
    write_json(run.metrics, metrics_record(settings, {"name": "synthme", "fingerprint": "f"}, [result]))
    timing = {
        "status": "done",
        "seconds": 1.5,
        "peak_memory_mb": 99,
        "key": "k",
        "message": "",
        "saved": run.saved("05"),
    }
    write_json(run.timings, {"profile": "quick", "notebooks": {"05_scvit": timing | {"scored": True}}})
    run.notebooks.mkdir()
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 05", id="a")]), run.notebooks / "05_s.ipynb"
    )
    return run


FILES = [
    *("profile.json", "metrics.json", "timings.json", "notebooks/05_s.ipynb"),
    *("results/05_scores.json", "results/05_counts.json", "figures/05_confusion.json"),
]


def variants(value, path=()):
    """Copies of a JSON value in which something is missing or of another type, down to the fourth level."""
    inside = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, item in inside:
        without, other = copy.deepcopy(value), copy.deepcopy(value)
        del without[key]
        other[key] = [1, {"a": 2}] if isinstance(item, str | int | float | None) else "text"
        yield from (without, other)
        if len(path) < 3:
            for changed in variants(item, (*path, key)):
                whole = copy.deepcopy(value)
                whole[key] = changed
                yield whole


def complaint(capfd, *arguments):
    """The exit code of a command and what it said on standard error; a traceback fails the test by itself."""
    code = cli.run(list(map(str, arguments)))
    return code, capfd.readouterr().err.strip().splitlines()


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_by_the_report_in_one_line(run, capfd, name):
    for content in BYTES:
        (run.path / name).write_bytes(content)
        code, lines = complaint(capfd, "report", run.path)
        assert code == 1 and len(lines) == 1, (content[:20], lines)
        assert f"{name}: damaged" in lines[0] and "makes it anew" in lines[0]


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_shape_is_named_or_does_no_harm(run, capfd, name):
    named, path = 0, run.path / name
    if name.endswith(".json"):
        seen = {
            "metrics.json": ("rows", "times", "git", "dataset", "environment"),
            "profile.json": ("profile", "seed", "data", "motion"),
        }.get(name)
    else:
        seen = ("cells",)
    whole = read_json(path)
    for value in variants(whole if seen is None else {key: whole[key] for key in seen}):
        write_json(path, value if seen is None else whole | value)
        for call in (lambda: render(run), lambda: key_numbers(run)):
            try:
                call()
            except (DataError, UsageError) as error:
                named += 1
                assert "\n" not in str(error) and name.rpartition("/")[2] in str(error)
    assert named > 1


def test_what_a_notebook_saved_and_is_lost_is_missed(run, capfd):
    for name in ("results/05_scores.json", "figures/05_confusion.png"):
        content = (run.path / name).read_bytes()
        (run.path / name).unlink()
        code, lines = complaint(capfd, "report", run.path)
        assert code == 1 and re.search(f"{name.partition('.')[0]}: lost or damaged.*makes it anew", lines[0]), lines
        (run.path / name).write_bytes(content)
    assert complaint(capfd, "report", run.path)[0] == 0


def test_what_a_notebook_saves_again_is_not_lost(run, capfd):
    """Somebody opens the notebook and runs it in the same folder: times differ, and nothing is damaged."""
    run.save_values("05_counts", {"clips": 145}, title="Counts")
    assert complaint(capfd, "report", run.path)[0] == 0
    path = run.results / "05_counts.json"
    path.write_text(path.read_text().replace("145", "146"))
    code, lines = complaint(capfd, "report", run.path)
    assert code == 1 and "results/05_counts: lost or damaged" in lines[0]


def test_damaged_published_numbers_are_named(run, tmp_path):
    path = write_published(run, tmp_path / "published.json")
    assert read_published(path) == key_numbers(run)
    sound = json.loads(path.read_text())
    cut = copy.deepcopy(sound)
    cut["tables"]["05_scores"]["rows"][0].pop()
    for value in (cut, {}, [], {key: value for key, value in sound.items() if key != "values"}):
        write_json(path, value)
        with pytest.raises(DataError, match=r"published\.json: damaged .*git checkout"):
            read_published(path)


@pytest.mark.parametrize("content", [*BYTES, b'{"cells": [], "metadata": {}, "nbformat": 9, "nbformat_minor": 0}'])
def test_what_is_no_notebook_is_named(tmp_path, content):
    (tmp_path / "05_s.ipynb").write_bytes(content)
    with pytest.raises(DataError, match=r"05_s\.ipynb: damaged, not a notebook .*; do so") as error:
        read_notebook(tmp_path / "05_s.ipynb", remedy="do so")
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="no such notebook; do so"):
        read_notebook(tmp_path / "missing.ipynb", remedy="do so")


def test_the_site_names_a_damaged_notebook_of_a_run(run, tmp_path):
    name = find_notebooks()[0].name
    for content in BYTES[:4]:
        (run.notebooks / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}: damaged, not a notebook .* makes it anew"):
            write_site(tmp_path / "pages", run)
    assert not (tmp_path / "pages").exists()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Two notebooks that nobody executes: the second one's results go into metrics.json, too."""
    (tmp_path / "notebooks").mkdir()
    for name in ("00_first", "05_second"):
        write_notebook(tmp_path / f"notebooks/{name}.ipynb")

    def execute(notebook, parameters, run):
        run.save_values(f"{notebook.stem[:2]}_value", {"x": 1}, title="x")
        if notebook.stem == "05_second":
            rows = [loso_record("x", PREDICTIONS, seed=0, settings={}, classes=3)]
            write_json(run.metrics, {"rows": rows, "times": {}})
        run.notebooks.mkdir(exist_ok=True)
        (run.notebooks / notebook.name).write_bytes(notebook.read_bytes())
        return Outcome(notebook.stem, "done", 1.0, 1)

    monkeypatch.setattr(runner, "execute", execute)
    return tmp_path


def reproduce(project, only=None, run="quick"):
    folder = RunFolder(project / "runs" / run)
    found = find_notebooks(project / "notebooks", only)
    return folder, [outcome.status for outcome in runner.reproduce(PARAMETERS, folder, notebooks=found, say=len)]


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("results/00_value.json", ["done", "kept"]),
        ("results/05_value.json", ["kept", "done"]),
        ("metrics.json", ["kept", "done"]),
        ("timings.json", ["done", "done"]),
        ("profile.json", ["kept", "kept"]),
        ("notebooks/00_first.ipynb", ["done", "kept"]),
    ],
)
@pytest.mark.parametrize("damage", ["cut", "lost"])
def test_what_is_damaged_or_lost_is_made_anew_and_nothing_else_is(project, name, statuses, damage):
    run, first = reproduce(project)
    assert first == ["done", "done"] and reproduce(project)[1] == ["kept", "kept"]
    path = run.path / name
    if damage == "lost":
        path.unlink()
    else:
        path.write_text("{")
    if (name, damage) == ("notebooks/00_first.ipynb", "cut"):
        statuses = ["done", "kept"]
    assert reproduce(project)[1] == statuses
    assert read_json(path) and reproduce(project)[1] == ["kept", "kept"]


def test_a_run_that_another_process_works_on_is_left_alone(project):
    run, _ = reproduce(project)
    before = run.timings.read_bytes()
    with in_use(run.path), pytest.raises(DataError, match=f"quick: in use by process {os.getpid()}"):
        reproduce(project)
    assert run.timings.read_bytes() == before


def test_another_runs_damaged_timings_do_no_harm(project):
    (project / "runs/other").mkdir(parents=True)
    (project / "runs/other/timings.json").write_text("[1]")
    assert reproduce(project)[1] == ["done", "done"]
