"""What goes wherever the head goes, and never with the skin: spectacles and hair, as meshes that are added to the head's."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Worn:
    """A rigid mesh on the neutral face.

    Attributes:
        vertices: (n, 3); triangles: (t, 3), counted from 0, counter-clockwise seen from outside; normals: (n, 3).
        texel: (n, 2) coordinates in the atlas as it is painted; tint: (n, 3), which multiplies the atlas.
        gloss: (n,) strength of highlights; openness: (n,) to the sky.
        strands: (n, 3) unit vectors along hair, which shines across its strands; empty if the surface is no hair.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    normals: np.ndarray
    texel: np.ndarray
    tint: np.ndarray
    gloss: np.ndarray
    openness: np.ndarray
    strands: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
