"""Figures of results: scores with their intervals, trends, confusions, subjects, regions of a face, attention.

Every function draws into an axis that it is given. The numbers come from `study.results.Result` and `study.trends.Trend`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from selfme_lib.classifier.grad_cam import symmetric_attention_index
from selfme_lib.data import THREE_CLASSES
from selfme_lib.study.results import Result
from selfme_lib.study.trends import Trend, corrected

from .motion import show_flow, show_image, show_intervals
from .style import (
    BLUE,
    DIVERGING,
    FAINT,
    GREEN,
    HEAT,
    INK,
    METHOD_COLOURS,
    METHOD_TITLES,
    ORANGE,
    PURPLE,
    SOFT,
    VERMILION,
    name_rows,
    no_formula,
)

REGIONS = ("UL", "UR", "BL", "BR")
REGION_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
VERDICT_COLOURS = {"confirmed": GREEN, "undecided": SOFT, "contradicted": VERMILION, "found": BLUE}


def show_epochs(ax: Axes, curve: Mapping[str, Float[np.ndarray, "r e"]]) -> None:
    """Losses by epoch: the mean over r seeds, in a band of a standard deviation to both sides; see `Result.curve`."""
    for name, values in curve.items():
        epochs, mean = np.arange(1, values.shape[1] + 1), values.mean(0)
        (line,) = ax.plot(epochs, mean, label=no_formula(name.replace("_", "-")))
        if len(values) > 1:
            deviation = values.std(0, ddof=1)
            ax.fill_between(epochs, mean - deviation, mean + deviation, color=line.get_color(), alpha=0.25, linewidth=0)
    ax.set(xlabel="epoch", ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y")
    ax.legend()


def show_scores(
    ax: Axes, results: Sequence[Result], *, metric: str = "uf1", paper: Mapping[str, float] | None = None
) -> None:
    """UF1 or UAR of each row as a dot with its 95 % interval, the first row on top; the colour stands for the motion.

    Args:
        metric: `uf1` or `uar`.
        paper: name of a row → the paper's number, a diamond. It is for real faces: compare the order, not the place.
    """
    scores = [result.score(metric) for result in results]
    show_intervals(
        ax,
        [result.row.name for result in results],
        [value for value, _, _ in scores],
        [(low, high) for _, low, high in scores],
        colours=[METHOD_COLOURS[result.row.motion] for result in results],
        label=f"{metric.upper()}, pooled over the folds, with 95 % interval over subjects",
    )
    paper = paper or {}
    places = [place for place, result in enumerate(results) if result.row.name in paper]
    if places:
        printed = [paper[results[place].row.name] for place in places]
        ax.scatter(printed, places, marker="D", s=26, facecolor="white", edgecolor=SOFT, zorder=3)
        _paper_legend(ax)
    ax.set_xlim(0, 1.02)


def show_seeds(ax: Axes, results: Sequence[Result], *, metric: str = "uf1") -> None:
    """`show_scores` with the score of each seed as a stroke: how far a row moves when it is trained again."""
    show_scores(ax, results, metric=metric)
    each = [[record["pooled"][metric] for record in result.records] for result in results]
    _strokes(ax, [(values, [place] * len(values)) for place, values in enumerate(each)])


def _strokes(ax: Axes, lines: Iterable[tuple[Sequence[float], Sequence[int]]]) -> None:
    """Results of single seeds at their values and places, and an entry for them in the legend."""
    look: dict[str, Any] = {"linestyle": "", "marker": "|", "color": INK, "markersize": 11, "markeredgewidth": 1.1}
    for values, places in lines:
        ax.plot(values, places, **look, zorder=4)
    legend = ax.get_legend()
    entries = [handle for handle in legend.legend_handles if handle is not None] if legend else []
    _legend_above(ax, [*entries, Line2D([], [], **look, label="each seed alone")])


def show_foretelling(ax: Axes, before: Sequence[Result], after: Sequence[Result], *, metric: str = "uf1") -> None:
    """Each row by two protocols: what the first says (across) and what came of it (upwards), with 95 % intervals.

    On the line both are equal; the colour stands for the motion, a hollow dot for the linear yardstick.
    """
    first, second = (np.array([one.score(metric) for one in some]) for some in (before, after))  # value, low, high
    for x, y, row in zip(first, second, [one.row for one in before]):
        colour = METHOD_COLOURS[row.motion]
        ax.plot(x[1:], [y[0], y[0]], color=colour, linewidth=1, alpha=0.35)
        ax.plot([x[0], x[0]], y[1:], color=colour, linewidth=1, alpha=0.35)
        ax.plot(x[0], y[0], "o", markersize=5, color=colour, markerfacecolor="white" if row.linear else colour)
    ends = min(first.min(), second.min()) - 0.01, max(first.max(), second.max()) + 0.01
    ax.plot(ends, ends, color=SOFT, linewidth=0.8, linestyle=":")
    ax.set(xlim=ends, ylim=ends, aspect="equal")
    ax.set(xlabel=f"{metric.upper()}, one person left out", ylabel=f"{metric.upper()}, fresh people")
    motions = {one.row.motion: METHOD_TITLES.get(one.row.motion, "true motion") for one in before}
    shown = [
        Line2D([], [], linestyle="", marker="o", color=METHOD_COLOURS[k], label=name) for k, name in motions.items()
    ]
    shown.append(Line2D([], [], linestyle="", marker="o", color=INK, markerfacecolor="white", label="hollow: linear"))
    ax.legend(handles=shown, loc="center left", bbox_to_anchor=(1.02, 0.5))


def show_pooling(ax: Axes, results: Sequence[Result], *, metric: str = "uf1") -> None:
    """The same predictions scored in two ways: pooled over the folds, and as the mean of the folds' own scores."""
    for place, result in enumerate(results):
        pooled, colour = result.score(metric)[0], METHOD_COLOURS[result.row.motion]
        mean = float(np.mean([record["fold_mean"][metric] for record in result.records]))
        ax.plot([mean, pooled], [place, place], color=FAINT, linewidth=3, zorder=1)
        ax.plot([pooled], [place], "o", color=colour)
        ax.plot([mean], [place], "o", markerfacecolor="white", markeredgecolor=colour)
    ax.set_xlim(0, 1.02)
    label = f"{metric.upper()}   ● pooled over the folds   ○ mean of the folds"
    name_rows(ax, [result.row.name for result in results], label=label)


def show_gap(ax: Axes, honest: Result, reported: Mapping[str, float], *, metric: str = "uf1") -> None:
    """One model under several protocols: the honest score as a line with its interval, the others as dots beside it.

    Args:
        reported: name of a protocol → the score that it reports.
    """
    value, low, high = honest.score(metric)
    ax.axvspan(low, high, color=FAINT, alpha=0.5, linewidth=0)
    ax.axvline(value, color=INK, linewidth=1.4)
    for place, score in enumerate(reported.values()):
        ax.plot([value, score], [place, place], color=SOFT, linewidth=1)
        ax.plot([score], [place], "o", color=INK if score == value else VERMILION)
        difference = f"{score - value:+.3f}"
        ax.annotate(difference, (score, place), (0, 6), textcoords="offset points", ha="center", fontsize=7)
    label = f"{metric.upper()} that would be reported; grey: the honest interval over subjects"
    name_rows(ax, list(reported), label=label, room=0.8)
    ax.grid(False)


def show_sweep(
    ax: Axes, values: Sequence[float], results: Sequence[Result], *, label: str, usual: float, metric: str = "uf1"
) -> None:
    """A score against one setting, on a logarithmic axis, with intervals over subjects; a line at the usual value."""
    scores = np.array([result.score(metric) for result in results])  # value, low, high
    ax.vlines(values, scores[:, 1], scores[:, 2], color=VERMILION, linewidth=3, alpha=0.45)
    ax.plot(values, scores[:, 0], "o-", color=VERMILION)
    ax.axvline(usual, color=SOFT, linewidth=0.8, linestyle=":")
    ax.set(xscale="log", xlabel=label, ylabel=metric.upper())
    ax.set_xticks(values, [f"{value:g}" for value in values])
    ax.minorticks_off()
    ax.grid(axis="y")


def show_trends(
    ax: Axes,
    trends: Sequence[Trend],
    *,
    names: Sequence[str] | None = None,
    by_seed: Sequence[Sequence[Trend]] = (),
) -> None:
    """Differences between rows: ours with their intervals, coloured by verdict; the paper's as diamonds.

    The verdicts are those of all of them asked together.

    Args:
        names: by default those of the trends.
        by_seed: the same differences from each seed alone, drawn as strokes.
    """
    trends = corrected(trends)
    for place, item in enumerate(trends):
        colour = VERDICT_COLOURS[item.verdict]
        ax.plot([item.low, item.high], [place, place], color=colour, linewidth=3, alpha=0.45, solid_capstyle="round")
        ax.plot([item.ours], [place], "o", color=colour)
        if item.paper is not None:
            ax.scatter([item.paper], [place], marker="D", s=26, facecolor="white", edgecolor=INK, zorder=3)
    ax.axvline(0, color=INK, linewidth=0.8)
    label = f"difference in {trends[0].metric.upper()}, with 95 % interval over subjects"
    name_rows(ax, names or [item.name for item in trends], label=label)
    found = [verdict for verdict in VERDICT_COLOURS if any(item.verdict == verdict for item in trends)]
    ours = [Line2D([], [], marker="o", color=VERDICT_COLOURS[name], label=f"ours: {name}") for name in found]
    _paper_legend(ax, ours)
    if by_seed:
        _strokes(ax, [([item.ours for item in one], range(len(one))) for one in by_seed])


def _paper_legend(ax: Axes, others: Sequence[Line2D] = ()) -> None:
    diamond = Line2D([], [], linestyle="", marker="D", markerfacecolor="white", markeredgecolor=INK, label="paper")
    _legend_above(ax, [*others, diamond])


def _legend_above(ax: Axes, handles: Sequence[Artist]) -> None:
    """Inside the axis it would sooner or later hide data."""
    ax.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(handles), borderaxespad=0.2)


def show_confusion(ax: Axes, confusion: np.ndarray, *, classes: Sequence[str] = THREE_CLASSES, title: str = "") -> None:
    """Clips by truth (row) and prediction (column), coloured by their share of the row: the diagonal is the recall."""
    share = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = [name[:3] for name in classes]
    _label_cells(ax, confusion, "g", rows=names, columns=names, dark=share > 0.55, title=title)
    ax.set(xlabel="prediction", ylabel="truth")


def show_similarities(
    ax: Axes, matrix: Float[Tensor, "r c"], *, rows: Sequence[str], columns: Sequence[str], title: str = ""
) -> None:
    """Cosines as colours and numbers, from -1 to 1."""
    cosines = matrix.numpy()
    ax.imshow(cosines, cmap=DIVERGING, vmin=-1, vmax=1)
    _label_cells(ax, cosines, ".2f", rows=rows, columns=columns, dark=abs(cosines) > 0.65, title=title, fontsize=8)


def _label_cells(
    ax: Axes,
    values: np.ndarray,
    form: str,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    dark: np.ndarray,
    title: str,
    fontsize: float | None = None,
) -> None:
    """A number on each cell of a picture of a matrix, white on dark cells; names of rows and columns."""
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if dark[row, column] else INK
        ax.text(column, row, format(value, form), ha="center", va="center", fontsize=fontsize, color=colour)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if title:
        ax.set_title(title)


def show_subjects(ax: Axes, result: Result, *, metric: str = "uf1") -> None:
    """Each subject's own score, coloured by the number of classes shown; lines: pooled, and mean of the subjects."""
    folds = pd.DataFrame([fold for record in result.records for fold in record["folds"]])
    folds["classes"] = [int((np.sum(confusion, axis=1) > 0).sum()) for confusion in folds["confusion"]]
    subjects = folds.groupby("subject").agg(value=(metric, "mean"), classes=("classes", "first"))
    colours, of = {1: ORANGE, 2: "#89b8d8", 3: BLUE, 4: PURPLE, 5: INK}, len(result.confusion)
    subjects.index = list(map(no_formula, subjects.index))
    ax.bar(subjects.index, subjects["value"], color=[colours[n] for n in subjects["classes"]], width=0.72)
    ax.plot(subjects.index, subjects["value"], "o", color=INK, markersize=3)  # a bar of height 0 is a result too
    pooled = ax.axhline(result.score(metric)[0], color=INK, linewidth=1.4, label="pooled over all clips")
    mean = ax.axhline(folds[metric].mean(), color=INK, linewidth=1.2, linestyle=":", label="mean of the subjects")
    shown = [
        Rectangle((0, 0), 1, 1, color=colours[n], label=f"shows {n} of {of} classes")
        for n in sorted(set(subjects["classes"]))
    ]
    ax.legend(handles=[pooled, mean, *shown], loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    ax.tick_params(axis="x", labelsize=7)
    ax.set(ylim=(0, 1.05), xlabel="held-out subject", ylabel=metric.upper())


def show_regions(
    ax: Axes, flow: Float[Tensor, "2 h w"], *, patch_size: int, scale: float, title: str = "", legend: bool = False
) -> None:
    """A motion under the patches of Eq 10 and the four regions of Eq 12. Left is left in the image."""
    show_flow(ax, flow, scale=scale, title=title, legend=legend)
    size = flow.shape[-1]
    for line in range(patch_size, size, patch_size):
        ax.axvline(line - 0.5, color=SOFT, linewidth=0.4)
        ax.axhline(line - 0.5, color=SOFT, linewidth=0.4)
    inset = size / 80
    side = size / 2 - 2 * inset
    for number, (name, colour) in enumerate(zip(REGIONS, REGION_COLOURS)):
        top, left = (part * size / 2 for part in divmod(number, 2))
        corner = (left + inset - 0.5, top + inset - 0.5)
        ax.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=2))
        ax.text(left + 2.5 * inset, top + 2.5 * inset, name, color=colour, va="top", weight="bold")


def show_attention(
    ax: Axes, image: Float[Tensor, "3 H W"], heat: Float[Tensor, "h w"], *, title: str = "", index: bool = True
) -> None:
    """A Grad-CAM map over a face, opaque where it is hot; in the corner, how symmetrical it is.

    Args:
        image: the face, of any size.
        heat: not negative; scaled by its own maximum, as usual in the literature, so only shapes can be compared.
        index: write the symmetric attention index into the corner ("no evidence" for an empty map).
    """
    show_image(ax, image.mean(0, keepdim=True), title=title)
    height, width = image.shape[-2:]
    strength = (heat / heat.max().clamp_min(1e-12)).numpy()
    colours = mpl.colormaps[HEAT](strength)
    colours[..., 3] = 0.15 + 0.6 * strength
    ax.imshow(colours, extent=(-0.5, width - 0.5, height - 0.5, -0.5), interpolation="bilinear")
    ax.axvline((width - 1) / 2, color="white", linewidth=0.7, linestyle=":")
    if index:
        symmetry = float(symmetric_attention_index(heat[None])[0])
        text = f"symmetry {symmetry:.2f}" if np.isfinite(symmetry) else "no evidence"
        ax.text(0.03, 0.03, text, color="white", fontsize=7, ha="left", va="bottom", transform=ax.transAxes)


def show_paired(
    ax: Axes, before: Float[Tensor, "n"], after: Float[Tensor, "n"], *, names: tuple[str, str], colours: Sequence[str]
) -> None:
    """One line per clip between two values, and a thick one between the means; values that are not finite are left out.

    Args:
        names: of the two sides.
        colours: of each clip.
    """
    both = torch.isfinite(before) & torch.isfinite(after)
    for first, second, colour in zip(before[both], after[both], np.asarray(colours)[both.numpy()]):
        ax.plot([0, 1], [first, second], color=colour, linewidth=0.9, alpha=0.55)
    if both.any():
        ax.plot([0, 1], [before[both].mean(), after[both].mean()], "o-", color=INK, linewidth=2.6, label="mean")
        ax.legend(loc="lower left")
    ax.set_xticks([0, 1], names)
    ax.set_xlim(-0.25, 1.25)
    ax.grid(axis="y")
