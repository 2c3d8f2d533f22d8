"""What the people of each world look like: how they are painted, what they wear, and what reflects in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from . import other_light, other_texture
from .glasses import fit_glasses
from .head import Head
from .identity import Appearance, Identity, World
from .material import vertex_material
from .optics import Reflection
from .portrait import dress, paint_portrait, portrait_material, reflections
from .room import light_room, paint_wall
from .shading import Light, draw_light
from .texture import Atlas, paint
from .worn import Worn

ENCODING_GAMMA = 1 / 1.8


@dataclass(frozen=True)
class Look:
    """The functions that make a world's people.

    Attributes:
        paint: a person's atlas, so many texels wide; it may have a fourth channel, by which highlights are multiplied.
        material: tint (n, 3) and strength of highlights (n,) of the head's vertices.
        worn: meshes that go with the head; optics: reflections that go with the lamps.
        tone: from linear light to encoded RGB in [0, 1].
        light: the lamps; wall: what is behind, (3,) or a picture of so many pixels a side, given the lamps.
        depth: contrast of the light from all sides, between what is open to it and what is not.
        hair_mesh: whether long hair is the head's own mesh of it.
    """

    paint: Callable[[Identity, int], Atlas]
    material: Callable[[Head, Appearance], tuple[np.ndarray, np.ndarray]]
    worn: Callable[[Identity], Sequence[Worn]]
    optics: Callable[[Identity], Sequence[Reflection]]
    tone: Callable[[np.ndarray], np.ndarray]
    light: Callable[[np.random.Generator], Light]
    wall: Callable[[np.random.Generator, int, Light], np.ndarray]
    depth: float = 0.8
    hair_mesh: bool = True


def _glasses_only(identity: Identity) -> list[Worn]:
    return [fit_glasses(identity)] if identity.glasses else []


def _matt(identity: Identity) -> list[Reflection]:
    return []


def plain_tone(linear: np.ndarray) -> np.ndarray:
    response = linear * 1.05 / (1 + 0.18 * linear)  # highlights roll off softly
    return np.clip(response, 0, 1) ** np.float32(ENCODING_GAMMA)


def film_tone(linear: np.ndarray) -> np.ndarray:
    """A lens that is not quite sharp, and the tones of a camera: deep shadows, highlights that roll off."""
    # in double precision: what processors round in their own ways is gone when the result is rounded to single precision
    soft = cv2.GaussianBlur(np.maximum(linear, 0).astype(np.float64), (0, 0), 0.35 + len(linear) / 700)
    encoded = soft * 1.12  # in place from here on, which is quicker
    soft *= 0.28
    soft += 1
    encoded /= soft
    np.clip(encoded, 0, 1, out=encoded)
    encoded **= 1 / 2.1
    toned = 3 - 2 * encoded  # a quarter of the way to the curve e^2 (3 - 2 e)
    toned *= encoded * encoded
    toned -= encoded
    toned *= 0.25
    toned += encoded
    return toned.astype(np.float32)


def plain_wall(generator: np.random.Generator, side: int, light: Light) -> np.ndarray:
    """The linear RGB of a wall, (3,)."""
    backdrop = generator.uniform(0.12, 0.40) + generator.normal(0, 0.012, 3)
    return np.clip(backdrop, 0.05, 0.5)


CLASSIC = Look(
    paint=paint,
    material=vertex_material,
    worn=_glasses_only,
    optics=_matt,
    tone=plain_tone,
    light=draw_light,
    wall=plain_wall,
)
HOME = Look(
    paint=paint_portrait,
    material=portrait_material,
    worn=dress,
    optics=reflections,
    tone=film_tone,
    light=light_room,
    wall=paint_wall,
    depth=1.25,
    hair_mesh=False,
)
OTHER = Look(
    paint=other_texture.paint,
    material=vertex_material,
    worn=_glasses_only,
    optics=_matt,
    tone=plain_tone,
    light=other_light.draw_light,
    wall=lambda generator, side, light: other_light.draw_room(generator, side),
)
LOOKS: dict[World, Look] = {"synthme-1": CLASSIC, "home": HOME, "other": OTHER}
