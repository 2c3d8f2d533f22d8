"""Worlds by name: the photographs' truth is exact, and the benchmark takes each world as it takes a folder."""

import json
from dataclasses import replace

import matplotlib.cbook
import numpy as np
import pytest
import torch

from selfme_lib.app import cli
from selfme_lib.bench import bench_motion, world_config, world_source, worlds
from selfme_lib.bench.photographs import PAIRED, photographs, points_of
from selfme_lib.data.faces import FaceDetector
from selfme_lib.grids import jacobian_determinant, warp
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.synthme import Difficulty, Pose, create_identity

TINY = LearnerConfig(size=32, keypoints=3, width=8, depth=2, max_width=16, generator_width=4)
FEW = {"size": 64, "subjects": 2, "clips": 1}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture(scope="module")
def moved(cache):
    """Collins and Hopper, each moved by one clip of a person, plainly and with little noise."""
    plain = Difficulty(peak=(4.0, 6.0), head_shift=1.0, noise=0.004, jpeg_quality=(95, 95))
    config = replace(world_config("photographs", population="choice", **FEW), difficulty=plain)
    source = world_source("photographs", config, 1, cache=cache)
    return source.load(source.clips)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("learner") / "small.safetensors"
    checkpoint.save(MotionLearner(TINY), path)
    return path


def test_warping_a_photographs_onset_by_the_truth_gives_its_apex_up_to_light_noise_and_jpeg(moved):
    light = (moved.onset.mean((2, 3)) / moved.apex.mean((2, 3)))[..., None, None]
    apex = moved.apex * light
    inside = (slice(None), slice(None), slice(6, -6), slice(6, -6))
    still, warped, opposite = (
        (warp(moved.onset, sign * moved.truth) - apex)[inside].square().mean((1, 2, 3)).sqrt() for sign in (0, 1, -1)
    )
    assert (warped < 0.75 * still).all() and (opposite > still).all()
    assert (warped < 0.035).all(), "noise, JPEG, and what a bilinear kernel takes from edges"


def test_the_truth_folds_nothing_and_ends_with_the_face(moved):
    assert (jacobian_determinant(moved.action) > 0.4).all()
    corners = moved.action[..., :4, :4].norm(dim=1).amax((1, 2))
    assert (corners < 0.02).all() and (moved.action.norm(dim=1).amax((1, 2)) > 0.1).all()


def test_the_points_marked_by_hand_are_where_the_detector_finds_them():
    for photograph in photographs():
        for picture in (photograph, photograph.mirrored()):
            (face, *_) = FaceDetector().detect((picture.pixels * 255).round().astype(np.uint8))
            n = len(PAIRED)
            marked = picture.points[[0, n, 2 * n + 1, 1, n + 1]]  # eyes, nose, corners of the mouth
            between = np.linalg.norm(marked[1] - marked[0])
            assert np.linalg.norm(marked - face.points, axis=1).max() < 0.16 * between


def test_points_of_a_rendered_face_are_in_their_order():
    """Left of right, brows above eyes above nose above lips above chin."""
    points = points_of(create_identity(3), Pose(), 256)
    n = len(PAIRED)
    left, right, (lips, nose, chin) = points[:n], points[n : 2 * n], points[2 * n :]
    assert (left[:, 0] < nose[0]).all() and (right[:, 0] > nose[0]).all()
    assert np.abs((left + right)[:, 0] / 2 - nose[0]).max() < 8
    for side in (left, right):
        eye, corner, *brow = side[:5, 1]
        assert max(brow) < eye < nose[1] < corner < chin[1] and abs(lips[1] - corner) < 8
        assert abs(side[2, 0] - nose[0]) < abs(side[3, 0] - nose[0]) < abs(side[4, 0] - nose[0])


def test_a_mirror_image_of_a_mirror_image_is_the_photograph():
    photograph = photographs()[1]
    twice = photograph.mirrored().mirrored()
    assert (twice.pixels == photograph.pixels).all() and np.allclose(twice.points, photograph.points)


def test_a_picture_that_a_package_lost_is_named(monkeypatch):
    photographs.cache_clear()
    monkeypatch.setattr(matplotlib.cbook, "get_sample_data", lambda name, asfileobj: f"nowhere/{name}")
    with pytest.raises(DataError, match=r"nowhere/grace_hopper\.jpg: missing"):
        photographs()


@pytest.mark.parametrize("world", ["home", "other", "photographs"])
def test_the_benchmark_takes_a_world(world, cache, small):
    config = world_config(world, population="choice", **FEW)
    source = world_source(world, config, 1, cache=cache)
    report = bench_motion(source, checkpoint_path=small, methods=["zero", "tvl1", "farneback"], progress=False)
    assert (report["size"], report["n_pairs"], report["n_subjects"]) == (64, 2, 2)
    truth = source.load(source.clips).truth
    assert report["methods"]["zero"]["epe"] == pytest.approx(truth.norm(dim=1).mean().item(), rel=1e-5)
    again = world_source(world, config, 1, cache=cache)
    assert torch.equal(again.load(again.clips).apex, source.load(source.clips).apex), "the same, from what is kept"


def test_photographs_cannot_be_turned(cache, small):
    source = world_source("photographs", world_config("photographs", population="choice", **FEW), 1, cache=cache)
    with pytest.raises(UsageError, match="leave yaw out"):
        bench_motion(source, checkpoint_path=small, nuisances=["yaw"], progress=False)


def test_the_command_takes_a_world_and_prints_json_alone(capfd, cache, small, monkeypatch):
    monkeypatch.setattr(worlds, "DATA", cache)
    command = ["bench", "motion", "--world", "photographs", "--checkpoint", str(small), "--population", "choice"]
    few = ["--subjects", "2", "--clips", "1", "--size", "64", "--nuisances", "none", "--json"]
    assert cli.run([*command, *few]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["world"] == "photographs" and report["population"] == "choice" and report["n_pairs"] == 2


@pytest.mark.parametrize("given", [[], ["--root", "data", "--world", "home"]])
def test_a_folder_or_a_world_is_needed_and_not_both(capfd, given):
    assert cli.run(["bench", "motion", *given]) == 2
    assert "--root DIR or --world" in capfd.readouterr().err
