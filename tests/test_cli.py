import json
import os
import subprocess
import sys
import time

import pytest

from selfme_lib import cli


def call(capfd, *arguments):
    """Exit code, standard output, standard error."""
    code = cli.run(list(map(str, arguments)))
    captured = capfd.readouterr()
    return code, captured.out, captured.err


def test_the_help_is_quick_and_lists_every_command():
    environment = {**os.environ, "COLUMNS": "200"}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "selfme_lib.cli", "--help"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0
    assert time.perf_counter() - start < 3  # 0.4 s on an idle machine; importing torch alone would take longer
    for command in ("synth", "doctor", "reproduce", "motion", "score", "bench", "report"):
        assert command in done.stdout


def test_the_version(capfd):
    code, out, _ = call(capfd, "--version")
    assert code == 0
    assert out.startswith("selfme 0.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["synht"], "No such command 'synht'"),
        (["synth"], "Missing argument"),
        (["synth", "x", "--subject", 3], "--subject"),
        (["synth", "x", "--subjects", "many"], "--subjects"),
        (["synth", "x", "--layout", "samm"], "--layout"),
        (["reproduce", "--profile", "quik"], "did you mean quick?"),
        (["reproduce", "--profile", "mine.yaml"], "mine.yaml: no such file"),
        (["reproduce", "05"], "did you mean --only 05?"),
        (["reproduce", "--dataset", "casme"], "did you mean casme2?"),
        (["reproduce", "--dataset", "casme2"], "--root DIR"),
        (["reproduce", "--only", "77"], "--only 77: no such notebook"),
        (["doctor", "--dataset", "casme3", "--root", "."], "casme3"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(capfd, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capfd, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["score", "missing.csv"], "missing.csv: no such file"),
        (["score", "columns.csv"], "no column prediction"),
        (["score", "picture.png"], "picture.png"),
        (["score", "."], "cannot be read"),
        (["reproduce", "--root", "missing"], "missing: no such folder"),
        (["synth", "picture.png"], "picture.png"),
        (["synth", "picture.png/deeper"], "picture.png"),
        (["report", "missing"], "missing: no such folder"),
        (["report", "."], "not a run with results"),
        (["motion", "missing.png", "picture.png", "--out", "flow.npy"], "missing.png"),
        (["motion", "picture.png", "picture.png", "--out", "flow.npy"], "picture.png"),
        (["bench", "motion", "--root", "missing", "--json"], "missing"),
    ],
)
def test_bad_data_is_one_line_and_exit_code_1(capfd, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "columns.csv").write_text("subject,clip,label\n1,a,0\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really\xff")
    before = sorted(tmp_path.rglob("*"))
    code, out, err = call(capfd, *arguments)
    assert (code, out) == (1, "")
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_doctor_shows_every_fault_and_fails(capfd, tmp_path):
    code, out, err = call(capfd, "doctor", "--dataset", "casme2", "--root", tmp_path / "missing")
    assert code == 1
    assert out.startswith("error")
    assert "1 of the lines above are errors" in err


def test_score_prints_json_alone(capfd, tmp_path):
    """STSTNet's published confusion matrix on CASME II is an oracle: its pooled UF1 and UAR are known."""
    confusion = [[83, 5, 0], [12, 19, 1], [2, 0, 23]]
    rows = [
        (label, prediction)
        for label in range(3)
        for prediction in range(3)
        for _ in range(confusion[label][prediction])
    ]
    lines = [f"{i % 24:02},clip{i},{label},{prediction}" for i, (label, prediction) in enumerate(rows)]
    path = tmp_path / "predictions.csv"
    path.write_text("\n".join(["subject,clip,label,prediction", *lines]))
    code, out, _ = call(capfd, "score", path)
    score = json.loads(out)
    assert code == 0
    assert set(score) == {"pooled", "fold_mean", "confusion", "n_clips", "n_subjects"}
    assert score["confusion"] == confusion
    assert (round(score["pooled"]["uf1"], 4), round(score["pooled"]["uar"], 4)) == (0.8382, 0.8190)
    assert (score["n_clips"], score["n_subjects"]) == (145, 24)


def test_an_interrupt_is_quiet(capfd, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("selfme_lib.evaluation.metrics.read_predictions", interrupted)
    code, out, err = call(capfd, "score", "predictions.csv")
    assert (code, out, err) == (130, "", "")
