import numpy as np
import pytest
import recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from portraits import portrait
from selfme_lib.data.alignment import Alignment, crop_face, find_alignment, fit_similarity
from selfme_lib.synthme import Pose


@settings(deadline=None, max_examples=40)
@given(st.floats(-3, 3), st.floats(0.01, 50), st.integers(0, 10**6))
def test_a_similarity_is_found_exactly(angle, scale, seed):
    generator = np.random.default_rng(seed)
    points, shift = generator.normal(0, 5, (5, 2)), generator.normal(0, 100, 2)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = fit_similarity(points, points @ turn.T + shift)
    np.testing.assert_allclose(matrix, np.column_stack([turn, shift]), rtol=1e-6, atol=1e-6 * max(1, scale))


def test_no_other_similarity_fits_better():
    generator = np.random.default_rng(0)
    source, target = generator.normal(size=(2, 5, 2))

    def error(matrix):
        return ((source @ matrix[:, :2].T + matrix[:, 2] - target) ** 2).sum()

    best = fit_similarity(source, target)
    for _ in range(200):
        a, b, x, y = generator.normal(0, 0.05, 4)
        assert error(best + np.array([[a, -b, x], [b, a, y]])) >= error(best)


@pytest.mark.parametrize(
    ("person", "pose"),
    [(0, Pose()), (1, Pose(roll=0.15, shift_x=-20)), (2, Pose(roll=-0.2, shift_y=15)), (0, Pose(shift_x=25))],
)
def test_faces_end_up_where_synthme_crops_them(person, pose):
    """Whatever the pose in the recording, eyes and mouth are within 2.5 % of the side of their places in the crop."""
    found = find_alignment([recordings.record(person, pose=pose)])
    there = recordings.landmarks(person, pose=pose) @ found.matrix[:, :2].T + found.matrix[:, 2]
    wanted = (recordings.landmarks(person, zoom=1.0) + 0.5) / recordings.SIZE
    assert np.abs(there - wanted).max() < 0.025
    crop = crop_face(recordings.record(person, pose=pose), found.matrix, 96)
    assert crop.shape == (96, 96, 3)
    straight = portrait(person, 96).astype(float)
    assert np.corrcoef(crop.ravel(), straight.ravel())[0, 1] > 0.8


def test_one_similarity_for_all_frames_and_a_frame_without_a_face_is_reported():
    still = recordings.record(0)
    found = find_alignment([still, recordings.no_face(), still, still])
    assert found.without_face == (1,) and found.drift == pytest.approx(0)
    np.testing.assert_array_equal(found.matrix, find_alignment([still]).matrix)
    assert find_alignment([recordings.no_face()]) is None and find_alignment([]) is None


def test_a_face_that_leaves_its_place_is_noticed():
    found = find_alignment([recordings.record(0), recordings.record(0), recordings.record(0, pose=Pose(shift_x=60))])
    assert found.drift > 0.5


def test_the_template_is_the_detectors_output_on_crops():
    """So a face that is cropped already does not change."""
    side = 128
    found = find_alignment([portrait(person, side) for person in range(3)])
    np.testing.assert_allclose(side * found.matrix[:, :2], np.eye(2), atol=0.03)
    np.testing.assert_allclose(found.matrix[:, 2], 0.5 / side, atol=0.015)


@pytest.mark.parametrize("finer", [1, 2, 3])
def test_cropping_keeps_pixels_in_place(finer):
    """The whole picture at 1/1, 1/2, 1/3 of its size: the mean over blocks, nothing shifted."""
    side = 24
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    whole = np.array([[1 / side, 0, 0.5 / side], [0, 1 / side, 0.5 / side]])
    crop = crop_face(picture, whole, side // finer)
    blocks = picture.reshape(side // finer, finer, side // finer, finer, 3).mean((1, 3))
    assert np.abs(crop - blocks).max() <= 0.51


def test_beyond_the_picture_its_border_is_repeated():
    picture = np.full((10, 10, 3), 200, np.uint8)
    half = np.array([[0.05, 0, 0.5], [0, 0.05, 0.5]])  # fills the lower right quarter
    assert (crop_face(picture, half, 20) == 200).all()


@pytest.mark.parametrize(
    ("degrees", "doubted"), [(0, False), (25, False), (-29, False), (35, True), (-43, True), (180, True)]
)
def test_a_face_turned_by_more_than_thirty_degrees_is_doubted(degrees, doubted):
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle), 0.0], [-np.sin(angle), np.cos(angle), 0.0]])
    found = Alignment(turn / 100, (), 4, 0.0)
    assert abs(found.turn - degrees) % 360 < 1e-6
    assert bool(found.doubt) == doubted and (not doubted or f"turned by {abs(degrees)}°" in found.doubt)


def test_frames_half_of_which_show_no_face_are_doubted():
    upright = np.array([[0.01, 0.0, 0.0], [0.0, 0.01, 0.0]])
    assert Alignment(upright, (1,), 3, 0.0).doubt == ""
    assert Alignment(upright, (1, 2), 4, 0.0).doubt == "no face in 2 of 4 frames; is it stored sideways?"
