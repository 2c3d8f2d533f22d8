"""Figures of chapters 02, A1 and A3: from keypoints to dense motion, what losses see, methods beside each other."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from torch import Tensor

from selfme_lib.grids import Flow, Frames, resize_flow
from selfme_lib.motion.learner import Motion

from .motion import show_curves, show_flow, show_image, show_intervals, show_keypoints, show_map
from .style import (
    DIVERGING,
    INK,
    METHOD_COLOURS,
    METHOD_TITLES,
    ORANGE,
    SEQUENTIAL,
    SKY,
    SOFT,
    WIDTH,
    common_scale,
    panels,
)


def draw_steps(
    onset: Float[Tensor, "3 h w"],
    found: Motion,
    truth: Float[Tensor, "2 h w"],
    hills: Float[Tensor, "k h4 w4"],
    *,
    magnify: float = 10.0,
) -> Figure:
    """Eq 1 to 5 on one clip; below, the weights of the four keypoints that matter most and the first one's `hills` (Eq 3)."""
    size = (onset.shape[-2], onset.shape[-1])
    weights, local = found.weights[0], found.local[0]
    used = (weights[:-1].mean((1, 2)) * local[:-1].norm(dim=1)).argsort(descending=True)[:4].tolist()
    dense = resize_flow(found.dense, size)[0]
    figure, axes = panels(2, 5)
    show_image(axes[0, 0], onset, title="source")
    show_keypoints(
        axes[0, 1],
        onset,
        found.keypoints_source[0],
        moved_to=found.keypoints_target[0],
        magnify=magnify,
        title=f"keypoints, moves × {magnify:g}",
    )
    show_map(axes[0, 2], 1 - weights[-1], limits=(0, 1), image=onset, title=r"$1-\psi^{K+1}$: what moves")
    scale = common_scale(dense, truth)
    show_flow(axes[0, 3], dense, scale=scale, title=r"dense motion $\tilde\Phi$", legend=True)
    show_flow(axes[0, 4], truth, scale=scale, title="truth")
    for ax, k in zip(axes[1], used):
        show_map(ax, weights[k], limits=(0, 1), image=onset, title=f"weight $\\psi^{{{k + 1}}}$")
    first = hills[used[0]]
    limit = float(first.abs().max())
    title = f"$H^{{{used[0] + 1}}}$, target − source"
    show_map(axes[1, 4], first, limits=(-limit, limit), cmap=DIVERGING, title=title)
    return figure


def draw_differences(
    pictures: Mapping[str, Float[Tensor, "3 h w"]], differences: Mapping[str, Float[Tensor, "h w"]]
) -> Figure:
    """Pictures, then signed maps on one scale, that of the first."""
    figure, axes = panels(1, len(pictures) + len(differences), titles=[*pictures, *differences])
    for ax, picture in zip(axes[0], pictures.values()):
        show_image(ax, picture)
    limit = float(next(iter(differences.values())).abs().quantile(0.995))
    for ax, values in zip(axes[0, len(pictures) :], differences.values()):
        show_map(ax, values, limits=(-limit, limit), cmap=DIVERGING)
    return figure


def draw_learning(curve: pd.DataFrame, columns: Mapping[str, str], *, nothing: float | None = None) -> Figure:
    """Losses by step, see `show_curves`; `nothing` is a dotted line: the reconstruction loss of zero motion."""
    figure, ax = plt.subplots(figsize=(WIDTH * 0.7, 2.6))
    show_curves(ax, curve, columns)
    if nothing is not None:
        ax.axhline(nothing, color=SOFT, linestyle=":", linewidth=1)
        place = (float(curve["step"].iloc[-1]), nothing)
        ax.annotate("zero motion", place, (0, 3), textcoords="offset points", fontsize=7, ha="right")
    return figure


def draw_gallery(
    frames: Mapping[str, Frames], flows: Mapping[str, Flow], rows: Sequence[int], *, names: Sequence[str] = ()
) -> Figure:
    """A row per clip: frames, then flows on one scale per row, that of the first of them (the truth)."""
    columns = len(frames) + len(flows)
    titles = [title.replace(" as ", "\nas ") for title in (*frames, *flows)]
    figure, axes = panels(len(rows), columns, size=WIDTH / columns, titles=titles)
    truth = next(iter(flows.values()))
    for place, (row, axs) in enumerate(zip(rows, axes)):
        for ax, images in zip(axs, frames.values()):
            show_image(ax, images[row])
        scale = common_scale(truth[row])
        for number, (ax, flow) in enumerate(zip(axs[len(frames) :], flows.values())):
            show_flow(ax, flow[row], scale=scale, legend=number == 0)
        if names:
            axs[0].set_ylabel(names[place], rotation=0, ha="right", va="center")
    return figure


def draw_lengths(maps: Mapping[str, Float[Tensor, "h w"]], *, label: str) -> Figure:
    """Maps of lengths in px on one scale, side by side."""
    figure, axes = panels(1, len(maps), size=WIDTH / len(maps), titles=list(maps))
    top = max(float(np.quantile(values, 0.99)) for values in maps.values())
    for ax, values in zip(axes[0], maps.values()):
        drawn = ax.imshow(values, vmin=0, vmax=top, cmap=SEQUENTIAL)
    figure.colorbar(drawn, ax=axes, shrink=0.8, pad=0.01, aspect=15, label=label)
    return figure


def draw_errors(table: pd.DataFrame) -> Figure:
    """Both errors of `bench.error_table`, a dot and an interval per method; the dotted line is no motion's."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 0.9 + 0.2 * len(table)), sharey=True, layout="constrained")
    for ax, title, label in zip(axes, ("EPE", "moving"), ("EPE, px", "EPE where the face moves, px")):
        values = table[f"{title}, px"]
        show_intervals(
            ax,
            table["method"].tolist(),
            values.tolist(),
            list(zip(table[f"{title} from"], table[f"{title} to"])),
            colours=[METHOD_COLOURS.get(method, INK) for method in table.index],
            label=label,
            reference=float(values["zero"]) if "zero" in values else None,
        )
    return figure


def draw_by_condition(errors: pd.DataFrame) -> Figure:
    """Both errors by condition, in the order of the conditions, one line per method, on logarithmic scales.

    Args:
        errors: of `bench.errors_of`, with a column `condition`.
    """
    figure, axes = plt.subplots(2, 1, figsize=(WIDTH, 4.6), sharex=True, layout="constrained")
    conditions = errors["condition"].unique()
    for ax, column, label in zip(axes, ("epe", "epe_moving"), ("EPE, px", "EPE where the\nface moves, px")):
        means = errors.groupby(["method", "condition"])[column].mean()
        for method in errors["method"].unique():
            name, colour = METHOD_TITLES.get(method, method), METHOD_COLOURS.get(method)
            looks = {"markersize": 5, "linewidth": 0.8, "color": colour, "label": name}
            ax.plot(conditions, means[method].reindex(conditions), "o:", **looks)
        ax.set(ylabel=label, yscale="log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
        ax.grid(axis="y")
    axes[1].tick_params(axis="x", rotation=30)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    return figure


def draw_fields(fields: Float[Tensor, "n 2 h w"], titles: Sequence[str], *, columns: int = 4) -> Figure:
    """Flows in rows of so many, each to its own scale."""
    figure, axes = panels(-(-len(fields) // columns), columns, size=WIDTH / columns)
    for ax, field, title in zip(axes.flat, fields, titles):
        show_flow(ax, field, scale=float(field.norm(dim=0).max()), title=title)
    return figure


def draw_beside(frames: Frames, maps: Float[Tensor, "n h w"], titles: tuple[str, str]) -> Figure:
    """Each frame beside a map of values from 0 to 1."""
    figure, axes = panels(1, 2 * len(frames), size=WIDTH / (2 * len(frames)), titles=list(titles) * len(frames))
    for left, right, frame, values in zip(axes[0, ::2], axes[0, 1::2], frames, maps):
        show_image(left, frame)
        show_map(right, values, limits=(0, 1))
    return figure


def draw_bound(curves: pd.DataFrame, levels: Mapping[str, float]) -> Figure:
    """Errors by the size of a window (the index), a line per column; `levels` are errors that have no window."""
    looks = {"noise": (SKY, ":"), "smear": (ORANGE, ":"), "noise and smear": (INK, "-")}
    figure, ax = plt.subplots(figsize=(WIDTH * 0.8, 3.0), layout="constrained")
    for name, values in curves.items():
        colour, line = looks.get(str(name), (METHOD_COLOURS["lucas_kanade"], "--"))
        ax.plot(curves.index, values, f"o{line}", markersize=4, color=colour, label=name)
    for name, level in levels.items():
        ax.axhline(level, color=METHOD_COLOURS["plus"], linewidth=1.2, label=name)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set(xlabel="window (standard deviation, px)", ylabel="EPE where the face\nmoves, px", ylim=(0, None))
    ax.grid(axis="y")
    figure.legend(loc="outside right upper")
    return figure
