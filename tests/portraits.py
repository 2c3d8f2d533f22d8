"""Noiseless pictures of SynthME-1's people, for tests of what looks at faces."""

import copy
from dataclasses import replace

import numpy as np

from selfme_lib.synthme import Person, Pose
from selfme_lib.synthme.camera import FRONTAL
from selfme_lib.synthme.studio import renderer_of

FAR = 0.55  # of the size that a face has in a crop: it is as far away as in a recording


def portrait(person: int, size: int, *, pose: Pose = FRONTAL, zoom: float = 1.0) -> np.ndarray:
    """A neutral face, `zoom` times as large as in a crop: uint8 (size, size, 3) RGB."""
    renderer = copy.copy(renderer_of(Person((person,)), size))
    renderer.camera = replace(renderer.camera, scale=renderer.camera.scale * zoom)
    return (renderer.render(pose=pose) * 255 + 0.5).astype(np.uint8)
