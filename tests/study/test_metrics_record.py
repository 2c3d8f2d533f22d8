import getpass
import json
import platform
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from selfme_lib.evaluation.metrics import score
from selfme_lib.runtime.files import read_json, write_json
from selfme_lib.study import profiles
from selfme_lib.study.results import (
    SCHEMA_VERSION,
    Result,
    environment,
    git_state,
    loso_record,
    metrics_record,
    processor,
    processor_kind,
)
from selfme_lib.study.rows import Row


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], 12)
    table = pd.DataFrame(
        {
            "subject": [f"{number // 4 + 1:02d}" for number in range(12)],
            "clip": [f"EP{number:02d}" for number in range(12)],
            "label": rng.integers(0, 3, 12),
            "prediction": probabilities.argmax(1),
        }
    )
    for column in range(3):
        table[f"p{column}"] = probabilities[:, column]
    return table


def record(predictions, seconds=1.0):
    row = loso_record("tvl1", predictions, seed=3, settings={"motion": "tvl1"}, classes=3, bootstrap=50)
    result = Result(Row("tvl1"), (row,), ({"01": seconds},))
    return metrics_record(profiles.load("smoke"), {"name": "synthme", "fingerprint": "abc"}, [result])


def test_a_row_holds_all_that_is_needed_to_check_it(predictions):
    row = loso_record("tvl1", predictions, seed=3, settings={"motion": "tvl1"}, classes=3, bootstrap=50)
    assert {key: row[key] for key in score(predictions)} == score(predictions)
    assert (row["name"], row["seed"], row["settings"]) == ("tvl1", 3, {"motion": "tvl1"})
    assert [fold["subject"] for fold in row["folds"]] == ["01", "02", "03"]
    assert sum(fold["n_clips"] for fold in row["folds"]) == 12
    assert np.sum([fold["confusion"] for fold in row["folds"]], axis=0).tolist() == row["confusion"]
    assert row["fold_mean"]["uf1"] == pytest.approx(np.mean([fold["uf1"] for fold in row["folds"]]))
    low, high = row["intervals"]["uf1"]
    assert low <= row["pooled"]["uf1"] <= high
    again = pd.DataFrame(row["predictions"])
    assert score(again) == score(predictions)
    np.testing.assert_array_equal(np.stack(again["probabilities"]), predictions[["p0", "p1", "p2"]].to_numpy())


def test_seeds_whose_curves_do_not_fit_together_have_none(predictions):
    """Seeds that an earlier run left in `metrics.json` may have other epochs, or no curve at all."""
    plain = loso_record("x", predictions, seed=0, settings={}, classes=3, bootstrap=5)
    long, short = ({**plain, "curve": {"loss": [3.0, 2.0, 1.0][:epochs]}} for epochs in (3, 2))
    old = {name: value for name, value in plain.items() if name != "curve"}
    for records in ((plain,), (long, short), (short, long), (long, old), (old, long)):
        assert Result(Row("x"), records, ({},) * len(records)).curve == {}
    assert Result(Row("x"), (long, long), ({}, {})).curve["loss"].tolist() == [[3.0, 2.0, 1.0]] * 2


def test_two_runs_are_equal_but_for_the_times(predictions, tmp_path):
    for name, seconds in (("a", 1.0), ("b", 2.0)):
        write_json(tmp_path / f"{name}.json", record(predictions, seconds))
    first, second = read_json(tmp_path / "a.json"), read_json(tmp_path / "b.json")
    assert first != second
    assert first.pop("times") != second.pop("times")
    assert json.dumps(first) == json.dumps(second)


def test_the_record_says_what_was_run(predictions):
    run = record(predictions)
    assert run["schema_version"] == SCHEMA_VERSION == 1
    assert set(run) == {
        *("schema_version", "profile", "dataset", "seed", "git", "environment", "torch", "device", "rows", "times")
    }
    assert run["dataset"] == {"name": "synthme", "fingerprint": "abc"}


def test_the_record_does_not_say_whose_machine_it_was(predictions):
    text = json.dumps({key: value for key, value in record(predictions).items() if key != "profile"})
    for private in (str(Path.cwd()), str(Path.home()) + "/", platform.node()):
        assert private not in text
    assert f'"{getpass.getuser()}"' not in text


def test_environment_names_versions():
    versions = environment()["packages"]
    assert {"torch", "timm", "numpy", "opencv-contrib-python-headless"} <= set(versions)
    assert all(version[0].isdigit() for version in versions.values())


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def test_git_state(tmp_path, monkeypatch):
    assert git_state(tmp_path) is None  # no repository
    git(tmp_path, "init")
    (tmp_path / "code.py").write_text("1")
    assert git_state(tmp_path) is None  # a repository, but not of this code
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-m", "first")
    state = git_state(tmp_path)
    assert len(state["commit"]) == 40 and state["dirty"] is False
    (tmp_path / "code.py").write_text("2")
    assert git_state(tmp_path) == {"commit": state["commit"], "dirty": True}
    monkeypatch.setenv("PATH", "")
    assert git_state(tmp_path) is None  # no git


CPU = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: {model}
model name\t: AMD EPYC
stepping\t: {stepping}
microcode\t: 0x{core}
flags\t\t: fpu {flags}
"""


def kind_of(path, *, cores=2, model=1, stepping=1, flags="avx avx2"):
    texts = [CPU.format(model=model, stepping=stepping, flags=flags, core=core) for core in range(cores)]
    path.write_text("\n".join(texts))
    return processor_kind(path)


@pytest.mark.parametrize("change", [{"model": 17}, {"stepping": 2}, {"flags": "avx avx2 avx512f"}])
def test_processors_of_one_name_that_round_differently_are_told_apart(tmp_path, change):
    path = tmp_path / "cpuinfo"
    kind = kind_of(path)
    assert kind.startswith("AuthenticAMD 25 1 1 ")
    assert kind == kind_of(path, cores=8) == kind_of(path, flags="avx2 avx"), "the same processor"
    assert kind_of(path, **change) != kind and processor(path) == "AMD EPYC"


def test_a_processor_of_arm_is_described_too(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor : 0\nFeatures : fp asimd\nCPU implementer : 0x41\nCPU part : 0xd0c\n")
    kind = processor_kind(tmp_path / "cpuinfo")
    assert kind.startswith("0x41 0xd0c ")
    (tmp_path / "cpuinfo").write_text("processor : 0\nFeatures : fp sve\nCPU implementer : 0x41\nCPU part : 0xd0c\n")
    assert processor_kind(tmp_path / "cpuinfo") != kind


def test_the_record_says_which_processor_it_was():
    assert environment()["processor_kind"] == processor_kind() != ""
