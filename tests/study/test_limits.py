"""Every number of every settings class has a range and the reason for it, and what cannot fit is refused before it is tried."""

import math
import re
from dataclasses import fields, is_dataclass
from typing import get_args

import pytest

from selfme_lib.app import cli
from selfme_lib.motion.pairs import Augmentation
from selfme_lib.motion.settings import LearnerConfig, PretrainingConfig, TrainingConfig, VoxCeleb
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.settings import from_plain, reason_of, to_plain
from selfme_lib.study import limits, profiles
from selfme_lib.study.limits import check_size
from selfme_lib.synthme import SynthConfig
from selfme_lib.synthme.timeline import Difficulty

QUICK = profiles.to_dict(profiles.load("quick"))
KINDS = [SynthConfig, Difficulty, LearnerConfig, TrainingConfig, PretrainingConfig, VoxCeleb, Augmentation]


def numbers(kind, values, path=()):
    """The path, the field, the type and the present value of every number in a settings class, and in those within it."""
    for field in fields(kind):
        info, value = kind.__pydantic_fields__[field.name], values.get(field.name)
        here = (*path, field.name)
        inner = next((each for each in (info.annotation, *get_args(info.annotation)) if is_dataclass(each)), None)
        if inner is not None:
            yield from numbers(inner, value or {}, here)
        elif re.search(r"\b(int|float)\b", str(info.annotation)):
            yield here, info, value


def bounds(info):
    """The constraints of a number, or of the numbers in a tuple."""
    metadata = [*info.metadata]
    for part in get_args(info.annotation):
        metadata += getattr(part, "__metadata__", ())
    text = " ".join(map(str, metadata))
    return bool(re.search(r"\bg[et]=", text)), bool(re.search(r"\bl[et]=", text))


def changed(values, path, value):
    return {**values, path[0]: value if len(path) == 1 else changed(values[path[0]] or {}, path[1:], value)}


IN_PROFILES = [(path, info, value) for path, info, value in numbers(profiles.Profile, {**QUICK, "name": "quick"})]
ELSEWHERE = [(kind, *found) for kind in KINDS for found in numbers(kind, {})]


@pytest.mark.parametrize(
    ("path", "info"), [(path, info) for path, info, _ in IN_PROFILES] + [(path, info) for _, path, info, _ in ELSEWHERE]
)
def test_every_number_has_a_range_and_the_reason_for_it(path, info):
    literal = "Literal" in str(info.annotation)
    assert literal or bounds(info) == (True, True), f"{'.'.join(path)} has no range"
    assert literal or reason_of(info), f"{'.'.join(path)}: no reason for its range"


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, _, value in IN_PROFILES], ids=str)
def test_numbers_without_sense_are_refused_in_one_line(path, value):
    """Too large by far, negative, not a number: for each number of a profile, and each number of a list."""
    for wrong in (10**30, 1e30, -1e30, -(10**30), math.nan, math.inf):
        given = [wrong] * max(len(value), 1) if isinstance(value, list) else wrong
        if path == ("seed",) and isinstance(wrong, float):
            continue  # the signature says so
        sections = {path[0]: changed(QUICK[path[0]], path[1:], given)} if len(path) > 1 else {path[0]: given}
        with pytest.raises(UsageError) as error:
            profiles.load("quick", **sections)
        assert str(error.value).startswith(".".join(path)) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"data": {"size": 1_000_000}}, r"data\.size: should be less than or equal to 2048 \(.*px.*\), got 1000000"),
        ({"data": {"subjects": 10_000_000}}, r"data\.subjects: should be less .* \(one is left out.*\), got 10000000"),
        ({"classifier": {"lr_decay": -1}}, r"lr_decay: should be greater .* \(.*diverges\), got -1"),
        ({"classifier": {"input_scale": 0}}, r"input_scale: should be greater than 0 \(0 shows .* no motion\), got 0"),
        ({"classifier": {"lr": math.nan}}, r"classifier\.lr: should be a finite number"),
        ({"motion": {"lr": 1e30}}, r"motion\.lr: should be less .* diverges"),
        ({"seed": 2**64}, r"seed: should be less than 9223372036854775808 \(.*63 bits\)"),
        ({"evaluation": {"bootstrap": 10**9}}, r"bootstrap: should be less .* memory"),
        ({"evaluation": {"rivals": {"vgg16": {"lr": -1}}}}, r"rivals\.vgg16\.lr: should be greater .* learns nothing"),
        ({"evaluation": {"omegas": [0.1, -1]}}, r"evaluation\.omegas\.1: should be greater .*\(a weight of the loss"),
    ],
)
def test_the_message_has_the_range_and_the_reason(given, message):
    with pytest.raises(UsageError, match=message):
        profiles.load("quick", **given)


def test_settings_within_their_ranges_stay_as_they_were():
    for kind in (SynthConfig(), LearnerConfig(), PretrainingConfig()):
        assert from_plain(type(kind), to_plain(kind)) == kind
    for name in ("smoke", "quick", "paper"):
        check_size(profiles.load(name))


@pytest.mark.parametrize(
    ("sections", "names"),
    [
        ({"data": {"subjects": 10_000, "clips": 1_000, "size": 2048}}, "data.subjects, data.clips and data.size"),
        ({"classifier": {"width": 4096, "heads": 64, "depth": 64}}, "classifier.width, depth"),
        ({"classifier": {"batch_size": 100_000, "depth": 64}}, "classifier.width, depth, image_size and batch_size"),
        ({"motion": {"steps": 1, "batch_size": 4096}, "data": {"size": 2048}}, "motion.batch_size and data.size"),
    ],
)
def test_what_cannot_fit_into_memory_is_refused_before_it_is_tried(monkeypatch, sections, names):
    monkeypatch.setattr(limits, "memory", lambda: 16 * 2**30)
    with pytest.raises(UsageError, match=r"need [\d,]+ GiB or more, and there are 16 GiB of memory") as error:
        check_size(profiles.load("quick", **sections))
    assert names in str(error.value)


def test_what_cannot_fit_onto_the_disk_is_refused_before_it_is_tried():
    with pytest.raises(UsageError, match=r"motion\.persons, motion\.pairs and data\.size need .* GiB free at"):
        check_size(profiles.load("quick", motion={"steps": 1, "persons": 100_000, "pairs": 10_000}))


@pytest.mark.parametrize(
    "arguments",
    [
        "synth out --size 1000000",
        "synth out --clips 1000000000",
        "synth out --subjects 1000000000",
        "synth out --subjects 10000 --clips 1000",
        "synth out --seed 18446744073709551616",
        "synth out --yaw nan",
        "align in out --size 1000000",
        "score predictions.csv --classes 1000000",
        "pretrain out --devices 99 --accelerator cpu",
        "pretrain out --devices 100000",
        "pretrain out --nodes 2",
        "pretrain out --size 1000000",
        "pretrain out --persons 1000000000",
        "pretrain out --pairs 1000000000",
        "pretrain out --steps 1000000000000",
        "pretrain out --batch 1000000000",
        "pretrain out --seed -1",
        "motion a.png b.png --out c.npy --gamma 1e300",
        "motion a.png b.png --out c.npy --gamma nan",
        "bench motion --root x --threads 1000000000",
        "bench motion --root x --size 1000000",
        "bench train --epochs 1000000000",
        "bench train --workers 1000000000",
        "sweep notebook grid --out x --workers 1000000000",
        "explore --port 100000",
    ],
)
def test_options_without_limits_neither_hang_nor_die(arguments, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("MASTER_ADDR", "SLURM_JOB_ID", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert cli.run(arguments.split()) == 2
    error = capfd.readouterr().err
    assert error.startswith("selfme: ") and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
