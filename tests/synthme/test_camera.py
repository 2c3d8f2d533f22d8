import numpy as np
import pytest

from selfme_lib.synthme.camera import FRONTAL, Camera, Pose

CAMERA = Camera(centre=np.array([0.0, 7, 1]), pivot=np.array([0.0, 7, 0]), scale=40.0, distance=10.0, size=128)


def test_the_centre_is_in_the_middle_at_its_distance():
    point, depth = CAMERA.project(CAMERA.centre[None], FRONTAL)
    assert np.allclose(point, 63.5)
    assert depth == pytest.approx(10.0)


def test_left_of_the_subject_is_right_in_the_picture_and_up_is_up():
    point, _ = CAMERA.project(CAMERA.centre + np.array([[1.0, 0, 0], [0, 1.0, 0]]), FRONTAL)
    assert np.allclose(point, [[103.5, 63.5], [63.5, 23.5]])


def test_rotation_is_a_rotation():
    matrix = Pose(pitch=0.3, yaw=-0.2, roll=0.1).rotation()
    assert np.allclose(matrix @ matrix.T, np.eye(3))
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_a_rotation_that_is_kept_cannot_be_spoilt():
    with pytest.raises(ValueError, match="read-only"):
        Pose(yaw=0.1).rotation()[0, 0] = 2


def test_shifts_are_pixels_of_a_256_frame():
    shifted, _ = CAMERA.project(CAMERA.centre[None], Pose(shift_x=4.0, shift_y=-2.0))
    assert np.allclose(shifted, [[63.5 + 2, 63.5 - 1]])


def test_supersampling_keeps_the_view():
    points = CAMERA.centre + np.array([[0.3, -0.4, 0.2], [-1.0, 0.5, -0.3]])
    pose = Pose(yaw=0.1, shift_x=3.0)
    coarse, depth = CAMERA.project(points, pose)
    fine, same_depth = CAMERA.supersampled(2).project(points, pose)
    assert np.allclose((fine + 0.5) / 2 - 0.5, coarse)
    assert np.allclose(depth, same_depth)
