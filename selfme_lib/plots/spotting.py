"""Curves over a long video, and the intervals in it: chapters 09 and 10."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selfme_lib.spotting.analysis import Event
from selfme_lib.spotting.intervals import EXPRESSIONS, Interval

from . import style
from .analysis import KIND_COLOURS as COLOURS
from .montage import Picture
from .motion import show_flow, show_image


def show_curve(ax: Axes, seconds: Float[np.ndarray, "t"], values: Float[np.ndarray, "t"], *, label: str = "") -> None:
    """A curve over time, from 0 to 1 of its largest value, so that curves of different methods can be compared."""
    ax.plot(seconds, values / max(float(np.max(values)), 1e-9), color="0.3", linewidth=0.8)
    ax.set(ylabel=label, yticks=[], xlim=(seconds[0], seconds[-1]))


def show_intervals(ax: Axes, found: Sequence[Interval], *, fps: float, row: float = 0.0, height: float = 1.0) -> None:
    """Intervals as bars in a row, expressions above all else; a tick is the apex."""
    for one in sorted(found, key=lambda one: one.kind in EXPRESSIONS):
        left, width = one.onset / fps, one.length / fps
        ax.barh(row, width, left=left, height=height, color=COLOURS[one.kind], align="edge", linewidth=0)
        if one.apex is not None and one.kind in EXPRESSIONS:
            ax.vlines(one.apex / fps, row, row + height, color="white", linewidth=0.8)


def show_methods(ax: Axes, methods: Mapping[str, Mapping[str, Any]], *, kind: str = "micro") -> None:
    """F1 of each method with its interval over subjects."""
    for place, one in enumerate(methods.values()):
        low, high = one[kind]["f1_interval"]
        ax.plot([low, high], [place, place], color=COLOURS.get(kind, "0.3"), linewidth=2)
        ax.plot(one[kind]["f1"], place, "o", color=COLOURS.get(kind, "0.3"))
    ax.set(yticks=range(len(methods)), yticklabels=list(methods), xlim=(-0.02, 1.02), xlabel=f"F1, {kind}")
    ax.set_ylim(len(methods) - 0.5, -0.5)


def timeline_figure(
    seconds: Float[np.ndarray, "t"],
    values: Float[np.ndarray, "t"],
    rows: Mapping[str, Sequence[Interval]],
    *,
    fps: float,
) -> Figure:
    """A curve over time, and below it rows of intervals by their names."""
    heights = (4, *(1 for _ in rows))
    figure, (top, *below) = plt.subplots(
        len(heights), 1, figsize=(style.WIDTH, 1.4 + 0.5 * len(rows)), sharex=True, height_ratios=heights
    )
    show_curve(top, seconds, values, label="motion")
    for ax, (name, some) in zip(below, rows.items()):
        show_intervals(ax, some, fps=fps)
        ax.set(yticks=[0.5], yticklabels=[name], ylim=(0, 1))
    below[-1].set_xlabel("seconds")
    return figure


def methods_figure(methods: Mapping[str, Mapping[str, Any]], kinds: Sequence[str] = ("micro", "macro")) -> Figure:
    """F1 of each method, a panel for each kind of expression."""
    figure, axes = plt.subplots(1, len(kinds), figsize=(style.WIDTH, 2.6), sharey=True)
    for ax, kind in zip(axes, kinds):
        show_methods(ax, methods, kind=kind)
    return figure


def shifts_figure(scores: Mapping[str, Mapping[str, float]]) -> Figure:
    """UF1 by how late a moment is told.

    Args:
        scores: name of a moment → milliseconds late → UF1.
    """
    figure, ax = plt.subplots(figsize=(style.WIDTH, 2.2))
    for name, by_shift in scores.items():
        ax.plot([int(ms) for ms in by_shift], list(by_shift.values()), "o-", label=f"{name} late")
    ax.set(xlabel="ms late (negative: early)", ylabel="UF1", ylim=(0, 1))
    ax.legend()
    return figure


def faces_figure(faces: Mapping[str, Picture]) -> Figure:
    """Pictures of faces in a row, by their titles."""
    figure, axes = style.panels(1, len(faces), titles=list(faces))
    for ax, face in zip(axes[0], faces.values()):
        show_image(ax, _picture(face))
    return figure


def event_figure(event: Event) -> Figure:
    """Onset, apex, the motion between them, and the face amplified."""
    onset, apex, amplified, motion = event.onset_face, event.apex_face, event.amplified_face, event.motion
    assert onset is not None and apex is not None and amplified is not None and motion is not None
    figure, axes = style.panels(1, 4, titles=["onset", "apex", "motion", "amplified"])
    for ax, face in zip(axes[0, [0, 1, 3]], (onset, apex, amplified)):
        show_image(ax, _picture(face))
    show_flow(axes[0, 2], motion, scale=style.common_scale(motion), legend=True)
    return figure


def _picture(pixels: Picture) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255
