import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from selfme_lib.motion import checkpoint, pretraining, training
from selfme_lib.motion.face_prior import FacePrior, FacePriorConfig
from selfme_lib.motion.face_prior_training import FacePriorTraining
from selfme_lib.motion.pretraining import pretrain, pretrain_plus
from selfme_lib.motion.settings import LearnerConfig, PretrainingConfig, TrainingConfig, VoxCeleb
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import read_json

TINY = LearnerConfig(size=32, largest=32, keypoints=3, width=8, depth=1, max_width=8, generator_width=4)
PEOPLE = ("id10001", "id10002", "id10003")


def write_frame(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three people, two sequences of three frames each."""
    root = tmp_path_factory.mktemp("voxceleb")
    for person, name in enumerate(PEOPLE):
        for video in "ab":
            for frame in range(3):
                path = root / f"train/{name}#{video}#1#2.mp4/{frame:07d}.png"
                write_frame(path, seed=100 * person + 10 * (video == "b") + frame)
    return root


def recipe(root, steps=3, **options):
    training_config = TrainingConfig(steps=steps, batch_size=2)
    return PretrainingConfig(learner=TINY, training=training_config, voxceleb=VoxCeleb(root, **options))


def cpu(**options):
    return Fabric(**{"accelerator": "cpu", "devices": 1, **options})


def weights(path):
    return checkpoint.load(path).state_dict()


def test_voxceleb_is_learned_from_and_its_last_people_are_held_out(root, tmp_path, monkeypatch, capfd):
    seen = {}

    def watch(learner, pairs, config, *, validation, **options):
        seen.update(pairs=pairs, validation=validation)
        return training.train(learner, pairs, config, validation=validation, **options)

    monkeypatch.setattr(pretraining, "train", watch)
    path = pretrain(tmp_path / "out", recipe(root), fabric=cpu())
    assert checkpoint.load(path).config == TINY
    (record,) = read_json(tmp_path / "out/curve.json")
    assert record["step"] == 3 and np.isfinite(record["validation"])
    frames = np.load(tmp_path / "out/voxceleb.npy", mmap_mode="r", allow_pickle=False)
    assert frames.shape == (18, 32, 32, 3)
    assert np.array_equal(seen["pairs"].frames, frames[:12]) and len(seen["pairs"]) == 4
    assert np.array_equal(seen["validation"].frames, frames[12:]) and len(seen["validation"]) == 2
    assert "3 people and 6 sequences of VoxCeleb: 4 to train on, 2 for validation" in capfd.readouterr().err


def test_people_who_are_left_after_skipping_must_be_two(tmp_path):
    for person in ("id10001", "id10002"):
        for frame in range(2):
            write_frame(tmp_path / f"faces/{person}/video/{frame}.png")
    (tmp_path / "faces/id10002/video/0.png").write_bytes(b"")
    with pytest.raises(DataError, match="only one person, id10001, can be read; 1 sequences were skipped"):
        pretrain(tmp_path / "out", recipe(tmp_path / "faces", skip_broken=True), fabric=cpu())


KILLED = """
import functools, os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_motion_pretraining import cpu, pretraining, recipe, training
original, calls = training.draw_batch, []
def killed_at_the_fourth(*arguments):
    calls.append(1)
    if len(calls) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
training.draw_batch = killed_at_the_fourth
pretraining.train = functools.partial(training.train, every=2)
pretraining.pretrain(Path({out!r}), recipe(Path({root!r}), steps=5), fabric=cpu())
"""


def test_a_killed_pretraining_ends_with_the_weights_of_an_uninterrupted_one(root, tmp_path, monkeypatch):
    """SIGKILL between two states: the step behind the last state is made again, and nothing is lost or done twice."""
    script = KILLED.format(tests=str(Path(__file__).parent), out=str(tmp_path / "killed"), root=str(root))
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "killed/state.ckpt").exists()
    assert not (tmp_path / "killed/motion.safetensors").exists()

    steps, original = [], training.draw_batch

    def watch(pairs, config, step, *rest):
        steps.append(step)
        return original(pairs, config, step, *rest)

    monkeypatch.setattr(training, "draw_batch", watch)
    monkeypatch.setattr(pretraining, "train", functools.partial(training.train, every=2))
    resumed = weights(pretrain(tmp_path / "killed", recipe(root, steps=5), fabric=cpu()))
    assert steps == [2, 3, 4]
    whole = weights(pretrain(tmp_path / "whole", recipe(root, steps=5), fabric=cpu()))
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    assert read_json(tmp_path / "killed/curve.json") == read_json(tmp_path / "whole/curve.json")


def test_selfme_plus_learns_from_the_same_faces(root, tmp_path):
    prior = FacePriorConfig(lattice=8, factors=2, width=4)
    training = FacePriorTraining(rounds=2, pairs=4, steps=2, batch=2, seed=3)
    path = pretrain_plus(tmp_path / "out", recipe(root), prior, training)
    learned = checkpoint.load_estimator(path)
    assert isinstance(learned, FacePrior) and learned.config == prior and learned.basis.abs().sum() > 0
    assert [record["round"] for record in read_json(tmp_path / "out/curve.json")] == [1, 2]
    assert "2 rounds of 4 pairs, 2 steps, 3 people" in read_metadata(path)["recipe"]
    again = checkpoint.load_estimator(pretrain_plus(tmp_path / "again", recipe(root), prior, training))
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in learned.state_dict().items())
    with pytest.raises(DataError, match="not a checkpoint of a motion learner"):
        checkpoint.load(path)


def test_the_command_trains_in_two_processes(root, tmp_path):
    """`--devices 2` starts a second process of the same command (DDP, gloo); one line says where the result is."""
    command = [sys.executable, "-m", "selfme_lib.app.cli", "pretrain", str(tmp_path / "out")]
    options = f"--dataset voxceleb --root {root} --size 32 --steps 2 --batch 2 --accelerator cpu --devices 2".split()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "MEMBER: 2/2" in done.stderr
    assert done.stderr.count("6 sequences of VoxCeleb") == 1
    assert done.stderr.count("motion.safetensors") == 1
    assert "2 steps of 4 pairs" in read_metadata(tmp_path / "out/motion.safetensors")["recipe"]


def read_metadata(path):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return file.metadata()
