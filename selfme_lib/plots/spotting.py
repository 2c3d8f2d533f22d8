"""Curves over a long video, and the intervals in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from selfme_lib.spotting.intervals import EXPRESSIONS, Interval

COLOURS = {"micro": "C3", "macro": "C0", "blink": "0.6", "other": "0.8"}


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
