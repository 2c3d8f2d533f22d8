"""`index.html` of `selfme analyse`: one page that shows when a face moved, how, and, last, which expression that may be.

It is one file that works offline and by mail: film and pictures are inside it, and its content security policy forbids it to ask
for anything. Text from files is escaped.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from selfme_lib.classifier.expressions import Models
from selfme_lib.data.faults import printable
from selfme_lib.plots.analysis import (
    KIND_WORDS,
    counts_of,
    heights,
    motion_picture,
    region_motion,
    strongest_units,
    unit_name,
)
from selfme_lib.plots.montage import Picture, to_bytes
from selfme_lib.plots.style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, flow_to_rgb
from selfme_lib.spotting.analysis import AMPLIFICATION, Analysis, Event

UNIT_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION)
MARKS = (0.1, 1.0, 10.0)  # pixels: lines in the curves of motion
POINTS = 2400  # of a curve, at most
SHOWN = 8  # action units of an expression
HEIGHT = 100  # of a curve, in units of its own picture
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 88]


def render(analysis: Analysis, models: Models, film: bytes, rate: float) -> str:
    """The page as text.

    Args:
        models: by which expressions were recognised.
        film: WebM of the aligned face; of nothing, none is shown.
        rate: its frames a second.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("selfme_lib.app"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    script = environment.get_template("analyse.js").render()
    length = max(analysis.seconds + 1 / analysis.fps, 1 / rate)
    numbers = {id(event): place for place, event in enumerate(analysis.expressions, 1)}
    drawn = _strongest_units(analysis.expressions)
    return environment.get_template("analyse.html.j2").render(
        name=printable(Path(analysis.name).name or analysis.name),
        analysis=analysis,
        models=models,
        film=_base64(film),
        rate=rate,
        length=length,
        ticks=list(_ticks(length)),
        bands=[_band(event, numbers.get(id(event)), length) for event in analysis.events],
        curves=_curves(analysis, length),
        marks=list(zip(MARKS, _rows(np.array(MARKS)).round(1).tolist())),
        unit_curves=_unit_curves(analysis.expressions, drawn, length),
        unit_names=[(unit_name(unit), colour) for unit, colour in drawn.items()],
        cards=[_card(event, models) for event in analysis.expressions],
        counts=counts_of(analysis.events),
        notes=[printable(note.line) for note in analysis.notes],
        amplification=AMPLIFICATION,
        wheel=_picture(_wheel()),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _card(event: Event, models: Models) -> dict[str, Any]:
    """An expression, ready to be shown."""
    assert event.motion is not None
    motion, scale = motion_picture(event)
    faces = (event.onset_face, event.apex_face, event.amplified_face)
    onset, apex, amplified = (_picture(face) for face in faces if face is not None)
    units = strongest_units(event, SHOWN)
    largest = max([abs(value) for _, value in units], default=0) or 1.0
    return {
        "event": event,
        "onset": onset,
        "apex": apex,
        "amplified": amplified,
        "motion": _picture(motion),
        "scale": scale,
        "longest": float(event.motion.norm(dim=0).max()),
        "duration": round(1000 * (event.offset_s - event.onset_s)),
        "rise": round(1000 * (event.apex_s - event.onset_s)),
        "units": [(name, value, 100 * abs(value) / largest) for name, value in units],
        "classes": [(name, value, 100 * value) for name, value in event.probabilities.items()],
        "likeliest": max(event.probabilities.values(), default=0.0),
    }


def _band(event: Event, number: int | None, length: float) -> dict[str, Any]:
    kind = event.interval.kind
    return {
        "kind": kind,
        "number": number,
        "left": 100 * event.onset_s / length,
        "width": 100 * (event.offset_s - event.onset_s) / length,
        "onset": event.onset_s,
        "apex": event.apex_s,
        "offset": event.offset_s,
        "words": f"{KIND_WORDS[kind]}, {event.onset_s:.2f} to {event.offset_s:.2f} s",
    }


def _curves(analysis: Analysis, length: float) -> list[tuple[str, str]]:
    """Name and outline of each region's motion over time, and of the head's."""
    motion = analysis.motion
    if not len(motion):
        return []
    places = 1000 * (motion.frames / motion.fps) / length
    return [(name, _outline(places, values)) for name, values in region_motion(motion).items()]


def _outline(places: Float[np.ndarray, "t"], values: Float[np.ndarray, "t"]) -> str:
    """An area as an SVG path; of several samples at one point, the largest is drawn."""
    starts = np.unique(np.linspace(0, len(values), min(len(values), POINTS), endpoint=False).astype(int))
    x, y = places[starts], _rows(np.maximum.reduceat(values, starts))
    line = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y))
    return f"M{x[0]:.1f},{HEIGHT} L{line} L{x[-1]:.1f},{HEIGHT}Z"


def _rows(lengths: Float[np.ndarray, "t"]) -> Float[np.ndarray, "t"]:
    """Pixels as rows of a curve's picture, from the top."""
    return HEIGHT * (1 - heights(lengths))


def _strongest_units(events: Sequence[Event]) -> dict[str, str]:
    """Units to be drawn over time, and their colours."""
    sums: dict[str, float] = {}
    for event in events:
        top = max(map(abs, event.units.values()), default=0) or 1.0
        for unit, value in event.units.items():
            sums[unit] = max(sums.get(unit, 0), abs(value) / top)
    return dict(zip(sorted(sums, key=lambda unit: -sums[unit]), UNIT_COLOURS))


def _unit_curves(events: Sequence[Event], drawn: dict[str, str], length: float) -> list[tuple[str, str]]:
    """Colour and points of each unit's curve in each expression, whose own largest value fills the height."""
    lines = []
    for event in events:
        values = np.array([[told[unit] for unit in drawn] for _, told in event.course]).reshape(-1, len(drawn))
        top = max(float(np.abs(values).max(initial=0)), 1e-6)
        x = [1000 * moment / length for moment, _ in event.course]
        for colour, column in zip(drawn.values(), values.T):
            points = zip(x, HEIGHT * (0.5 - 0.46 * column / top))
            lines.append((colour, " ".join(f"{a:.2f},{b:.1f}" for a, b in points)))
    return lines


def _ticks(length: float) -> Iterable[tuple[str, float]]:
    """Words and places in per cent of about ten times."""
    step = next((step for step in (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300) if length / step <= 12), 600)
    for moment in np.arange(0, length, step).tolist():
        minutes, seconds = divmod(moment, 60)
        words = f"{int(minutes)}:{int(seconds):02}" if length >= 60 else f"{moment:g} s"
        yield words, 100 * moment / length


def _wheel() -> Picture:
    """What the colours of a motion mean, without a scale."""
    line = torch.linspace(-1.08, 1.08, 161)
    y, x = torch.meshgrid(line, line, indexing="ij")
    wheel: Float[Tensor, "2 h w"] = torch.stack([x, y])
    return to_bytes(flow_to_rgb(wheel * (wheel.norm(dim=0) <= 1), 1.0))


def _picture(pixels: Picture) -> str:
    """As a data address."""
    return "data:image/jpeg;base64," + _base64(cv2.imencode(".jpg", pixels[..., ::-1], _QUALITY)[1].tobytes())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
