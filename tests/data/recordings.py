"""Recordings to find faces in: SynthME's people before a camera that stands farther away, tilted and off the middle."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from selfme_lib.synthme import Expression, Pose, create_identity, set_up
from selfme_lib.synthme.camera import FRONTAL
from selfme_lib.synthme.head import load_head
from selfme_lib.synthme.render import NEUTRAL, Renderer

SIZE = 192
FAR = 0.55  # of the size that the face has in a crop


@lru_cache(maxsize=4)
def renderer(person: int, zoom: float = FAR) -> Renderer:
    made = set_up(create_identity(person), SIZE)
    made.camera = replace(made.camera, scale=made.camera.scale * zoom)
    return made


def record(person: int, *, pose: Pose = FRONTAL, expression: Expression = NEUTRAL) -> np.ndarray:
    """A recorded frame: uint8 (SIZE, SIZE, 3)."""
    return (renderer(person).render(expression, pose) * 255 + 0.5).astype(np.uint8)


def landmarks(person: int, *, pose: Pose = FRONTAL, zoom: float = FAR) -> np.ndarray:
    """True places of the eyes' and the mouth's middle: (3, 2) pixels."""
    made, head = renderer(person, zoom), load_head()
    points = made.camera.project(made.vertices(Expression()), pose)[0]
    eyes = head.of_part("eye")
    sides = [eyes[head.vertices[eyes, 0] < 0], eyes[head.vertices[eyes, 0] > 0]]
    mouth = np.flatnonzero(head.reach("mouth/mouth-upperlip-volume-incr") > 0.02)
    return np.stack([points[part].mean(0) for part in (*sides, mouth)])


def no_face(seed: int = 0) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), 90 + seed % 50, np.uint8)
