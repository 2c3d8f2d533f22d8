"""People: a seed becomes a face with its own shape, skin, hair, eyes, and way of moving.

Every population has a random stream of its own, so no face can be in two of them, whatever the seeds:

    evaluation   those of the chapters and of the published tables
    pretraining  motion learners and classifiers are trained on them, thousands at will
    choice       every decision about a method is made on them
    fresh        200 people who are looked at once, for the final tables; anywhere else, to ask for one is an error
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from selfme_lib.runtime.errors import UsageError

from . import other_people
from .action_units import FACE_UNITS, ActionUnits, displacement
from .camera import Camera
from .head import Head, load_head, smoothstep
from .shading import vertex_normals
from .traits import Traits, draw_traits

Population = Literal["evaluation", "pretraining", "choice", "fresh"]
POPULATIONS: dict[Population, int] = {"evaluation": 1, "pretraining": 2, "choice": 3, "fresh": 4}  # random streams
World = Literal["synthme-1", "home", "other"]
_final = ContextVar("fresh people may be seen", default=False)
ANCESTRIES = ("african", "asian", "caucasian")

# standard deviation of the weights of a folder's local shape targets
SHAPE_SPREAD = {
    "head": 0.16, "forehead": 0.2, "eyebrows": 0.3, "nose": 0.26, "mouth": 0.24, "chin": 0.26, "cheek": 0.3, "eyes": 0.24,
    "ears": 0.2,
}  # fmt: skip
LARGEST_SHAPE = 0.6
GAIN_SPREAD = (0.25, 0.08, 0.08)  # of a unit's gain, and of its left and right side
NARROWEST_EYE = 0.075  # decimetres between the lids
# targets that move or tilt whole features, or that other parameters control already
LEFT_OUT = (
    "head-angle", "head-trans", "head-age", "head-back", "nose-trans", "mouth-trans", "chin-triangle", "ear-shape",
    "mouth-scale-depth", "nose-septumangle", "chin-cleft",
)  # fmt: skip
EYE_ROW, MOUTH_ROW = 0.40, 0.74  # shares of the frame's height


@dataclass(frozen=True)
class Appearance:
    """What is painted on the head. Colours are linear RGB in [0, 1]."""

    melanin: float
    redness: float
    oiliness: float
    freckles: int
    wrinkles: float
    hair_colour: np.ndarray
    hairline: float
    temples: float
    long_hair: bool
    hair_density: float
    hair_thickness: float
    stubble: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    brow_height: float
    brow_density: int
    lip_colour: np.ndarray
    iris_colour: np.ndarray
    lashes: float
    beard: float = 0.0
    hair_turns: float = 0.72  # angle at which the hairline leaves the forehead

    def hair_begins(self, angle: np.ndarray) -> np.ndarray:
        """Height of the hairline at an angle: high on the forehead, receding at the temples, low behind the ears."""
        turned = np.abs(angle)
        front = 7.93 + self.hairline + self.temples * 0.5 * np.exp(-(((turned - 0.45) / 0.18) ** 2))
        if self.long_hair:
            return front + (5.0 - front) * smoothstep(self.hair_turns - 0.06, 1.0, turned)
        side = 7.05 - 1.2 * smoothstep(1.35, 1.6, turned)
        return front + (side - front) * smoothstep(self.hair_turns, 1.12, turned)


@dataclass(frozen=True)
class Identity:
    """A person.

    Attributes:
        key: the seed the person was drawn from; also seeds the details of the skin.
        vertices: (n, 3) the neutral face.
        sex: 0 female … 1 male; age: 0 young … 1 old; ancestry: weights of `ANCESTRIES`.
        appearance: what is painted on the head.
        style: action unit -> (left, right) gain, the person's habit.
        glasses: whether they are worn.
        world: where the person lives; decides textures, light and camera.
        bend: (n, 3, 3) how action units move this person otherwise than everybody else; None for people of home.
        traits: what is painted with more care in world "home"; None elsewhere.
    """

    key: tuple[int, ...]
    vertices: np.ndarray
    sex: float
    age: float
    ancestry: np.ndarray
    appearance: Appearance
    style: dict[int, tuple[float, float]]
    glasses: bool = False
    world: World = "synthme-1"
    bend: np.ndarray | None = None
    traits: Traits | None = None

    def displacement(self, units: ActionUnits) -> np.ndarray:
        """How far action units move each vertex of this person: (n, 3)."""
        moved = displacement(units)
        return moved if self.bend is None else np.einsum("nij,nj->ni", self.bend, moved)

    def camera(self, size: int) -> Camera:
        """A view cropped to the face as in CASME II: eyes at .40 and mouth at .74 of the height; in the other world as there."""
        head, other = load_head(), self.world == "other"
        eye_row, mouth_row = (other_people.EYE_ROW, other_people.MOUTH_ROW) if other else (EYE_ROW, MOUTH_ROW)
        eyes = self.vertices[head.of_part("eye")].mean(0)
        mouth = self.vertices[head.reach("mouth/mouth-upperlip-volume-incr") > 0.02].mean(0)
        nose_tip = self.vertices[np.argmax(head.vertices[:, 2])]
        height = eyes[1] - mouth[1]
        centre = np.array([eyes[0], eyes[1] - height * (0.5 - eye_row) / (mouth_row - eye_row), nose_tip[2] - 0.3])
        pivot = np.array([eyes[0], eyes[1] - 0.6, eyes[2] - 1.0])
        distance = other_people.DISTANCE if other else 11.0
        return Camera(
            centre=centre, pivot=pivot, scale=size * (mouth_row - eye_row) / height, distance=distance, size=size
        )


@dataclass(frozen=True)
class Person:
    """Who somebody is, before a face is made: the seed in a population, how often people wear glasses and (men) beards, and the
    world they live in."""

    seed: tuple[int, ...]
    population: Population = "evaluation"
    glasses: float = 0.0
    beards: float = 0.0
    world: World = "synthme-1"


@contextmanager
def final_tables() -> Iterator[None]:
    """Where the final tables are computed: within, and nowhere else, the fresh people may be seen."""
    token = _final.set(True)
    try:
        yield
    finally:
        _final.reset(token)


def admit(population: Population) -> None:
    """Refuse the fresh people outside `final_tables`.

    Raises:
        UsageError: they are asked for where something might be chosen on them.
    """
    if population == "fresh" and not _final.get():
        raise UsageError(
            "fresh people are seen once, in the final tables (identity.final_tables); use choice, evaluation or pretraining"
        )


def create_identity(seed: int | Sequence[int], population: Population = "evaluation") -> Identity:
    """The person with a seed (or a tuple of seeds) in a population.

    Raises:
        UsageError: the population is `fresh`, outside `final_tables`.
    """
    admit(population)
    return make_face(Person(tuple(np.atleast_1d(seed).tolist()), population))


def make_face(person: Person) -> Identity:
    """The face of a person who was admitted. Whoever wears nothing has the same face whatever others wear.

    Raises:
        UsageError: somebody of the other world is to be trained on.
    """
    other = person.world == "other"
    if other and person.population == "pretraining":
        raise UsageError("nothing is trained on the other world; take pre-training people of home")
    key = (POPULATIONS[person.population] + (other_people.STREAM if other else 0), *person.seed)
    generator = np.random.default_rng(key)
    sex = float(np.clip(generator.choice([0.0, 1.0]) + generator.normal(0, 0.15), 0, 1))
    age = float(np.clip(generator.beta(1.2, 3.0), 0, 0.8))
    ancestry = generator.dirichlet([0.4] * 3)
    head = load_head()
    weights = _macro_weights(generator, sex, age, ancestry)
    for folder, spread in (other_people.SHAPE_SPREAD if other else SHAPE_SPREAD).items():
        weights |= _local_weights(generator, head, folder, spread)
    uneven = sorted({name[:-2] for name in head.names("asym")})
    weights |= {f"{stem}-{generator.choice(['l', 'r'])}": min(abs(generator.normal(0, 0.12)), 0.4) for stem in uneven}
    gains = np.exp(
        generator.normal(0, other_people.GAIN_SPREAD if other else GAIN_SPREAD, (len(FACE_UNITS), 3))
    ).tolist()
    style = {unit: (gain * left, gain * right) for unit, (gain, left, right) in zip(FACE_UNITS, gains)}
    appearance = _appearance(generator, sex, age, ancestry)
    strange = np.random.default_rng((*key, 7))
    if other:
        appearance = replace(appearance, **other_people.draw_look(strange, sex, age, appearance.melanin))
    wears = np.random.default_rng((*key, 3))
    glasses = wears.random() < person.glasses
    if wears.random() < person.beards and sex > 0.5:
        appearance = replace(appearance, beard=float(wears.uniform(0.4, 1)))
    traits = None
    if person.world == "home":
        tones = appearance.melanin, appearance.hair_colour
        traits = draw_traits(key, sex=sex, age=age, ancestry=ancestry, melanin=tones[0], hair_colour=tones[1])
        appearance = replace(appearance, **traits.hair())
    vertices = head.vertices + head.displacement(weights)
    if other:
        vertices = vertices + other_people.warp_shape(strange)
    vertices = _grow_hair(_open_eyes(vertices), appearance)
    if traits and appearance.long_hair:  # it lies over the ears
        ears = smoothstep(0.002, 0.05, head.reach(*head.names("ears")))
        vertices[:, 0] -= 0.16 * ears * np.sign(vertices[:, 0])
    bend = other_people.draw_bend(strange) if other else None
    return Identity(key, vertices, sex, age, ancestry, appearance, style, glasses, person.world, bend, traits)


def beard_grows(angle: np.ndarray, x: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Where stubble or a beard is, from the angle about the head, x on the face and height, on the base mesh: [0, 1]."""
    jaw = np.exp(-(((height - 6.33) / 0.27) ** 4)) * smoothstep(1.0, 0.78, np.abs(angle))
    jaw *= 1 - np.exp(-((x / 0.24) ** 2) - ((height - 6.64) / 0.085) ** 2)  # not on the lips
    moustache = 0.9 * np.exp(-((x / 0.27) ** 4) - ((height - 6.80) / 0.05) ** 2)
    return np.clip(jaw + moustache, 0, 1) * smoothstep(6.05, 6.25, height)


def _grow_hair(vertices: np.ndarray, look: Appearance) -> np.ndarray:
    """Lift the scalp by the thickness of the hair, and chin and cheeks by that of a beard."""
    head = load_head()
    cover = smoothstep(-0.05, 0.35, head.vertices[:, 1] - look.hair_begins(head.angle()))
    cover *= (head.vertex_part == 0) & (head.reach(*head.names("ears")) < 0.002)
    cover *= 0.4 + 0.6 * smoothstep(7.4, 8.2, head.vertices[:, 1])
    if look.long_hair:
        cover *= 0.3
    skin = head.triangles[head.part == 0]
    thickness = look.hair_thickness * cover
    if look.beard:
        x, y, z = head.vertices.T
        outside = (head.vertex_part == 0) & (head.openness > 0.3) & (z > 0)
        thickness = thickness + 0.06 * look.beard * beard_grows(head.angle(), x, y) * outside
    return vertices + thickness[:, None] * vertex_normals(vertices, skin)


def _open_eyes(vertices: np.ndarray) -> np.ndarray:
    """Lift lids that nearly hide the eye: shape targets of lids and of ancestry add up, sometimes to closed eyes."""
    head = load_head()
    for (_, centre), side in zip(head.eyes, ("Left", "Right")):
        closing = head.displacement({f"unit/eyeBlink{side}": 1.0})
        offset = head.vertices - centre
        before_pupil = (np.linalg.norm(offset, axis=1) < 0.165) & (np.abs(offset[:, 0]) < 0.05) & (offset[:, 2] > 0.1)
        lid = before_pupil & (head.vertex_part == 0)
        upper, lower = (np.flatnonzero(lid & (np.sign(offset[:, 1]) == sign)) for sign in (1, -1))
        gap = vertices[upper, 1].min() - vertices[lower, 1].max()
        speed = closing[lower, 1].max() - closing[upper, 1].min()
        if gap < NARROWEST_EYE:
            vertices = vertices - (NARROWEST_EYE - gap) / speed * closing
    return vertices


def _macro_weights(generator: np.random.Generator, sex: float, age: float, ancestry: np.ndarray) -> dict[str, float]:
    """Sex, age, ancestry, weight and muscle, blended as in MakeHuman: products of the marginal weights."""
    sexes, ages = {"male": sex, "female": 1 - sex}, {"young": 1 - age, "old": age}
    drawn = np.clip(generator.normal(0, 0.3, 2), -0.8, 0.8)
    weight, muscle = ({"min": max(-x, 0), "average": 1 - abs(x), "max": max(x, 0)}.items() for x in drawn)
    bodies = {f"{m}muscle-{w}weight": a * b for (m, a), (w, b) in product(muscle, weight)}
    weights: dict[str, float] = {}
    for (s, a), (y, b) in product(sexes.items(), ages.items()):
        weights |= {f"macro/{race}-{s}-{y}": a * b * c for race, c in zip(ANCESTRIES, ancestry)}
        weights |= {f"macro/universal-{s}-{y}-{body}": a * b * c for body, c in bodies.items()}
    known = load_head().targets
    return {name: weight for name, weight in weights.items() if weight and name in known}


def _local_weights(generator: np.random.Generator, head: Head, folder: str, spread: float) -> dict[str, float]:
    """Each shape parameter of a folder, such as nose-hump, goes some way towards one of its two targets."""
    directions: dict[str, list[str]] = {}
    for name in head.names(folder):
        stem, _, direction = name.rpartition("-")
        if not name.startswith(f"{folder}/r-") and not any(part in name for part in LEFT_OUT):
            directions.setdefault(stem, []).append(direction)
    weights = {}
    for stem, choices in directions.items():
        name = f"{stem}-{choices[generator.integers(len(choices))]}"
        weight = min(abs(generator.normal(0, spread)), LARGEST_SHAPE)
        if name == "head/head-scale-vert-incr":
            weight *= 0.3  # tall skulls soon look odd
        mirrored = name.replace("/l-", "/r-")
        unevenness = generator.normal(0, 0.03) if mirrored != name else 0.0
        weights[name] = weight + unevenness
        weights[mirrored] = weight - unevenness
    return weights


HAIR_COLOURS = np.array(
    [[0.03, 0.025, 0.022], [0.08, 0.05, 0.035], [0.16, 0.10, 0.06], [0.34, 0.24, 0.14], [0.24, 0.10, 0.05]]
)
IRIS_COLOURS = np.array(
    [[0.09, 0.045, 0.022], [0.15, 0.085, 0.04], [0.19, 0.15, 0.07], [0.19, 0.26, 0.32], [0.16, 0.23, 0.16]]
)
GREY = np.array([0.48, 0.47, 0.46])


def _appearance(generator: np.random.Generator, sex: float, age: float, ancestry: np.ndarray) -> Appearance:
    african, asian, caucasian = ancestry
    darkest = 0.4 + 0.6 * (1 - caucasian)
    fair = np.array([darkest, 0.28 * caucasian + 0.04, 0.2 * caucasian, 0.12 * caucasian, 0.07 * caucasian])
    light_eyes = np.array([darkest, 0.3, 0.18 * caucasian, 0.22 * caucasian, 0.12 * caucasian])
    grey = np.clip((age - 0.35) / 0.4, 0, 1) * generator.uniform(0.2, 1)
    hair = HAIR_COLOURS[generator.choice(5, p=fair / fair.sum())] * np.exp(generator.normal(0, 0.15))
    made_up = sex < 0.5 and generator.random() < 0.35
    lips = np.array([0.84, 0.58, 0.57]) + generator.normal(0, 0.02, 3)
    lips *= generator.uniform([0.85, 0.55, 0.6], [1.0, 0.85, 0.9]) if made_up else 1
    return Appearance(
        melanin=float(np.clip(0.16 * caucasian + 0.30 * asian + 0.85 * african + generator.normal(0, 0.09), 0.03, 1)),
        redness=float(np.clip(generator.normal(0.5, 0.15), 0.2, 0.9)),
        oiliness=float(generator.uniform(0.4, 1.4)),
        freckles=int(generator.poisson(6 + 40 * generator.random() ** 4 * (0.3 + caucasian))),
        wrinkles=float(np.clip(age * generator.uniform(0.6, 1.4), 0, 1)),
        hair_colour=hair * (1 - grey) + GREY * grey,
        hairline=float(generator.normal(0, 0.06) + 0.2 * sex * age),
        temples=float(np.clip(generator.normal(0.16 + 0.2 * sex * age, 0.06), 0.02, 0.5)),
        long_hair=bool(sex < 0.5 and generator.random() < 0.75),
        hair_density=float(generator.uniform(0.5, 0.8) if sex > 0.5 and generator.random() < 0.2 else 1),
        hair_thickness=float(np.clip(generator.normal(0.08 if sex > 0.5 else 0.12, 0.03), 0.02, 0.2)),
        stubble=float(np.clip((sex - 0.45) / 0.4, 0, 1) * generator.random() ** 1.4),
        brow_thickness=float(generator.uniform(0.7, 1.05) + 0.35 * sex),
        brow_arch=float(generator.uniform(0.01, 0.05)),
        brow_tilt=float(generator.normal(0, 0.02)),
        brow_height=float(generator.normal(0, 0.012)),
        brow_density=int(generator.uniform(420, 800)),
        lip_colour=lips,
        iris_colour=IRIS_COLOURS[generator.choice(5, p=light_eyes / light_eyes.sum())]
        * np.exp(generator.normal(0, 0.15)),
        lashes=float(np.clip(generator.normal(0.65 - 0.3 * sex + 0.2 * made_up, 0.1), 0.2, 1)),
    )
