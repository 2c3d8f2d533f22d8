"""Every notebook runs at the smoke profile, in order, handing its results to the next, as `make reproduce` does."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from selfme_lib.app.chapters import find_appendices, find_notebooks, machine_paths
from selfme_lib.runtime.files import read_json
from selfme_lib.runtime.paths import PROJECT

CHAPTERS = find_notebooks()
APPENDICES = find_appendices()
CHECKED = "nbval-check-output"  # tag of a cell

pytestmark = pytest.mark.notebooks


@pytest.fixture(scope="module")
def run() -> Path:
    """The folder of one smoke run."""
    folder = PROJECT / "runs" / "test-smoke"
    shutil.rmtree(folder, ignore_errors=True)
    for chosen in ([], *(["--only", path.stem] for path in APPENDICES)):
        done = reproduce(folder, *chosen)
        assert done.returncode == 0, done.stderr[-3000:]
    return folder


def reproduce(folder: Path, *options: str) -> subprocess.CompletedProcess:
    command = [
        sys.executable,
        "-m",
        "selfme_lib.app.cli",
        "reproduce",
        "--profile",
        "smoke",
        "--out",
        str(folder),
        *options,
    ]
    return subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)


@pytest.mark.parametrize("source", CHAPTERS + APPENDICES, ids=lambda path: path.stem)
def test_notebook_runs_and_its_checked_outputs_are_those_committed(source, run):
    """Cells marked for nbval print what does not depend on the profile: the published outputs must come out again."""
    assert read_json(run / "timings.json")["notebooks"][source.stem]["status"] == "done"
    executed = nbformat.read(run / "notebooks" / source.name, as_version=4)
    assert machine_paths(executed) == []
    committed = nbformat.read(source, as_version=4)
    if not any(cell.get("outputs") for cell in committed.cells):
        pytest.skip(f"{source.name} runs, but has no published outputs to compare with")
    printed = {cell.source: _text(cell) for cell in executed.cells if CHECKED in cell.metadata.get("tags", [])}
    published = {cell.source: _text(cell) for cell in committed.cells if CHECKED in cell.metadata.get("tags", [])}
    assert printed == published


def _text(cell: nbformat.NotebookNode) -> str:
    return "".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in cell.outputs)


def test_nbval_gets_the_same_again(run):
    """A second execution in fresh kernels, compared by nbval: what a notebook prints does not depend on luck."""
    folder = PROJECT / ".nbval"  # beside `notebooks`, so that the relative paths of the parameters lead to the same run
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(run / "notebooks", folder)
    options = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=600", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", str(folder), "-c", os.devnull, str(folder)],
        capture_output=True,
        text=True,
    )
    shutil.rmtree(folder)
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > len(CHAPTERS)


def test_the_run_leaves_a_report_and_metrics(run):
    report = (run / "report.html").read_text(encoding="utf-8")
    assert "<table" in report and "data:image/png;base64," in report
    assert not re.search(r'(src|href)="(?!data:|#|https?:)', report), "the report is one file"
    metrics = read_json(run / "metrics.json")
    assert metrics["profile"]["profile"] == "smoke" and metrics["rows"]


def test_what_took_long_is_not_done_again(run):
    before = {path: path.stat().st_mtime_ns for path in (run / "folds").rglob("*") if path.is_file()}
    done = reproduce(run)
    assert done.returncode == 0
    assert done.stderr.count("finished earlier") == len(CHAPTERS)
    assert before and before == {path: path.stat().st_mtime_ns for path in (run / "folds").rglob("*") if path.is_file()}


def test_grey_faces_laid_out_as_samm_go_through_rendering_examination_and_recognition(tmp_path):
    """What a user types: synth, doctor, reproduce."""
    root, out = str(tmp_path / "samm"), str(tmp_path / "run")
    for command in (
        ["synth", root, "--layout", "samm", "--subjects", "2", "--clips", "4", "--size", "48"],
        ["doctor", "--dataset", "samm", "--root", root],
        ["reproduce", "--profile", "smoke", "--dataset", "samm", "--root", root, "--out", out, "--only", "05"],
    ):
        done = subprocess.run([sys.executable, "-m", "selfme_lib.app.cli", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    assert read_json(Path(out) / "metrics.json")["dataset"]["name"] == "samm"


def test_motion_that_was_computed_elsewhere_goes_through_chapter_08(tmp_path):
    root, out = tmp_path / "given", tmp_path / "run"
    root.mkdir()
    generator = np.random.default_rng(0)
    rows = ["subject,clip,label"]
    for subject in ("ada", "bob"):
        for clip, label in enumerate(("negative", "positive", "negative")):  # and nobody is surprised
            Image.fromarray(generator.integers(0, 256, (32, 32, 3), np.uint8)).save(root / f"{subject}_{clip}.png")
            rows.append(f"{subject},{clip},{label}")
    (root / "labels.csv").write_text("\n".join(rows))
    options = ["--profile", "smoke", "--dataset", "features", "--root", str(root), "--out", str(out), "--only", "08"]
    done = subprocess.run(
        [sys.executable, "-m", "selfme_lib.app.cli", "reproduce", *options], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    names = {row["name"] for row in read_json(out / "metrics.json")["rows"]}
    assert {"STSTNet", "VGG16", "given motion+SCViT"} <= names and not names & {"LBP-TOP", "CapsuleNet", "TCAE+FC"}
