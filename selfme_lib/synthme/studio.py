"""Put a person before the camera: draws the lamps and the wall that belong to an identity, and keeps renderers at hand."""

import copy
from dataclasses import replace
from functools import lru_cache

import numpy as np

from .action_units import ActionUnits
from .camera import FRONTAL, Pose
from .identity import Identity, create_identity
from .render import Expression, Renderer
from .shading import draw_light


def set_up(identity: Identity, size: int) -> Renderer:
    """A renderer with the light and the wall that belong to the person (1 s)."""
    generator = np.random.default_rng((*identity.key, 2))
    light = draw_light(generator)
    backdrop = generator.uniform(0.12, 0.40) + generator.normal(0, 0.012, 3)
    return Renderer(identity, size=size, light=light, backdrop=np.clip(backdrop, 0.05, 0.5))


@lru_cache(maxsize=4)
def _studio(seed: int, size: int) -> Renderer:
    return set_up(create_identity(seed), size)


def neutral_face(seed: int, size: int = 256) -> np.ndarray:
    """A noiseless picture of the neutral face of the person with this seed: uint8 (size, size, 3) RGB."""
    return render_face(seed, {}, size)


def render_face(
    seed: int,
    action_units: ActionUnits,
    size: int = 256,
    *,
    pose: Pose = FRONTAL,
    gaze: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """A noiseless picture of a person making action units: uint8 (size, size, 3) RGB.

    Args:
        seed: who; persons of the evaluation population.
        action_units: unit -> (left, right) intensity; 1 is full-blown, a micro-expression is about .05.
        size: of the frame in pixels.
        pose: of the head.
        gaze: radians, to the picture's right and up.
    """
    picture = _studio(seed, size).render(Expression(action_units=action_units, gaze=gaze), pose)
    return (picture * 255 + 0.5).astype(np.uint8)


def render_recording(seed: int, size: int = 256, *, pose: Pose = FRONTAL, zoom: float = 0.55) -> np.ndarray:
    """A noiseless neutral face before a camera that stands farther away: uint8 (size, size, 3) RGB.

    Args:
        seed: who; persons of the evaluation population.
        size: of the frame in pixels.
        pose: of the head.
        zoom: how large the face is, compared with a picture that is cropped to it.
    """
    wide = copy.copy(_studio(seed, size))
    wide.camera = replace(wide.camera, scale=wide.camera.scale * zoom)
    return (wide.render(pose=pose) * 255 + 0.5).astype(np.uint8)
