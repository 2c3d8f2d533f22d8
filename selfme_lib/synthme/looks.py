"""What the people of each world look like: how they are painted, what they wear, and what reflects in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from . import other_texture
from .glasses import fit_glasses
from .head import Head
from .identity import Appearance, Identity, World
from .material import vertex_material
from .optics import Reflection
from .texture import Atlas, paint
from .worn import Worn


@dataclass(frozen=True)
class Look:
    """The functions that make a world's people.

    Attributes:
        paint: a person's atlas, so many texels wide; it may have a fourth channel, by which highlights are multiplied.
        material: tint (n, 3) and strength of highlights (n,) of the head's vertices.
        worn: meshes that go with the head; optics: reflections that go with the lamps.
        hair_mesh: whether long hair is the head's own mesh of it.
    """

    paint: Callable[[Identity, int], Atlas]
    material: Callable[[Head, Appearance], tuple[np.ndarray, np.ndarray]]
    worn: Callable[[Identity], Sequence[Worn]]
    optics: Callable[[Identity], Sequence[Reflection]]
    hair_mesh: bool = True


def _glasses_only(identity: Identity) -> list[Worn]:
    return [fit_glasses(identity)] if identity.glasses else []


def _matt(identity: Identity) -> list[Reflection]:
    return []


CLASSIC = Look(paint=paint, material=vertex_material, worn=_glasses_only, optics=_matt)
OTHER = Look(paint=other_texture.paint, material=vertex_material, worn=_glasses_only, optics=_matt)
LOOKS: dict[World, Look] = {"synthme-1": CLASSIC, "home": CLASSIC, "other": OTHER}
