"""The script of a long video: expressions, and everything else that faces do while nothing is expressed.

Micro-expressions last at most half a second and their onset phase at most .26 s (Yan et al., Journal of Nonverbal Behavior 2013);
macro-expressions last from half a second to four (Ekman, Emotions Revealed, 2003). The one moves the skin by some pixels, as in
clips; the other reaches half to nine tenths of a unit's range, which FACS calls marked to severe. Neither overlaps another, nor
speech. What is not labelled:

    blinks     17 a minute (Bentivoglio et al., Movement Disorders 1997): .1 s down, .2 s up (VanderWerf et al., Journal of
               Neurophysiology 2003)
    gaze       jumps over a screen two or three times a second; glances away from it. A jump takes 21 ms + 2.2 ms a degree
               (Carpenter, Movements of the Eyes, 1988)
    speech     syllables at 3 to 7 Hz (Chandrasekaran et al., PLoS Computational Biology 2009): the jaw falls, and lips spread,
               round or close
    lips       pressed, sucked in, swallowing
    head       turns and shifts, and a slow sway
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import pydantic.dataclasses
from pydantic import Field

from selfme_lib.runtime.settings import STRICT

from .action_units import ALL_RECIPES, Recipe, code
from .camera import Pose
from .difficulty import Chance, Difficulty
from .head import smoothstep
from .identity import Identity
from .timeline import DISTRACTORS, UNITS, Timeline, perform, range_of, scaled_to

Kind = Literal["micro", "macro", "blink", "glance", "speech", "lips", "head"]
LABELLED: tuple[Kind, ...] = ("micro", "macro")
EMOTIONS = {"disgust": 0.36, "repression": 0.16, "happiness": 0.21, "surprise": 0.17, "others": 0.1}  # near CASME II's
LONGEST_MICRO = 0.5  # seconds
GAP = 0.4  # seconds between two events that share the face
LARGEST_TURN = np.array(
    [0.07, 0.13, 0.06, 5.0, 4.0]
)  # spread of where the head goes: radians, pixels of a 256-pixel frame
STREAM = {"events": 41, "script": 42, "noise": 43}

Rate = Annotated[float, Field(ge=0, le=120, description="a minute")]


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class Behaviour:
    """How often people do what, in a minute. SAMM Long Videos has 159 micro- and 343 macro-expressions in 147 videos of 35 s.

    Attributes:
        empty: share of videos without any expression.
    """

    micro: Rate = 1.8
    macro: Rate = 3.9
    blink: Rate = 17.0
    glance: Rate = 5.0
    speech: Rate = 2.0
    lips: Rate = 1.5
    head: Rate = 4.0
    empty: Chance = 0.2


@dataclass(frozen=True)
class Event:
    """Something that a face does.

    Attributes:
        kind: what.
        onset, apex, offset: indices of frames, of the movement itself.
        emotion, recipe, side: of an expression; its units, and L or R if it is one-sided.
        coded: onset, apex and offset of an expression as a coder sees them.
    """

    kind: Kind
    onset: int
    apex: int
    offset: int
    emotion: str = ""
    recipe: Recipe | None = None
    side: str = ""
    coded: tuple[int, int, int] = (0, 0, 0)

    @property
    def action_units(self) -> str:
        """As label files write them."""
        return code(self.recipe.units, self.side) if self.recipe else ""


@dataclass(frozen=True, kw_only=True)
class LongScript(Timeline):
    """A long video: its timeline, and its events by onset."""

    events: tuple[Event, ...]
    fps: int


def draw_events(
    seed: tuple[int, ...], *, seconds: float, fps: int, behaviour: Behaviour, difficulty: Difficulty
) -> tuple[Event, ...]:
    """What happens in a video, by onset; the same seed gives the same events."""
    generator = np.random.default_rng((STREAM["events"], *seed))
    minutes, frames = seconds / 60, round(seconds * fps)
    events: list[Event] = []
    empty = generator.random() < behaviour.empty
    face: list[tuple[float, float]] = []  # seconds that are taken
    for kind in ("macro", "micro", "speech", "lips"):
        count = generator.poisson(getattr(behaviour, kind) * minutes)
        for _ in range(0 if empty and kind in LABELLED else count):
            length = _length(generator, kind)
            start = _free_place(generator, face, length, seconds)
            if start is not None:
                face.append((start, start + length))
                events += _on_face(generator, kind, start, length, fps, difficulty)
    blinks = behaviour.blink * np.exp(generator.normal(0, 0.35))  # people differ
    for start, length in _in_turn(generator, blinks, seconds, shortest=0.4, lengths=(0.24, 0.36)):
        events.append(_moments("blink", start, length, 0.4, fps))
    for start, length in _in_turn(generator, behaviour.glance, seconds, shortest=0.5, lengths=(0.4, 1.6)):
        events.append(_moments("glance", start, length, 0.5, fps))
    for start, length in _in_turn(generator, behaviour.head, seconds, shortest=0.5, lengths=(0.8, 3.0)):
        events.append(_moments("head", start, length, generator.uniform(0.3, 0.6), fps))
    return tuple(sorted((event for event in events if event.offset < frames), key=lambda event: event.onset))


def _length(generator: np.random.Generator, kind: Kind) -> float:
    """Seconds."""
    shortest, longest = {"micro": (0.2, 0.48), "macro": (0.6, 3.8), "speech": (0.8, 3.5), "lips": (0.5, 1.3)}[kind]
    return float(np.exp(generator.uniform(np.log(shortest), np.log(longest))))


def _free_place(
    generator: np.random.Generator, taken: Sequence[tuple[float, float]], length: float, seconds: float
) -> float | None:
    """Where something of this length is to begin, away from what there is; None if there is no room."""
    for start in generator.uniform(0.1, max(seconds - length - 0.1, 0.1), 50).tolist():
        apart = all(start + length + GAP < begin or end + GAP < start for begin, end in taken)
        if apart and start + length < seconds:
            return start
    return None


def _in_turn(
    generator: np.random.Generator, rate: float, seconds: float, *, shortest: float, lengths: tuple[float, float]
) -> Iterator[tuple[float, float]]:
    """Start and length of what comes again and again, with gaps of at least `shortest` seconds."""
    time = 0.0
    while rate > 0:
        mean = max(60 / rate - shortest, 0.05)
        time += shortest + generator.gamma(2, mean / 2) * (generator.random() if time == 0 else 1)
        length = generator.uniform(*lengths)
        if time + length >= seconds:
            return
        yield time, length
        time += length


def _moments(kind: Kind, start: float, length: float, rise: float, fps: int) -> Event:
    """Onset, apex and offset as frames, three different ones; `rise` is a share of the length."""
    onset, count = round(start * fps), max(int(length * fps), 3)  # frames, both ends included
    apex = int(np.clip(round(rise * (count - 1)), 1, count - 2))
    return Event(kind, onset, onset + apex, onset + count - 1)


def _on_face(
    generator: np.random.Generator, kind: Kind, start: float, length: float, fps: int, difficulty: Difficulty
) -> Iterator[Event]:
    if kind not in LABELLED:
        yield _moments(kind, start, length, 0.5, fps)
        return
    onset_phase = min(generator.uniform(0.35, 0.55) * length, 0.25 if kind == "micro" else 0.7)
    event = _moments(kind, start, length, onset_phase / length, fps)
    emotion = str(generator.choice(list(EMOTIONS), p=list(EMOTIONS.values())))
    fitting = [recipe for recipe in ALL_RECIPES[emotion] if not recipe.shared]
    weights = np.array([recipe.weight for recipe in fitting])
    recipe = fitting[generator.choice(len(fitting), p=weights / weights.sum())]
    side = str(generator.choice(["L", "R"])) if recipe.one_sided else ""
    # coders err by `label_jitter` frames at the 50 frames a second of a clip, and call nothing micro that is too long for it
    error = np.clip(generator.normal(0, difficulty.label_jitter, 3) / 50, -0.1, 0.1) * fps
    onset, apex, offset = (np.array([event.onset, event.apex, event.offset]) + np.round(error)).astype(int).tolist()
    onset = max(onset, 0)
    if kind == "micro":
        offset = min(offset, onset + int(LONGEST_MICRO * fps) - 1)
    offset = max(offset, onset + 2)
    coded = (onset, int(np.clip(apex, onset + 1, offset - 1)), offset)
    yield replace(event, emotion=emotion, recipe=recipe, side=side, coded=coded)


def write_long_script(
    identity: Identity,
    events: tuple[Event, ...],
    seed: tuple[int, ...],
    *,
    seconds: float,
    fps: int,
    difficulty: Difficulty,
) -> LongScript:
    """Let a person do it; the same arguments give the same video. The memory it takes is 400 bytes a frame."""
    generator = np.random.default_rng((STREAM["script"], *seed))
    time = np.arange(round(seconds * fps)) / fps
    intensity = np.zeros((len(time), len(UNITS), 2))
    gaze = _scanning(generator, time)
    drift = _posture(generator, time, difficulty)
    for event in events:
        start, apex, end = event.onset / fps, event.apex / fps, event.offset / fps
        span = slice(event.onset, event.offset + 1)
        local = time[span]
        if event.kind == "blink":
            depth = 1.0 if generator.random() < 0.8 else generator.uniform(0.4, 0.8)
            closed = smoothstep(start, apex - 0.01, local) * (1 - smoothstep(apex + 0.03, end, local))
            intensity[span, UNITS.index(45)] += depth * closed[:, None]
        elif event.kind == "glance":
            aside = generator.choice([-1, 1]) * (0.15 + abs(generator.normal(0, 0.08)))
            away = np.array([aside, generator.normal(0, 0.07)])
            jump = 0.021 + 0.0022 * np.degrees(np.hypot(*away))
            there = smoothstep(start, start + jump, local) * (1 - smoothstep(end - jump, end, local))
            gaze[span] += there[:, None] * away
        elif event.kind == "head":
            target = generator.normal(0, LARGEST_TURN) * generator.choice([1.0, 0.5])
            there = smoothstep(start, apex, local) * (1 - smoothstep(apex + 0.4 * (end - apex), end, local))
            drift[span] += there[:, None] * target
        elif event.kind == "speech":
            _speak(generator, intensity[span], local)
            drift[span, 0] += 0.012 * np.sin(2 * np.pi * generator.uniform(1, 2) * (local - start)) * _fading(local)
        elif event.kind == "lips":
            units = DISTRACTORS[generator.integers(3)]  # press, swallow, suck
            _add(
                intensity[span], scaled_to(identity, units, generator.uniform(1, 3)), _rise_and_fall(event, local, fps)
            )
        else:
            _express(generator, identity, event, difficulty, intensity[span], local, fps)
    return LongScript(
        intensity=np.clip(intensity, 0, 1),
        gaze=gaze,
        poses=tuple(Pose(*row) for row in drift.tolist()),
        gain=_light(generator, time, difficulty),
        sway=_waves(generator, time, (8, 30), 2) * difficulty.lamp_sway,
        furrows=difficulty.furrows,
        exposure=difficulty.exposure,
        noise=difficulty.noise,
        jpeg_quality=int(generator.integers(difficulty.jpeg_quality[0], difficulty.jpeg_quality[1] + 1)),
        seed=(STREAM["noise"], *seed),
        events=events,
        fps=fps,
    )


def _add(intensity: np.ndarray, units: dict[int, tuple[float, float]], envelope: np.ndarray) -> None:
    """Add units (left, right) to frames (t, len(UNITS), 2), as strong as an envelope (t,) or (t, 2) says."""
    for unit, pair in units.items():
        intensity[:, UNITS.index(unit)] += (envelope if envelope.ndim == 2 else envelope[:, None]) * pair


def _rise_and_fall(event: Event, time: np.ndarray, fps: int, late: float | np.ndarray = 0.0) -> np.ndarray:
    start, apex, end = event.onset / fps, event.apex / fps, event.offset / fps
    hold = apex + (0.0 if event.kind == "micro" else 0.35) * (end - apex)
    return smoothstep(start + late * (apex - start), apex, time) * (1 - smoothstep(hold, end, time))


def _express(
    generator: np.random.Generator,
    identity: Identity,
    event: Event,
    difficulty: Difficulty,
    intensity: np.ndarray,
    time: np.ndarray,
    fps: int,
) -> None:
    assert event.recipe is not None, "expressions have recipes"
    units = perform(generator, identity, event.recipe, event.side, difficulty)
    if event.kind == "micro":
        peak = float(np.exp(generator.uniform(*np.log(difficulty.peak))))
        units = scaled_to(identity, units, peak * range_of(event.recipe) ** difficulty.unit_range)
    else:
        strongest = max(max(units[unit]) for unit in event.recipe.units)
        factor = generator.uniform(0.5, 0.9) / strongest
        units = {unit: (left * factor, right * factor) for unit, (left, right) in units.items()}
    for number, (unit, pair) in enumerate(units.items()):
        late = (
            0.3 * generator.random() * (number > 0)
        )  # units of an expression do not start together, nor do both sides
        sides = [_rise_and_fall(event, time, fps, late * generator.uniform(0.8, 1)) for _ in "LR"]
        _add(intensity, {unit: pair}, np.stack(sides, axis=1))


def _fading(time: np.ndarray) -> np.ndarray:
    """1, but 0 at both ends."""
    return np.minimum(smoothstep(time[0], time[0] + 0.15, time), 1 - smoothstep(time[-1] - 0.15, time[-1], time))


def _speak(generator: np.random.Generator, intensity: np.ndarray, time: np.ndarray) -> None:
    """Syllable after syllable: the jaw falls and rises, and the lips shape a vowel or close for a consonant."""
    loudness, begin = generator.uniform(0.6, 1.2), float(time[0])
    fading = _fading(time)
    while begin < time[-1] - 0.1:
        length = float(np.clip(generator.normal(0.22, 0.05), 0.14, 0.35))
        opened = np.sin(np.pi * np.clip((time - begin) / length, 0, 1)) ** 2 * fading
        jaw = loudness * generator.uniform(0.08, 0.22)  # at full strength it moves the chin by 50 px
        vowel = ({20: (0.25,) * 2, 12: (0.1,) * 2}, {18: (0.6,) * 2}, {16: (0.3,) * 2})[generator.integers(3)]
        _add(intensity, {26: (jaw, jaw), 25: (0.35, 0.35), **vowel}, opened)
        if generator.random() < 0.3:  # a closure before it
            closed = np.exp(-(((time - begin) / 0.03) ** 2)) * fading
            _add(intensity, {24: (0.25, 0.25)}, closed)
        begin += length


def _scanning(generator: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """Gaze (t, 2) in radians: one fixation after another on a screen that is six degrees high."""
    gaze = np.zeros((len(time), 2))
    begin, at = 0.0, generator.normal(0, [0.04, 0.025])
    gaze += at
    while begin < time[-1]:
        begin += 0.2 + generator.exponential(0.25)
        target = generator.normal(0, [0.04, 0.025])
        jump = 0.021 + 0.0022 * np.degrees(np.hypot(*(target - at)))
        gaze += smoothstep(begin, begin + jump, time)[:, None] * (target - at)
        at = target
    return gaze


def _waves(generator: np.random.Generator, time: np.ndarray, periods: tuple[float, float], count: int) -> np.ndarray:
    """Slow oscillations (t, count) with a standard deviation near 1."""
    total = np.zeros((len(time), count))
    for _ in range(3):
        period = np.exp(generator.uniform(np.log(periods[0]), np.log(periods[1]), count))
        phase = generator.uniform(0, 2 * np.pi, count)
        total += generator.normal(0, 0.8, count) * np.sin(2 * np.pi * time[:, None] / period + phase)
    return total


def _posture(generator: np.random.Generator, time: np.ndarray, difficulty: Difficulty) -> np.ndarray:
    """Pose (t, 5): how somebody sits, and the sway of somebody who sits still. No frame is registered."""
    resting = generator.normal(0, [0.03, 0.05, 0.02, 1.5, 1.5])
    spread = np.array([difficulty.head_turn] * 3 + [difficulty.head_shift] * 2)
    return resting + 2 * spread * _waves(generator, time, (1.5, 12), 5)


def _light(generator: np.random.Generator, time: np.ndarray, difficulty: Difficulty) -> np.ndarray:
    slow = difficulty.light_drift * _waves(generator, time, (3, 30), 1)[:, 0]
    return np.exp(slow + generator.normal(0, difficulty.flicker, len(time)) + generator.normal(0, 0.04))
