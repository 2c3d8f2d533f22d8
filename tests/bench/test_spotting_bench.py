"""`selfme bench spotting` and `selfme bench apex` on two people, four seconds each."""

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from selfme_lib.app.cli import app
from selfme_lib.bench import apex, spotting
from selfme_lib.data.long_videos import load_long_videos
from selfme_lib.evaluation.intervals import interval, resampled
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
    costs = measured["recognition"]
    shifts = costs["apex_shift_ms"]
    assert set(shifts) == {str(shift) for shift in apex.SHIFTS_MS}
    assert shifts["0"] == costs["onset_shift_ms"]["0"]
    assert costs["apex_shift_lost"] == {ms: pytest.approx(shifts["0"] - score) for ms, score in shifts.items()}


def test_the_tables_show_every_interval(monkeypatch, tmp_path):
    ends = {"frames_interval": [2.0, 3.25], "ms_interval": [66.0, 108.0], "of_middle_interval": [0.5, 0.75]}
    rules = {"spotter": {"micro": {"frames": 2.5, "ms": 83.0, "of_middle": 0.625, **ends}}}
    costs = {"expressions": 7}
    for number, name in enumerate(("apex_shift_ms", "apex_shift_lost", "onset_shift_ms", "onset_shift_lost")):
        costs |= {name: {"67": number / 8}, f"{name}_interval": {"67": [number / 8 - 0.01, number / 8 + 0.01]}}
    measured = {"expressions": {"micro": 7}, "rules": rules, "recognition": costs}
    monkeypatch.setattr(apex, "bench_apex", lambda *_, **__: measured)
    told = CliRunner().invoke(app, ["bench", "apex", "--root", str(tmp_path)])
    assert told.exit_code == 0, told.output
    cells = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert "spotter micro 2.50 [2.00, 3.25] 83 [66, 108] 0.625 [0.500, 0.750]" in cells
    assert (
        "67 0.0000 [-0.0100, 0.0100] 0.1250 [0.1150, 0.1350] 0.2500 [0.2400, 0.2600] 0.3750 [0.3650, 0.3850]" in cells
    )


PEOPLE = np.repeat(["a", "b", "c", "d", "e"], [3, 1, 4, 2, 3])


def drawn(statistic):
    """The interval of a statistic of clips, each of them repeated as often as its subject is drawn."""
    names, own = np.unique(PEOPLE, return_inverse=True)
    values = [statistic(np.repeat(np.arange(len(PEOPLE)), counts[own])) for counts in resampled(len(names), n=2000)]
    return pytest.approx(list(interval(np.array(values), len(names))))


def test_errors_of_an_apex_have_the_interval_of_repeated_clips():
    generator = np.random.default_rng(0)
    frames, middle = (generator.integers(low, 9, len(PEOPLE)).astype(float) for low in (0, 2))
    rate = np.where(PEOPLE == "c", 60.0, 30.0)
    found = apex._summary(frames, rate, PEOPLE, middle)
    ms, ms_of_middle = 1000 * frames / rate, 1000 * middle / rate
    assert found["frames"] == frames.mean() and found["frames_interval"] == drawn(lambda some: frames[some].mean())
    assert found["ms"] == ms.mean() and found["ms_interval"] == drawn(lambda some: ms[some].mean())
    assert found["of_middle"] == ms.mean() / ms_of_middle.mean()
    assert found["of_middle_interval"] == drawn(lambda some: ms[some].mean() / ms_of_middle[some].mean())
    assert found["of_middle_interval"][0] < found["of_middle"] < found["of_middle_interval"][1]
    third = apex._summary(middle / 3, rate, PEOPLE, middle)  # of all subjects alike, so that nothing depends on them
    assert third["of_middle_interval"] == pytest.approx([1 / 3, 1 / 3])


def test_what_a_shift_costs_has_the_interval_of_repeated_clips():
    classes = ("negative", "positive", "surprise")
    truths = np.arange(len(PEOPLE)) % 3
    told = {-67: np.where(PEOPLE == "c", 0, truths), 0: np.where(PEOPLE == "a", 1, truths), 67: np.full(len(PEOPLE), 2)}
    moments = {"kind": "micro", "fps": 30.0, "onset": 0, "offset": 2, "apex": 1, "first": 0}
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    cases = [
        apex._Case(subject=str(one), truth=classes[truth], frames=frames, **moments)
        for one, truth in zip(PEOPLE, truths)
    ]
    found = apex._by_shift("apex", cases, {shift: one.tolist() for shift, one in told.items()}, classes)

    def uf1(shift, some):
        return f1_score(truths[some], told[shift][some], labels=[0, 1, 2], average="macro", zero_division=0)

    everybody = np.arange(len(PEOPLE))
    for shift in told:
        assert found["apex_shift_ms"][str(shift)] == pytest.approx(uf1(shift, everybody))
        lost = pytest.approx(uf1(0, everybody) - uf1(shift, everybody))
        assert found["apex_shift_lost"][str(shift)] == lost
    assert found["apex_shift_ms_interval"]["-67"] == drawn(lambda some: uf1(-67, some))
    assert found["apex_shift_lost_interval"]["67"] == drawn(lambda some: uf1(0, some) - uf1(67, some))
    assert found["apex_shift_lost_interval"]["0"] == [0, 0]


def test_without_an_expression_that_has_a_class_nothing_is_said_of_the_recogniser():
    costs = apex._costs([])
    assert costs.pop("expressions") == 0 and set(costs) >= {"apex_shift_ms", "onset_shift_ms"}
    assert not any(costs.values())


def test_wrong_calls_and_data_that_cannot_be_used(root, tmp_path):
    with pytest.raises(UsageError, match="--methods nobody: one of selfme"):
        spotting.bench_spotting(root, methods=["nobody"])
    with pytest.raises(DataError):
        spotting.bench_spotting(tmp_path)
    told = CliRunner().invoke(app, ["bench", "spotting", "--root", str(tmp_path / "nothing")])
    assert isinstance(told.exception, DataError) or told.exit_code == 1
