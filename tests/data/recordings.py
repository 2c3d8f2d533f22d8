"""Recordings to find faces in: SynthME's people seen from farther away, tilted and off centre."""

from dataclasses import replace

import numpy as np

from selfme_lib.synthme import Pose, create_identity, render_recording
from selfme_lib.synthme.camera import FRONTAL
from selfme_lib.synthme.head import load_head

SIZE = 192
FAR = 0.55  # of the size that the face has in a crop


def record(person: int, *, pose: Pose = FRONTAL) -> np.ndarray:
    """A recorded frame: uint8 (SIZE, SIZE, 3)."""
    return render_recording(person, SIZE, pose=pose, zoom=FAR)


def landmarks(person: int, *, pose: Pose = FRONTAL, zoom: float = FAR) -> np.ndarray:
    """True centres of the eyes and the mouth: (3, 2) pixels."""
    identity, head = create_identity(person), load_head()
    camera = identity.camera(SIZE)
    points = replace(camera, scale=zoom * camera.scale).project(identity.vertices, pose)[0]
    eyes = head.of_part("eye")
    sides = [eyes[head.vertices[eyes, 0] < 0], eyes[head.vertices[eyes, 0] > 0]]
    mouth = np.flatnonzero(head.reach("mouth/mouth-upperlip-volume-incr") > 0.02)
    return np.stack([points[part].mean(0) for part in (*sides, mouth)])


def no_face() -> np.ndarray:
    return np.full((SIZE, SIZE, 3), 90, np.uint8)
