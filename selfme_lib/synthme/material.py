"""What the surface of a head is made of, vertex by vertex: a tint, which multiplies the atlas, and how much it shines."""

import numpy as np

from .head import PARTS, Head, smoothstep
from .identity import Appearance
from .texture import EYE_RADIUS, lip_cover


def lid_margin(head: Head) -> np.ndarray:
    """Where the lashes grow, on the edges of the lids: (n,) in [0, 1], weaker on the lower lid."""
    cover = np.zeros(len(head.vertices))
    for _, centre in head.eyes:
        offset = head.vertices - centre
        distance = np.linalg.norm(offset, axis=1)
        edge = smoothstep(EYE_RADIUS + 0.022, EYE_RADIUS + 0.008, distance) * (offset[:, 2] > 0)
        cover = np.maximum(cover, edge * np.where(offset[:, 1] > 0, 1.0, 0.45))
    return cover * (head.vertex_part == PARTS.index("skin"))


def inside_mouth(head: Head) -> np.ndarray:
    """How much light an open mouth lets in: 1 for teeth, less for the tongue and the skin behind the lips, 0 elsewhere."""
    x, y, z = head.vertices.T
    skin = head.vertex_part == PARTS.index("skin")
    cavity = skin & (head.openness < 0.3) & (np.abs(x) < 0.4) & (y > 6.2) & (y < 6.85) & (z < 1.53)
    share = 0.35 * smoothstep(0.9, 1.4, z) * cavity
    share[head.of_part("tongue")] = 0.5
    teeth = head.of_part("teeth")
    share[teeth] = smoothstep(0.28, 0.15, np.abs(x[teeth]))  # dark towards the corners
    return share


def vertex_material(head: Head, look: Appearance) -> tuple[np.ndarray, np.ndarray]:
    """Tint (n, 3), which multiplies the atlas, and strength of highlights (n,)."""
    tint = np.ones((len(head.vertices), 3))
    x, y, z = head.vertices.T
    lips = lip_cover(head.angle(), y) * (z > 1.3)
    tint *= 1 - (0.85 * look.lashes * lid_margin(head))[:, None]
    inside = inside_mouth(head) > 0
    tint[inside] = [0.45, 0.16, 0.14]
    tint[head.of_part("teeth")] = [0.72, 0.66, 0.56]
    tint[head.of_part("tongue")] = [0.42, 0.16, 0.15]
    forehead = np.exp(-((x / 0.25) ** 2)) * (y > 6.9)
    shine = 0.10 * look.oiliness * (1 + 0.8 * forehead) + 0.20 * lips
    shine[head.of_part("eye")] = 0.15
    shine[inside] = 0.3
    shine[head.of_part("hair")] = 0.1
    shine *= 1 - 0.6 * (y > look.hair_begins(head.angle()))
    return tint, shine
