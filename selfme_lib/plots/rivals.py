"""Figures of chapter 08: what each system sees of a clip, and what its score costs."""

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from .style import DIVERGING, FAINT, HEAT, INK, METHOD_COLOURS, bare

COSTS = {"parameters": "parameters", "flops": "operations a clip", "seconds": "seconds a fold"}  # column → label


def show_channel(ax: Axes, channel: Float[Tensor, "h w"], *, title: str = "", signed: bool = True) -> None:
    """One channel of an input: signed, in two colours around zero; or from zero upwards."""
    largest = float(channel.abs().max()) or 1.0
    low, colours = (-largest, DIVERGING) if signed else (0.0, HEAT)
    ax.imshow(channel.numpy(), cmap=colours, vmin=low, vmax=largest, interpolation="nearest")
    ax.set_title(title)
    bare(ax)


def show_descriptor(ax: Axes, descriptor: Float[Tensor, "d"], *, title: str = "") -> None:
    """A descriptor as adjacent bars."""
    ax.fill_between(np.arange(len(descriptor)), descriptor.numpy(), step="mid", color=INK, linewidth=0)
    ends = (0, len(descriptor))
    ax.set(xlim=ends, ylim=(0, None), xticks=ends, yticks=[], box_aspect=1, title=title)
    ax.spines["left"].set_visible(False)


def show_costs(axes: np.ndarray, systems: pd.DataFrame) -> None:
    """Score against cost, one cost an axis; the intervals are over subjects.

    Args:
        systems: columns name, motion, uf1, uf1_low, uf1_high, and `COSTS`; NaN where a cost makes no sense.
    """
    for ax, (column, label) in zip(axes, COSTS.items()):
        known = systems[systems[column].notna()]
        for line in known.itertuples():
            cost = getattr(line, column)
            ax.plot([cost, cost], [line.uf1_low, line.uf1_high], color=FAINT, linewidth=2, zorder=1)
            ax.plot([cost], [line.uf1], "o", color=METHOD_COLOURS[line.motion], zorder=2)
        _name_points(ax, known, column)
        ax.margins(x=0.15)
        ax.set(xscale="log", ylim=(0, 1), xlabel=label)
        ax.grid()
    axes[0].set_ylabel("UF1, pooled")


def _name_points(ax: Axes, systems: pd.DataFrame, column: str) -> None:
    """Names on the right, evenly spaced in order of score, each with a line to its point."""
    ordered = systems.sort_values("uf1", ascending=False)
    for place, line in zip(np.linspace(0.97, 0.03, len(ordered)), ordered.itertuples()):
        ax.annotate(
            line.name,
            (getattr(line, column), line.uf1),
            xytext=(1.03, place),
            textcoords="axes fraction",
            fontsize=6.5,
            color=INK,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.6, "shrinkB": 3},
        )
