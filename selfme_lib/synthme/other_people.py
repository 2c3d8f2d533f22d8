"""People of the other world: what `identity.make_face` draws otherwise for them.

The other world is there to be tested on and for nothing else, so everything in it is made in another way, not with other numbers:

    faces      half again the spread of MakeHuman's targets, and a smooth random warp of the whole head, which is no sum of
               targets: a learner that knows the targets does not know these faces
    motion     every person's units are turned and scaled from place to place by a smooth random field, so the fields of
               displacement are none of the home world's basis (muscles insert differently from person to person:
               Shimada & Gasser, Clinical Anatomy 1989); gains differ more from unit to unit and from side to side
    colours    melanin and blood through Beer and Lambert's law instead of a scale of skin tones, see `other_texture`
    distance   .55 m from the lens instead of 1.1 m: noses grow, ears shrink (a face cam, not a laboratory's long lens)

Expressions rise fast and settle slowly, see `rise`. Light and camera have modules of their own.
"""

from typing import Any

import numpy as np

from .head import load_head, smoothstep

STREAM = 100  # added to the number of a population: the same seed is somebody else here
DISTANCE = 5.5  # decimetres from the lens to the middle of the view
EYE_ROW, MOUTH_ROW = 0.42, 0.71  # a looser crop than CASME II's, which is at .40 and .74
SHAPE_SPREAD = {
    "head": 0.22, "forehead": 0.30, "eyebrows": 0.40, "nose": 0.36, "mouth": 0.27, "chin": 0.36, "cheek": 0.42,
    "eyes": 0.30, "ears": 0.30,
}  # fmt: skip
GAIN_SPREAD = (0.4, 0.16, 0.16)  # of a unit's gain, and of its left and right side
WAVES = 14  # random plane waves in a smooth field
WARP = 0.03  # decimetres: standard deviation of the warp of a head
UNEVEN = 0.25  # share of it that differs from side to side
LIPS = np.array([0.0, 6.61, 1.45])  # a place between them
SMALLER, SET_BACK = (
    0.85,
    0.09,
)  # teeth: size, and decimetres by which they lie further back; a warped lip must not let them through
BEND = 0.22  # standard deviation of the entries of the matrices that bend motion: about 20 % and 12 degrees
HAIR = np.array(
    [[0.015, 0.013, 0.012], [0.035, 0.022, 0.015], [0.075, 0.045, 0.028], [0.20, 0.13, 0.07], [0.11, 0.045, 0.02]]
)
COMMON = (0.36, 0.28, 0.2, 0.1, 0.06)  # shares of those colours


def smooth_field(
    generator: np.random.Generator, places: np.ndarray, channels: int, wavelengths: tuple[float, float]
) -> np.ndarray:
    """A smooth random field, standard deviation 1, at places (n, 3): (n, channels), a sum of plane waves between two wavelengths
    in decimetres."""
    directions = generator.normal(size=(WAVES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    waves = directions * (2 * np.pi / generator.uniform(*wavelengths, (WAVES, 1)))
    phases, sizes = generator.uniform(0, 2 * np.pi, (WAVES, 1)), generator.normal(size=(WAVES, channels))
    return np.cos(waves @ places.T + phases).T @ sizes * np.sqrt(2 / WAVES)


def _anchors() -> np.ndarray:
    """Where a field is looked up for each vertex: eyeballs as a whole, teeth and tongue behind the lips, the rest where it is."""
    head = load_head()
    places = head.vertices.copy()
    for ball, centre in head.eyes:
        places[ball] = centre
    places[_in_mouth()] = LIPS
    return places


def _in_mouth() -> np.ndarray:
    head = load_head()
    return np.concatenate([head.of_part("teeth"), head.of_part("tongue")])


def warp_shape(generator: np.random.Generator) -> np.ndarray:
    """Displacement (n, 3) of a head that no sum of targets gives; eyeballs keep their shape, teeth shrink behind the lips."""
    places = _anchors()
    x = places[:, 0]
    even = smooth_field(generator, np.column_stack([np.abs(x), places[:, 1:]]), 3, (1.1, 2.6))
    even[:, 0] *= np.sign(x) * smoothstep(0, 0.3, np.abs(x))  # the middle of the face stays in the middle
    warp = WARP * (even + UNEVEN * smooth_field(generator, places, 3, (1.1, 2.6))) * [1, 0.8, 0.9]
    mouth = _in_mouth()
    warp[mouth] += (load_head().vertices[mouth] - LIPS) * (SMALLER - 1) - [0, 0, SET_BACK]
    return warp


def draw_bend(generator: np.random.Generator) -> np.ndarray:
    """A matrix for each vertex that turns and scales what action units do to it: (n, 3, 3)."""
    places = _anchors()
    bend = BEND * smooth_field(generator, places, 9, (0.9, 2.2)).reshape(-1, 3, 3) + np.eye(3)
    calm = 1 - 0.7 * _near_lids(places)  # a blink still has to close the eye
    return np.eye(3) + calm[:, None, None] * (bend - np.eye(3))


def _near_lids(places: np.ndarray) -> np.ndarray:
    head = load_head()
    return np.max([np.exp(-((np.linalg.norm(places - centre, axis=1) / 0.25) ** 2)) for _, centre in head.eyes], axis=0)


def draw_look(generator: np.random.Generator, sex: float, age: float, melanin: float) -> dict[str, Any]:
    """What of `identity.Appearance` is drawn otherwise: amounts of pigment, dyed hair, bushy brows, oily skin, dark lips."""
    grey = np.clip((age - 0.3) / 0.4, 0, 1) * generator.random()
    hair = HAIR[generator.choice(len(HAIR), p=COMMON)] * np.exp(generator.normal(0, 0.25))
    return {
        "melanin": float(np.clip(0.04 + 0.95 * melanin**1.3 + generator.normal(0, 0.04), 0.04, 1.2)),
        "redness": float(generator.uniform(0.08, 0.26)),
        "oiliness": float(generator.uniform(0.9, 2.4)),
        "freckles": int(generator.poisson(25 + 160 * generator.random() ** 3)),
        "wrinkles": float(np.clip(0.25 + age * generator.uniform(0.8, 1.6), 0, 1)),
        "hair_colour": hair + grey * (0.30 - hair),
        "long_hair": bool(sex < 0.5 and generator.random() < 0.4),
        "hair_thickness": float(np.clip(generator.normal(0.09, 0.03), 0.02, 0.16)),
        "stubble": float(np.clip((sex - 0.45) / 0.4, 0, 1) * generator.random()),
        "brow_thickness": float(generator.uniform(0.35, 0.8) + 0.2 * sex),
        "brow_arch": float(generator.uniform(-0.01, 0.055)),
        "brow_tilt": float(generator.normal(0.005, 0.03)),
        "brow_density": int(generator.uniform(260, 620)),
        "lip_colour": np.array([0.92, 0.72, 0.76]) * generator.uniform(0.8, 1.0, 3),
    }


def rise(start: np.ndarray | float, apex: int, time: np.ndarray) -> np.ndarray:
    r"""How far a movement has got: 0 before `start`, 1 at the apex and after; $1 - e^{-3t}$ between, scaled.

    A muscle that is pulled at once and creeps to its end, as an overdamped spring does; the home world's smoothstep starts and
    stops gently.
    """
    share = np.clip((time - start) / (apex - start), 0, 1)
    return (1 - np.exp(-3 * share)) / (1 - np.exp(-3))
