"""Figures of chapter 08: what each system sees of a clip, each classifier on each motion, and what a score costs."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from selfme_lib.study.results import Result

from . import style
from .motion import show_flow, show_image
from .results import show_scores
from .style import DIVERGING, FAINT, HEAT, INK, METHOD_COLOURS, METHOD_TITLES, bare, name_rows

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


def inputs_figure(pictures: Mapping[str, Tensor]) -> Figure:
    """What systems see, by title: a picture (`3 h w` or `1 h w`), one channel (`h w`) or a descriptor (`d`)."""
    figure, axes = style.panels(2, -(-len(pictures) // 2), size=1.42)
    for ax, (title, values) in zip(axes.flat, pictures.items()):
        if values.ndim == 3:
            show_image(ax, values)
        elif values.ndim == 1:
            show_descriptor(ax, values)
        else:
            show_channel(ax, values, signed=bool((values < 0).any()))
        ax.set_title(title, fontsize=7)
    for ax in axes.flat[len(pictures) :]:
        ax.set_axis_off()
    return figure


def training_figure(
    curve: pd.DataFrame, apex: Float[Tensor, "3 h w"], flows: Mapping[str, Float[Tensor, "2 h w"]]
) -> Figure:
    """The losses of a training (columns; by `step`), an apex frame, and motions by title at the first one's scale."""
    figure, axes = plt.subplots(
        1, 2 + len(flows), figsize=(style.WIDTH, 2.0), width_ratios=(1.6, *[1] * (1 + len(flows)))
    )
    for loss in curve.columns.drop("step"):
        axes[0].plot(curve["step"], curve[loss], label=loss)
    axes[0].set(yscale="log", xlabel="step")
    axes[0].legend()
    show_image(axes[1], apex, title="apex")
    scale = style.common_scale(next(iter(flows.values())))
    for ax, (title, flow) in zip(axes[2:], flows.items()):
        show_flow(ax, flow, scale=scale, title=title)
    for ax in axes[1:]:
        bare(ax)
    return figure


def scores_figure(results: Sequence[Result], *, paper: Mapping[str, float]) -> Figure:
    """`show_scores` of all systems, the paper's UF1 as diamonds."""
    figure, ax = plt.subplots(figsize=(style.WIDTH, 0.9 + 0.3 * len(results)))
    show_scores(ax, results, paper=paper)
    return figure


def crossed_figure(results: Sequence[Result]) -> Figure:
    """UF1 of every classifier (a line each) on every motion (a colour each), with 95 % intervals over subjects."""
    classifiers = list(dict.fromkeys(one.row.classifier_name for one in results))
    motions = list(dict.fromkeys(one.row.motion for one in results))
    shift = dict(zip(motions, np.linspace(-0.3, 0.3, len(motions)))) if len(motions) > 1 else {motions[0]: 0.0}
    figure, ax = plt.subplots(figsize=(style.WIDTH, 0.9 + 0.48 * len(classifiers)))
    for one in results:
        value, low, high = one.score("uf1")
        place, colour = (
            classifiers.index(one.row.classifier_name) + shift[one.row.motion],
            METHOD_COLOURS[one.row.motion],
        )
        ax.plot([low, high], [place, place], color=colour, linewidth=2, alpha=0.35, solid_capstyle="round")
        ax.plot([value], [place], "o", color=colour, markersize=4.5)
    name_rows(ax, classifiers, label="UF1, pooled over the folds, with 95 % interval over subjects", room=0.7)
    titles = {"truth": "true motion", "features": "given motion", **METHOD_TITLES}
    dots = [
        Line2D([], [], linestyle="", marker="o", color=METHOD_COLOURS[name], label=titles[name]) for name in motions
    ]
    figure.legend(handles=dots, loc="outside upper center", ncols=len(dots))
    return figure


def costs_figure(systems: pd.DataFrame) -> Figure:
    """`show_costs` in full width."""
    figure, axes = plt.subplots(1, len(COSTS), figsize=(style.WIDTH * 1.25, 3.9), sharey=True)
    show_costs(axes, systems)
    return figure


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
