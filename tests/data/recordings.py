"""Recordings to find faces in: SynthME's people seen from farther away, tilted and off centre."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from data import trees
from portraits import FAR, portrait
from selfme_lib.synthme import Pose, create_identity
from selfme_lib.synthme.camera import FRONTAL
from selfme_lib.synthme.head import load_head

SIZE = 192


def record(person: int, *, pose: Pose = FRONTAL) -> np.ndarray:
    """A recorded frame: uint8 (SIZE, SIZE, 3)."""
    return portrait(person, SIZE, pose=pose, zoom=FAR)


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


def samm(root: Path) -> Path:
    """A SAMM of two clips with faces in them, grey as SAMM is; one frame shows no face."""
    trees.samm(root, rows=trees.SAMM_ROWS[:2])
    for clip, person in (("006_1_2", 0), ("006_1_3", 1)):
        for path in sorted((root / "006" / clip).iterdir()):
            grey = cv2.cvtColor(record(person), cv2.COLOR_RGB2GRAY)
            cv2.imwrite(str(path), grey if path.name != "006_00010.jpg" else grey * 0 + 80)
    return root
