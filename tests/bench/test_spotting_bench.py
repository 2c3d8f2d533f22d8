"""`selfme bench spotting` and `selfme bench apex` on two people, four seconds each."""

import json

import pytest
from typer.testing import CliRunner

from selfme_lib.app.cli import app
from selfme_lib.bench import apex, spotting
from selfme_lib.data.long_videos import load_long_videos
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.spotting.intervals import truth_of
from selfme_lib.synthme.long_dataset import write_long_dataset
from selfme_lib.synthme.long_plan import LongConfig
from selfme_lib.synthme.long_script import Behaviour

BUSY = Behaviour(micro=60, macro=0, blink=0, glance=0, speech=0, lips=0, head=0, empty=0)
METHODS = ("selfme", "random", "difference")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    config = LongConfig(
        subjects=2, seconds=4, fps=30, size=64, seed=1, behaviour=BUSY, population="choice", missing_labels=0
    )
    return write_long_dataset(tmp_path_factory.mktemp("long") / "made", config, workers=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


def test_the_contract_is_kept_to_the_letter(root, folder, monkeypatch):
    monkeypatch.setattr(spotting, "DATA", folder)
    monkeypatch.setattr(spotting, "TIMED", 0.3)
    call = ["bench", "spotting", "--root", str(root), "--json", "--methods", ",".join(METHODS)]
    told = CliRunner().invoke(app, call)
    assert told.exit_code == 0, told.output
    measured = json.loads(told.stdout)
    assert measured["videos"] == 2 and measured["minutes"] == pytest.approx(8 / 60)
    assert set(measured["methods"]) == set(METHODS)
    for one in measured["methods"].values():
        for kind in ("micro", "macro", "all"):
            assert {"precision", "recall", "f1"} <= set(one[kind])
            assert all(0 <= one[kind][name] <= 1 for name in ("precision", "recall", "f1"))
            assert set(one[kind]["by_iou"]) == {"0.3", "0.5", "0.7"}
        assert one["fp_per_minute"] >= 0 and one["times_real_time"] > 0
        assert one["apex_error_ms"] is None or one["apex_error_ms"] >= 0
    labelled = sum(len(truth_of(video)) for video in load_long_videos("casme2-long", root))
    assert measured["expressions"]["micro"] == labelled > 2
    table = CliRunner().invoke(app, [*call[:4], "--methods", "random"])
    assert table.exit_code == 0 and "2 videos of 2 subjects" in table.stdout


def test_nobody_is_measured_with_a_threshold_of_their_own(root, folder, monkeypatch):
    """The labels of the subject on whom it is used change nothing of what is found there."""
    videos = load_long_videos("casme2-long", root)
    truths = [truth_of(video) for video in videos]
    for name in METHODS:
        found = spotting.find(name, videos, truths, folder)
        changed = spotting.find(name, videos, [[], truths[1]], folder)
        assert found[0] == changed[0], name


def test_every_rule_for_the_apex_is_measured_and_so_is_what_a_wrong_moment_costs(root, folder):
    measured = apex.bench_apex(root, folder=folder)
    assert set(measured["rules"]) == set(apex.RULES)
    assert measured["expressions"]["macro"] == 0 < measured["expressions"]["micro"]
    assert measured["rules"]["middle"]["micro"]["of_middle"] == pytest.approx(1)
    for rule in measured["rules"].values():
        assert set(rule) == {"micro", "all"}
        one = rule["micro"]
        assert one["ms"] == pytest.approx(one["frames"] * 1000 / 30)
        assert one["ms_interval"][0] <= one["ms"] <= one["ms_interval"][1]
    shifts = measured["recognition"]["apex_shift_ms"]
    assert set(shifts) == {str(shift) for shift in apex.SHIFTS_MS}
    assert shifts["0"] == measured["recognition"]["onset_shift_ms"]["0"]


def test_wrong_calls_and_data_that_cannot_be_used(root, tmp_path):
    with pytest.raises(UsageError, match="--methods nobody: one of selfme"):
        spotting.bench_spotting(root, methods=["nobody"])
    with pytest.raises(DataError):
        spotting.bench_spotting(tmp_path)
    told = CliRunner().invoke(app, ["bench", "spotting", "--root", str(tmp_path / "nothing")])
    assert isinstance(told.exception, DataError) or told.exit_code == 1
