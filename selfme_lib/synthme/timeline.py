"""The script of a clip: what every frame shows, drawn before anything is rendered.

A labelled movement rises from onset to apex and falls towards the offset. Around it, and independent of the label, come the
nuisances: blinks, glances, swallowing and other distractors, the drift of the head and the flicker of the light, and what
`synthme-2` adds to them. `difficulty` has the strength of each; the noise of the camera itself is in `sensor`.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np

from . import other_people
from .action_units import ALL_RECIPES, FACE_UNITS, RECIPES, ActionUnits, Recipe, code, displacement
from .camera import FRONTAL, Pose
from .difficulty import Difficulty
from .head import PARTS, load_head, smoothstep
from .identity import Identity
from .render import Expression, Shot

UNITS = tuple(sorted(FACE_UNITS))
Filmed = TypeVar("Filmed", bound="Timeline")


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What every frame shows, and how it is recorded.

    Attributes:
        intensity: (frames, len(UNITS), 2) of all action units, left and right, distractors included.
        gaze: (frames, 2); poses: one per frame; gain: (frames,) of the light; sway: (frames, 2) of the lamps, radians.
        furrows: how dark they become; exposure: share of a frame's time that the shutter is open.
        noise, jpeg_quality: of the sensor; seed: of its noise.
    """

    intensity: np.ndarray
    gaze: np.ndarray
    poses: tuple[Pose, ...]
    gain: np.ndarray
    sway: np.ndarray
    furrows: float
    exposure: float
    noise: float
    jpeg_quality: int
    seed: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.poses)

    def turned(self: "Filmed", identity: Identity, yaw: float) -> "Filmed":
        """The same with the head turned by `yaw` radians, cropped so that the eyes stay in place."""
        eyes = identity.vertices[load_head().of_part("eye")].mean(0, keepdims=True)
        camera = identity.camera(256)
        (x, y), (x0, y0) = (camera.project(eyes, pose)[0][0] for pose in (Pose(yaw=yaw), FRONTAL))
        change = np.array([0, yaw, 0, x0 - x, y0 - y])
        return replace(self, poses=tuple(pose.changed_by(change) for pose in self.poses))

    def state(self, frame: int) -> tuple[Expression, Pose]:
        """What face and head do in a frame."""
        units = {u: (left, right) for u, (left, right) in zip(UNITS, self.intensity[frame].tolist()) if left or right}
        return Expression(action_units=units, gaze=tuple(self.gaze[frame].tolist())), self.poses[frame]

    def shot(self, frame: int) -> Shot:
        """Light and skin of a frame."""
        right, up = self.sway[frame].tolist()
        gain = self.gain[frame]  # of double precision, and so is the picture that it scales: bytes depend on that
        return Shot(gain=gain, furrows=self.furrows, sway=(right, up))


@dataclass(frozen=True, kw_only=True)
class Script(Timeline):
    """A clip: its timeline and its label.

    Attributes:
        emotion: estimated emotion, as in CASME II; action_units: the labelled ones, as in its label file.
        first_frame: number of the first frame.
        onset, apex, offset: indices into the frames, as labelled; true_onset, true_apex, true_offset: of the movement.
    """

    emotion: str
    action_units: str
    first_frame: int
    onset: int
    apex: int
    offset: int
    true_onset: int
    true_apex: int
    true_offset: int

    @property
    def frame_numbers(self) -> tuple[int, int, int]:
        """Onset, apex and offset as labels have them."""
        return self.first_frame + self.onset, self.first_frame + self.apex, self.first_frame + self.offset

    @property
    def true_frame_numbers(self) -> tuple[int, int, int]:
        """The same of the movement itself."""
        first = self.first_frame
        return first + self.true_onset, first + self.true_apex, first + self.true_offset

    def trimmed(self) -> "Script":
        """The clip from onset to offset, as SMIC cuts its clips."""
        kept = slice(self.onset, self.offset + 1)
        frames = {name: getattr(self, name)[kept] for name in ("intensity", "gaze", "poses", "gain", "sway")}
        names = ("onset", "apex", "offset", "true_onset", "true_apex", "true_offset")
        moved = {name: getattr(self, name) - self.onset for name in names}
        return replace(self, first_frame=self.first_frame + self.onset, **moved, **frames)


def pixel_motion(identity: Identity, units: ActionUnits) -> float:
    """The largest displacement of visible skin that action units cause, in pixels of a 256-pixel frame."""
    head = load_head()
    outside = (head.vertex_part == PARTS.index("skin")) & (head.openness > 0.3)
    camera = identity.camera(256)
    moved = identity.vertices + identity.displacement(units)
    shift = camera.project(moved[outside], FRONTAL)[0] - camera.project(identity.vertices[outside], FRONTAL)[0]
    return float(np.percentile(np.linalg.norm(shift, axis=1), 99.8))


def scaled_to(identity: Identity, units: ActionUnits, peak: float) -> dict[int, tuple[float, float]]:
    """Action units scaled so that they move the skin by `peak` pixels of a 256-pixel frame."""
    small = 0.05
    factor = small * peak / pixel_motion(identity, {u: (small * a, small * b) for u, (a, b) in units.items()})
    return {unit: (left * factor, right * factor) for unit, (left, right) in units.items()}


def write_script(identity: Identity, emotion: str, difficulty: Difficulty, seed: tuple[int, ...]) -> Script:
    """Draw a clip of a person showing an emotion; the same seed gives the same clip."""
    generator = np.random.default_rng(seed)
    lead, rise, fall, tail = (int(generator.integers(a, b + 1)) for a, b in ((2, 4), (4, 8), (4, 8), (1, 3)))
    frames = lead + rise + fall + tail
    onset, apex, offset = lead - 1, lead - 1 + rise, lead - 1 + rise + fall
    time = np.arange(frames, dtype=float)

    shared = generator.random() < difficulty.unit_sharing
    fitting = [recipe for recipe in ALL_RECIPES[emotion] if recipe.shared == shared]
    weights = np.array([recipe.weight for recipe in fitting])
    recipe = fitting[generator.choice(len(fitting), p=weights / weights.sum())]
    side = generator.choice(["L", "R"]) if recipe.one_sided else ""
    peak = float(np.exp(generator.uniform(*np.log(difficulty.peak))))
    later = np.random.default_rng((*seed, 2))  # what came with synthme-2 draws from a stream of its own
    peak *= range_of(recipe) ** difficulty.unit_range
    labelled = scaled_to(identity, perform(generator, identity, recipe, side, difficulty), peak)

    intensity = np.zeros((frames, len(UNITS), 2))
    course = other_people.rise if identity.world == "other" else smoothstep
    fading = 1 - (1 - generator.uniform(0, 0.3)) * smoothstep(apex, offset, time)  # a residue stays
    for unit, pair in labelled.items():
        late = generator.uniform(0, 0.3) * rise  # units of an expression do not start together
        lag = np.clip(later.normal(0, difficulty.side_timing) * np.array([1, -1]), 0, rise / 2)  # nor do both sides
        envelope = course(onset + late + lag, apex, time[:, None]) * fading[:, None]
        intensity[:, UNITS.index(unit)] += envelope * pair
    _add_distractors(generator, identity, difficulty, intensity)
    gaze = _glances(generator, difficulty, frames)
    coded = np.array([onset, apex, offset]) + np.round(later.normal(0, difficulty.label_jitter, 3)).astype(int)
    coded_onset = int(np.clip(coded[0], 0, apex - 1))
    coded_apex = int(np.clip(coded[1], coded_onset + 1, offset))
    return Script(
        emotion=emotion,
        action_units=code(recipe.units, side),
        first_frame=int(generator.integers(1, 200)),
        onset=coded_onset,
        apex=coded_apex,
        offset=int(np.clip(coded[2], coded_apex, frames - 1)),
        true_onset=onset,
        true_apex=apex,
        true_offset=offset,
        intensity=np.clip(intensity, 0, 1),
        gaze=gaze,
        poses=_registered(later, difficulty, _drift(generator, difficulty, frames)),
        gain=_flicker(generator, difficulty, frames),
        sway=_sway(later, difficulty, frames),
        furrows=difficulty.furrows,
        exposure=difficulty.exposure,
        noise=difficulty.noise,
        jpeg_quality=int(generator.integers(difficulty.jpeg_quality[0], difficulty.jpeg_quality[1] + 1)),
        seed=(*seed, 1),
    )


def perform(
    generator: np.random.Generator, identity: Identity, recipe: Recipe, side: str, difficulty: Difficulty
) -> dict[int, tuple[float, float]]:
    """The recipe as this person performs it this time: personal gain, uneven sides, a little of other units."""
    uneven = np.exp(generator.normal(0, difficulty.side_noise) / 2 * np.array([1, -1]))
    if side:
        uneven *= [1, 0.12] if side == "L" else [0.12, 1]
    units = {}
    for unit, strength in recipe.units.items():
        units[unit] = tuple(strength * np.exp(generator.normal(0, 0.2)) * uneven * identity.style[unit])
    for unit in generator.choice([1, 2, 4, 6, 7, 10, 14, 15, 17, 24], 2, replace=False).tolist():
        if unit not in units:
            units[unit] = (abs(generator.normal(0, difficulty.spillover)),) * 2
    return units


DISTRACTORS: tuple[ActionUnits, ...] = (
    {24: (1.0, 1.0)},  # lip press
    {17: (1.0, 1.0), 24: (0.7, 0.7)},  # swallowing
    *({unit: (1.0, 1.0)} for unit in (28, 18, 25, 7)),
    *({14: sides} for sides in ((1.0, 0.0), (0.0, 1.0))),
)


def _add_distractors(
    generator: np.random.Generator, identity: Identity, difficulty: Difficulty, intensity: np.ndarray
) -> None:
    frames = len(intensity)
    time = np.arange(frames, dtype=float)
    for _ in range(generator.poisson(difficulty.distractor_rate)):
        units = DISTRACTORS[generator.integers(len(DISTRACTORS))]
        size = generator.uniform(*difficulty.distractor_peak)
        pulse = np.exp(-(((time - generator.uniform(0, frames)) / generator.uniform(2, 6)) ** 2))
        for unit, pair in scaled_to(identity, units, size).items():
            intensity[:, UNITS.index(unit)] += pulse[:, None] * pair
    if generator.random() < difficulty.blink_rate:
        depth, middle = generator.uniform(*difficulty.blink_depth), generator.uniform(0, frames)
        pulse = np.exp(-(((time - middle) / generator.uniform(1.2, 2.5)) ** 2))
        intensity[:, UNITS.index(45)] += depth * np.where(pulse > 0.02, pulse, 0)[:, None]


def _glances(generator: np.random.Generator, difficulty: Difficulty, frames: int) -> np.ndarray:
    """Gaze (frames, 2): a fixation, and possibly a jump to another."""
    first = generator.normal(0, 0.05, 2)
    jump = generator.normal(0, difficulty.glance, 2) * [1, 0.6]
    moment = generator.uniform(-frames / 2, 1.5 * frames)
    return first + smoothstep(moment - 1, moment + 1, np.arange(frames))[:, None] * jump


def _drift(generator: np.random.Generator, difficulty: Difficulty, frames: int) -> tuple[Pose, ...]:
    """A resting pose and slow oscillations about it."""
    resting = generator.normal(0, [0.03, 0.05, 0.02, 1.5, 1.5])
    spread = np.array([difficulty.head_turn] * 3 + [difficulty.head_shift] * 2)
    time = np.arange(frames)[:, None]
    motion = np.zeros((frames, 5))
    for _ in range(2):
        period, phase = generator.uniform(12, 50, 5), generator.uniform(0, 2 * np.pi, 5)
        motion += generator.normal(0, spread) * np.sin(2 * np.pi * time / period + phase)
    return tuple(Pose(*row) for row in (resting + motion).tolist())


def _flicker(generator: np.random.Generator, difficulty: Difficulty, frames: int) -> np.ndarray:
    slow = generator.normal(0, difficulty.light_drift) * np.sin(
        np.arange(frames) * 2 * np.pi / generator.uniform(15, 60) + generator.uniform(0, 2 * np.pi)
    )
    return np.exp(slow + generator.normal(0, difficulty.flicker, frames)) * np.exp(generator.normal(0, 0.04))


@lru_cache(maxsize=1)
def _ranges() -> dict[int, float]:
    """How far each unit at full strength moves the skin of the base mesh, in decimetres."""
    outside = load_head().openness > 0.3
    reach = {unit: np.linalg.norm(displacement({unit: (1.0, 1.0)})[outside], axis=1) for unit in UNITS}
    return {unit: float(np.percentile(moved, 99.8)) for unit, moved in reach.items()}


def range_of(recipe: Recipe) -> float:
    """The range of a recipe's units, weighted by their strength, as a share of what is usual among all recipes."""

    def mean(one: Recipe) -> float:
        weights = list(one.units.values())
        return float(np.exp(np.average([np.log(_ranges()[unit]) for unit in one.units], weights=weights)))

    usual = np.mean([np.log(mean(one)) for recipes in RECIPES.values() for one in recipes])
    return mean(recipe) / float(np.exp(usual))


def _registered(generator: np.random.Generator, difficulty: Difficulty, poses: tuple[Pose, ...]) -> tuple[Pose, ...]:
    """What registration frame by frame leaves: each frame is shifted and turned a little on its own."""
    error = generator.normal(0, difficulty.registration, (len(poses), 3)) * [1, 1, 0.01]
    return tuple(pose.changed_by(np.array([0, 0, turn, x, y])) for pose, (x, y, turn) in zip(poses, error))


def _sway(generator: np.random.Generator, difficulty: Difficulty, frames: int) -> np.ndarray:
    """Lamps that move a little, or a person who moves beneath them: (frames, 2) radians."""
    period, phase = generator.uniform(20, 60, 2), generator.uniform(0, 2 * np.pi, 2)
    wave = np.sin(2 * np.pi * np.arange(frames)[:, None] / period + phase) - np.sin(phase)
    return generator.normal(0, difficulty.lamp_sway, 2) * wave
