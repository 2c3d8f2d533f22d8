"""The script of a clip: what every frame shows, drawn before anything is rendered.

A labelled movement rises from onset to apex and falls towards the offset. Around it, and independent of the label, come the
nuisances: blinks, glances, swallowing and other distractors, the drift of the head and the flicker of the light. `Difficulty`
has the strength of each; the noise of the camera itself is in `sensor`.
"""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pydantic.dataclasses
from pydantic import Field

from selfme_lib.runtime.settings import STRICT

from .action_units import FACE_UNITS, RECIPES, ActionUnits, Recipe, code, displacement
from .camera import FRONTAL, Pose
from .head import PARTS, load_head, smoothstep
from .identity import Identity
from .render import Expression

UNITS = tuple(sorted(FACE_UNITS))


Peak = Annotated[float, Field(gt=0, le=100)]
Range = Annotated[tuple[Peak, Peak], Field(description="px, drawn on a logarithmic scale; beyond 100 the face is torn")]
Chance = Annotated[float, Field(ge=0, le=1, description="a probability")]
Strength = Annotated[float, Field(ge=0, le=10, description="a strength; beyond it no face is left")]
Quality = Annotated[int, Field(ge=1, le=100)]


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class Difficulty:
    """What stands between the frames and the label. Lengths are pixels of a 256-pixel frame, angles radians.

    The defaults belong to the version `synthme-1`. They were chosen once, from the true motion and TV-L1 alone, never from the
    learned motion: with 8 people to learn from and 4 to test on, a linear classifier on 8x8 means of the flow reached a UF1
    of .99 on the true motion and .76 on TV-L1.

    Attributes:
        peak: range of the largest displacement that the labelled units cause, drawn log-uniformly.
        unit_sharing: chance that a clip uses a recipe with a unit typical of another class.
        side_noise: spread of the log ratio of left to right intensity; the same for every class.
        spillover: strength of random other units, as a share of the peak.
        distractor_rate: expected number of swallows, lip presses and so on in a clip; distractor_peak: their size.
        blink_rate: chance of a blink in a clip; glance: spread of a change of gaze.
        head_turn, head_shift: spread of the drift of the head within a clip.
        flicker: spread of the light from frame to frame; light_drift: of its slow change.
        noise: of the sensor, standard deviation at mid-grey; jpeg_quality: range.
    """

    peak: Range = (1.0, 3.0)
    unit_sharing: Chance = 0.05
    side_noise: Strength = 0.2
    spillover: Strength = 0.05
    distractor_rate: Strength = 0.3
    distractor_peak: Range = (0.1, 0.4)
    blink_rate: Chance = 0.25
    glance: Strength = 0.03
    head_turn: Strength = 0.0005
    head_shift: Strength = 0.08
    flicker: Strength = 0.006
    light_drift: Strength = 0.02
    noise: Strength = 0.008
    jpeg_quality: Annotated[tuple[Quality, Quality], Field(description="as JPEG counts it")] = (88, 96)


@dataclass(frozen=True)
class Script:
    """Everything that a clip shows.

    Attributes:
        emotion: estimated emotion, as in CASME II; action_units: the labelled ones, as in its label file.
        first_frame: number of the first frame; onset, apex, offset: indices into the frames.
        intensity: (frames, len(UNITS), 2) of all action units, left and right, distractors included.
        gaze: (frames, 2); poses: one per frame; gain: (frames,) of the light.
        noise, jpeg_quality: of the sensor; seed: of its noise.
    """

    emotion: str
    action_units: str
    first_frame: int
    onset: int
    apex: int
    offset: int
    intensity: np.ndarray
    gaze: np.ndarray
    poses: tuple[Pose, ...]
    gain: np.ndarray
    noise: float
    jpeg_quality: int
    seed: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.poses)

    @property
    def frame_numbers(self) -> tuple[int, int, int]:
        """Onset, apex and offset as labels have them."""
        return self.first_frame + self.onset, self.first_frame + self.apex, self.first_frame + self.offset

    def trimmed(self) -> "Script":
        """The clip from onset to offset, as SMIC cuts its clips."""
        kept = slice(self.onset, self.offset + 1)
        frames = {name: getattr(self, name)[kept] for name in ("intensity", "gaze", "poses", "gain")}
        first, apex, offset = self.first_frame + self.onset, self.apex - self.onset, self.offset - self.onset
        return replace(self, first_frame=first, onset=0, apex=apex, offset=offset, **frames)

    def turned(self, identity: Identity, yaw: float) -> "Script":
        """The same clip with the head turned by `yaw` radians, cropped so that the eyes stay in place."""
        eyes = identity.vertices[load_head().of_part("eye")].mean(0, keepdims=True)
        camera = identity.camera(256)
        (x, y), (x0, y0) = (camera.project(eyes, pose)[0][0] for pose in (Pose(yaw=yaw), FRONTAL))
        change = np.array([0, yaw, 0, x0 - x, y0 - y])
        return replace(self, poses=tuple(pose.changed_by(change) for pose in self.poses))

    def state(self, frame: int) -> tuple[Expression, Pose]:
        """What face and head do in a frame."""
        units = {u: (left, right) for u, (left, right) in zip(UNITS, self.intensity[frame].tolist()) if left or right}
        return Expression(action_units=units, gaze=tuple(self.gaze[frame].tolist())), self.poses[frame]


def pixel_motion(identity: Identity, units: ActionUnits) -> float:
    """The largest displacement of visible skin that action units cause, in pixels of a 256-pixel frame."""
    head = load_head()
    outside = (head.vertex_part == PARTS.index("skin")) & (head.openness > 0.3)
    camera = identity.camera(256)
    moved = identity.vertices + displacement(units)
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
    fitting = [recipe for recipe in RECIPES[emotion] if recipe.shared == shared]
    weights = np.array([recipe.weight for recipe in fitting])
    recipe = fitting[generator.choice(len(fitting), p=weights / weights.sum())]
    side = generator.choice(["L", "R"]) if recipe.one_sided else ""
    peak = float(np.exp(generator.uniform(*np.log(difficulty.peak))))
    labelled = scaled_to(identity, _perform(generator, identity, recipe, side, difficulty), peak)

    intensity = np.zeros((frames, len(UNITS), 2))
    fading = 1 - (1 - generator.uniform(0, 0.3)) * smoothstep(apex, offset, time)  # a residue stays
    for unit, pair in labelled.items():
        late = generator.uniform(0, 0.3) * rise  # units of an expression do not start together
        envelope = smoothstep(onset + late, apex, time) * fading
        intensity[:, UNITS.index(unit)] += envelope[:, None] * pair
    _add_distractors(generator, identity, difficulty, intensity)
    gaze = _glances(generator, difficulty, frames)
    return Script(
        emotion=emotion,
        action_units=code(recipe.units, side),
        first_frame=int(generator.integers(1, 200)),
        onset=onset,
        apex=apex,
        offset=offset,
        intensity=np.clip(intensity, 0, 1),
        gaze=gaze,
        poses=_drift(generator, difficulty, frames),
        gain=_flicker(generator, difficulty, frames),
        noise=difficulty.noise,
        jpeg_quality=int(generator.integers(difficulty.jpeg_quality[0], difficulty.jpeg_quality[1] + 1)),
        seed=(*seed, 1),
    )


def _perform(
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
        depth, middle = generator.uniform(0.25, 1.0), generator.uniform(0, frames)
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
