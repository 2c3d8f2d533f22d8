from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from recordings import SIZE, no_face, record

from selfme_lib.data.face_stream import FaceStream
from selfme_lib.data.recording import Frame, Recording
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.synthme import Pose

MIDDLE = (SIZE - 1) / 2


@lru_cache
def face(person=0):
    """A recorded face with the noise of a sensor."""
    return np.clip(record(person) + np.random.default_rng(person).normal(0, 2, (SIZE, SIZE, 3)), 0, 255).astype(
        np.uint8
    )


def recorded(pictures, *, live=False):
    """A recording at 25 frames a second of pictures in memory."""

    def frames():
        return (Frame(index, index / 25, picture) for index, picture in enumerate(pictures))

    height, width = pictures[0].shape[:2]
    return Recording("memory", 25.0, len(pictures), width, height, frames, None if live else Path("memory.mp4"))


def moved(picture, degrees, x, y):
    """The picture turned about its middle and shifted, and the map that does it."""
    matrix = cv2.getRotationMatrix2D((MIDDLE, MIDDLE), degrees, 1)
    matrix[:, 2] += x, y
    return cv2.warpAffine(picture, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), matrix


def places(matrix, points):
    """Points through a map, in pixels of a crop of 128."""
    return 128 * (points @ matrix[:, :2].T + matrix[:, 2])


# A head that sways and comes closer to the edge: (degrees, x, y) of each frame.
SWAY = [(2 * np.sin(t / 3), 6 * np.sin(t / 4), 1.5 * t - 10) for t in range(14)]
CORNERS = MIDDLE + np.array([(-30, -30), (30, -30), (-30, 30), (30, 30)])  # about the edges of the face


def test_a_swaying_head_is_held_still_to_a_tenth_of_a_pixel():
    frames, maps = zip(*(moved(face(), *motion) for motion in SWAY))
    stream = FaceStream(recorded(frames))
    found = list(stream)
    still = [places(one.matrix, CORNERS @ known[:, :2].T + known[:, 2]) for one, known in zip(found, maps)]
    assert np.abs(still - np.mean(still, axis=0)).max() < 0.15  # px, of 12 that the head moves
    assert [(one.index, one.time) for one in found] == [(n, n / 25) for n in range(14)]
    assert not any(one.reference_changed or one.lost for one in found)
    again = list(stream)
    assert all((one.pixels == other.pixels).all() for one, other in zip(found, again))
    assert {note.kind for note in stream.notes} <= {"far"}
    crops = np.stack([one.pixels[30:100, 30:100] for one in found]).astype(float)
    assert np.abs(crops - crops[0]).mean() < 4  # grey levels


def smiling(picture, pixels):
    """The corners of the mouth moved up and apart, smoothly, by so many pixels."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    mouth = np.exp(-((x - MIDDLE) ** 2 / 2 / 14**2 + (y - MIDDLE - 24) ** 2 / 2 / 7**2)).astype(np.float32)
    return cv2.remap(picture, x, y + pixels * mouth, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def test_an_expression_is_not_taken_for_the_heads_motion():
    strengths = [0, 1, 2, 3, 2, 1, 0]
    found = list(FaceStream(recorded([smiling(face(), strength) for strength in strengths])))
    drift = [places(one.matrix, CORNERS) - places(found[0].matrix, CORNERS) for one in found]
    assert np.abs(drift).max() < 0.1
    changed = np.abs(found[3].pixels.astype(float) - found[0].pixels).mean(axis=2)
    assert changed[85:115].mean() > 4 * changed[20:60].mean()  # the mouth still moves


def test_cropped_faces_are_taken_as_they_are_if_said_so(tmp_path):
    picture = cv2.resize(face(), (128, 128))
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"img{number}.png"), picture[..., ::-1])
    found = list(FaceStream(recorded([picture] * 3), cropped=True))
    assert all((one.pixels == picture).all() for one in found)
    wide = np.pad(picture, ((0, 0), (20, 20), (0, 0)))
    assert (next(iter(FaceStream(recorded([wide]), cropped=True))).pixels == picture).all()


def test_a_cut_is_told_and_the_face_found_anew():
    other = moved(face(1), 0, 25, 5)[0][:, ::-1]
    stream = FaceStream(recorded([face()] * 4 + [255 - no_face()] * 3 + [np.ascontiguousarray(other)] * 4))
    found = list(stream)
    assert [note.first for note in stream.notes if note.kind == "cut"] == [4, 7]
    assert [(note.first, note.last) for note in stream.notes if note.kind == "no face"] == [(4, 6)]
    assert [one.index for one in found if one.lost] == [4, 5, 6]
    assert [one.index for one in found if one.reference_changed] == [7]
    assert "frames 4 to 6: no face" in " ".join(note.line for note in stream.notes)


def test_a_hand_before_the_face_is_told_and_changes_nothing():
    covered = face().copy()
    covered[50:120, 60:140] = np.random.default_rng(0).integers(90, 130, (70, 80, 1))
    stream = FaceStream(recorded([face()] * 4 + [covered] * 3 + [face()] * 3))
    found = list(stream)
    assert [one.index for one in found if one.lost] == [4, 5, 6]
    assert not any(one.reference_changed for one in found)
    assert np.abs(places(found[-1].matrix, CORNERS) - places(found[0].matrix, CORNERS)).max() < 0.05


def test_a_head_that_turns_far_gets_a_new_reference():
    turned = [record(0, pose=Pose(yaw=np.radians(5 * t))) for t in range(15)]
    stream = FaceStream(recorded(turned))
    found = list(stream)
    renewed = [note.first for note in stream.notes if note.kind == "renewed"]
    assert renewed and renewed == [one.index for one in found if one.reference_changed and not one.lost]


def test_more_than_one_face_is_told_and_the_first_is_kept():
    pair = [np.concatenate([face(), face(1)], axis=1)] * 2
    alone = [np.concatenate([face(), no_face()], axis=1)] * 3
    stream = FaceStream(recorded(alone + pair))
    assert [(note.kind, note.first, note.last) for note in stream.notes] == [("several faces", 3, 4)]
    assert all(0 < places(one.matrix, np.array([[SIZE / 2, SIZE / 2]]))[0, 0] < 128 for one in stream)


def test_a_face_that_wanders_off_is_told():
    wide = [np.pad(face(), ((0, 0), (x, 80 - x), (0, 0)), mode="edge") for x in (0, 0, 0, 0, 40)]
    stream = FaceStream(recorded(wide))
    assert [(note.kind, note.first) for note in stream.notes] == [("far", 4)]


def test_a_camera_is_read_once():
    stream = FaceStream(recorded([face()] * 30, live=True))
    assert sum(not one.lost for one in stream) == 30


def test_no_face_at_all_is_one_line():
    with pytest.raises(DataError, match="memory: no face in any of 3 frames looked at"):
        FaceStream(recorded([no_face()] * 3))
    with pytest.raises(UsageError, match="size 8"):
        FaceStream(recorded([face()]), 8)
