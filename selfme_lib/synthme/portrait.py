"""People of world "home": painted in layers on an atlas with four channels, the fourth of which says how much a texel shines."""

import cv2
import numpy as np

from .brows import paint_brows
from .eyes import WetEyes, paint_eye, paint_lids
from .glasses import fit_glasses
from .hair import grow_locks, paint_locks, paint_scalp
from .head import Head, smoothstep
from .identity import Appearance, Identity
from .lips import paint_lips
from .material import vertex_material
from .optics import Reflection
from .panes import Panes
from .skin import paint_cloth, paint_skin
from .texture import PAINTED, TILE, Atlas, vertex_positions
from .worn import Worn


def paint_portrait(identity: Identity, side: int = PAINTED) -> Atlas:
    """Paint a person's atlas, averaged to an unrolled head `side` texels wide so that it does not alias."""
    generator, look, traits = np.random.default_rng((*identity.key, 9)), identity.appearance, identity.traits
    assert traits is not None
    planes = np.ones((4, PAINTED + TILE, PAINTED), np.float32)  # most is done channel by channel
    atlas = np.moveaxis(planes, 0, -1)
    head = atlas[:PAINTED]
    paint_skin(generator, look, traits, head)
    paint_lips(generator, traits, look.melanin, head)
    paint_lids(generator, traits, look.melanin, head)
    paint_brows(generator, traits, head)
    paint_scalp(generator, identity, traits, head)
    paint_cloth(generator, traits, head)
    atlas[PAINTED:, :TILE] = paint_eye(generator, traits, look.iris_colour)
    atlas[PAINTED:, 2 * TILE :] = paint_locks(generator, identity, traits)
    factor = side / PAINTED
    colour = cv2.merge(list(planes))
    small = cv2.resize(colour, (side, round(len(colour) * factor)), interpolation=cv2.INTER_AREA)
    return Atlas(
        colour=small if factor < 1 else colour, position=((vertex_positions() + 0.5) * factor - 0.5).astype(np.float32)
    )


def dress(identity: Identity) -> list[Worn]:
    """Hair, then spectacles."""
    assert identity.traits is not None
    hair = grow_locks(identity, identity.traits)
    return ([hair] if hair else []) + ([fit_glasses(identity)] if identity.glasses else [])


def reflections(identity: Identity) -> list[Reflection]:
    """Of eyes, and of panes before them."""
    panes = [Panes(identity, len(fit_glasses(identity).vertices))] if identity.glasses else []
    return [WetEyes(identity), *panes]


def portrait_material(head: Head, look: Appearance) -> tuple[np.ndarray, np.ndarray]:
    """Tint (n, 3) and strength of highlights (n,): ears are thin and red, and dark where they fold."""
    tint, shine = vertex_material(head, look)
    ears = smoothstep(0.01, 0.06, head.reach(*head.names("ears")))[:, None]
    folds = np.clip(head.openness, 0, 1)[:, None] ** 0.5
    red = np.array([0.98, 0.84, 0.82]) * (0.45 + 0.6 * folds)
    return tint * (1 + ears * (red - 1)), shine
