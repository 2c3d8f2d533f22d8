"""What yardsticks measure: sampling, pixels, regions and main directions, each against what is known of a made-up video."""

import numpy as np
import pytest
import torch

from selfme_lib.flow import CLASSICAL
from selfme_lib.spotting import mdmd, regions
from selfme_lib.spotting.appearance import contrasted, frame_difference, largest_third, pattern_distance
from selfme_lib.spotting.curves import measured, neighbourhoods, step_of
from selfme_lib.spotting.peaks import KindSettings
from selfme_lib.spotting.yardsticks import CURVES, YARDSTICKS

FPS = 30.0


def face(seed=0):
    generator = np.random.default_rng(seed)
    return np.kron(generator.integers(60, 200, (32, 32)), np.ones((4, 4))).astype(np.uint8)


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_a_neighbourhood_is_that_of_a_clipped_index(count):
    seen = [list(around) for around in neighbourhoods(iter(range(count)), 3)]
    assert seen == [np.clip(range(n - 3, n + 4), 0, count - 1).tolist() for n in range(count)]


def test_no_frames_have_no_neighbourhoods():
    assert list(neighbourhoods(iter([]), 3)) == []


def test_a_fast_video_is_sampled():
    assert [step_of(fps) for fps in (10, 25, 30, 60, 200)] == [1, 1, 1, 2, 6]
    frames = (np.full((2, 2), n, np.uint8) for n in range(20))
    curves = measured(frames, 200.0, ["x"], lambda samples: np.array([[pixels[0, 0]] for pixels in samples], float))
    assert curves["x"].tolist() == [0, 6, 12, 18]
    assert (curves.frames, curves.step, curves.rate) == (20, 6, pytest.approx(100 / 3))


@pytest.mark.parametrize("curve", [frame_difference, pattern_distance])
def test_what_comes_and_goes_is_a_peak_and_what_stays_is_less(curve):
    still = face()
    changed = still.copy()
    changed[20:60, 20:60] = face(seed=1)[20:60, 20:60]
    passing = curve((changed if 28 <= n <= 32 else still for n in range(60)), FPS)["0.5 s"]
    staying = curve((changed if n >= 28 else still for n in range(60)), FPS)["0.5 s"]
    assert 28 <= passing.argmax() <= 32
    assert passing.max() > 1.3 * staying.max()
    assert abs(curve((still for _ in range(20)), FPS).values).max() < 1e-6


def test_patterns_do_not_see_a_lamp():
    still = np.random.default_rng(0).integers(60, 200, (128, 128), dtype=np.uint8)  # hardly two neighbours are equal
    lit = [still + np.uint8(20 * (20 <= n <= 24)) for n in range(45)]
    assert abs(pattern_distance(iter(lit), FPS).values).max() < 0.01
    assert frame_difference(iter(lit), FPS)["0.5 s"].max() > 5


def test_colour_and_size_do_not_matter_much():
    small = [face(), face(1), face()]
    large = [np.repeat(np.kron(one, np.ones((2, 2), np.uint8))[..., None], 3, axis=2) for one in small]
    expected, found = (frame_difference(iter(some), FPS).values for some in (small, large))
    assert np.allclose(found, expected, atol=0.5)


def test_the_largest_third_and_the_contrast():
    assert largest_third(np.array([[1.0, 5, 2, 4, 0, 3]])).tolist() == [4.5]
    assert contrasted(np.array([0.0, 0, 6, 0, 2]), 1).tolist() == [0, -3, 6, -4, 1]


def moving(times):
    """Frames whose brightness is the time, and the flow that finds in it how the face moves."""
    frames = [np.full((128, 128), round(255 * time), np.uint8) for time in times]

    def motion(onset, apex):
        passed = (apex - onset).mean((1, 2, 3))  # (b,)
        flow = torch.zeros(len(apex), 2, 128, 128)
        flow[:, 0] = -40 * passed[:, None, None]  # the head goes to the right
        x, y = (regions.CENTRES["left corner of the mouth"] * 128).round().astype(int)
        flow[:, 1, y - 8 : y + 9, x - 9 : x + 9] = -20 * passed[:, None, None]  # a corner of the mouth goes down
        return flow

    return frames, motion


def test_regions_are_followed_from_anchor_to_anchor_without_the_head():
    times = np.sin(np.linspace(0, 3, 50)) / 2
    frames, motion = moving(times)
    places = regions.trajectories(iter(frames), motion, every=7)
    expected = np.zeros((50, len(regions.CENTRES) - 1, 2))
    expected[:, list(regions.CENTRES).index("left corner of the mouth"), 1] = 20 * (times - times[0])
    assert np.allclose(places, expected, atol=20 / 255)


def test_the_distance_from_the_median_is_of_the_three_that_moved_furthest():
    places = np.zeros((90, 5, 2))
    places[40:50, :4] = [[3, 4], [0, 10], [8, 6], [0, 1]]
    face, brows = regions.distances_from_median(places, 30)
    assert np.allclose(face[40:50], 25 / 3) and face[:40].max() == 0
    assert np.allclose(brows[40:50], 26 / 4)  # the first four are on the brows
    assert np.allclose(regions.distances_from_median(places + 7, 30), (face, brows))
    assert regions.distances_from_median(places, 8)[0][42:48].max() == 0  # a short window takes it for a posture


def test_softnets_curve_is_the_motion_to_a_later_frame():
    places = np.zeros((10, len(regions.CENTRES) - 1, 2))
    places[5:, list(regions.CENTRES).index("left outer brow")] = (3, 4)
    assert np.allclose(regions.softnet_curve(places, 2), [0, 0, 0, 5 / 6, 5 / 6, 0, 0, 0, 0, 0])


def test_flow_finds_a_corner_of_the_mouth_that_moves():
    still = np.kron(np.random.default_rng(0).integers(0, 255, (43, 43)), np.ones((3, 3))).astype(np.uint8)[:128, :128]
    moved = still.copy()
    x, y = (regions.CENTRES["left corner of the mouth"] * 128).round().astype(int)
    moved[y - 16 : y + 16, x - 16 : x + 16] = still[y - 18 : y + 14, x - 16 : x + 16]  # 2 px down
    curve = regions.moving_regions(
        (moved if 20 <= n < 28 else still for n in range(60)), FPS, CLASSICAL["farneback_tuned"]
    )
    assert 20 <= curve["face 1 s"].argmax() < 28
    assert curve["face 1 s"][:15].max() < 0.1 * curve["face 1 s"].max()


def test_main_directional_differences_are_those_of_the_paper():
    generator = np.random.default_rng(0)
    there, back = generator.normal(0.3, 1, (2, 2, 2, 128, 128)).astype(np.float32)
    found = mdmd.block_differences(there, back)
    for n, block in ((0, 0), (1, 17), (1, 35)):
        row, column = divmod(block, mdmd.BLOCKS)
        cell = slice(21 * row, 21 * row + 21), slice(21 * column, 21 * column + 21)
        first, second = (flow[n][:, cell[0], cell[1]].reshape(2, -1).T.tolist() for flow in (there, back))
        directions = [(x < 0, y < 0) for x, y in first]
        main = max(set(directions), key=directions.count)
        differences = [np.hypot(*a) - np.hypot(*b) for a, b, d in zip(first, second, directions) if d == main]
        best = sorted(differences, reverse=True)[: round(len(differences) / 3)]
        assert found[n, block] == pytest.approx(np.mean(best), rel=1e-4)


def test_a_movement_that_returns_has_a_main_directional_difference():
    frames, motion = moving(np.exp(-(((np.arange(60) - 30) / 4) ** 2)) / 2)
    curve = mdmd.main_direction(iter(frames), FPS, motion)["0.4 s"]
    assert 28 <= curve.argmax() <= 32
    stay, motion = moving((np.arange(60) > 30) / 2)
    assert mdmd.main_direction(iter(stay), FPS, motion)["0.4 s"].max() < curve.max()


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("count", [0, 1, 4])
def test_every_curve_that_is_searched_is_measured(name, count):
    curves = CURVES[name]((face(n) for n in range(count)), FPS)
    assert curves.values.shape == (count, len(curves.names)) and np.isfinite(curves.values).all()
    finders = [yardstick.finder for yardstick in YARDSTICKS.values() if yardstick.curves == name]
    searched = {shape.curve for f in finders for grid in getattr(f, "grids", {}).values() for shape in grid.shapes}
    assert finders and searched <= set(curves.names)
    if count:
        for finder in finders:
            settings = {k: KindSettings(g.shapes[-1], g.thresholds[0]) for k, g in getattr(finder, "grids", {}).items()}
            assert all(one.offset < count for one in finder.spot(curves, settings))
