"""Figures of a data set: what a clip shows over time, how its classes are spread over subjects."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from selfme_lib.data import THREE_CLASSES, Clip
from selfme_lib.synthme.action_units import NAMES
from selfme_lib.synthme.long_truth import LongTruth
from selfme_lib.synthme.truth import Truth

from .motion import show_flow, show_image, show_map
from .style import (
    BLUE,
    CLASS_COLOURS,
    DIVERGING,
    FAINT,
    GREEN,
    HEADER,
    HEAT,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    SOFT,
    VERMILION,
    WIDTH,
    bare,
    common_scale,
    no_formula,
    panels,
)  # fmt: skip

EVENT_COLOURS = {
    "micro": VERMILION,
    "macro": ORANGE,
    "speech": GREEN,
    "lips": SKY,
    "blink": BLUE,
    "glance": PURPLE,
    "head": SOFT,
}

UPPER_FACE = (1, 2, 4, 5, 6, 7, 9)


def unit_intensities(truth: Truth | LongTruth) -> tuple[list[int], Float[Tensor, "t u"]]:
    """The action units of a clip and their intensity in each frame, averaged over left and right."""
    return [int(name[1:]) for name in truth.au_names[::2]], truth.au_intensity.unflatten(1, (-1, 2)).mean(2)


def show_timeline(ax: Axes, truth: Truth, labelled: Sequence[int]) -> None:
    """Intensity of every action unit of a SynthME clip, frame by frame, with onset, apex and offset.

    Args:
        labelled: the units of the label; the others are dashed. A blink may leave the picture at the top.
    """
    frames = truth.first_frame + np.arange(len(truth.au_intensity))
    units, intensity = unit_intensities(truth)
    for unit, curve in zip(units, intensity.T.numpy()):
        if unit in labelled:
            ax.plot(frames, curve, linewidth=2.2, label=f"AU {unit} {NAMES[unit]}")
    others = [index for index, unit in enumerate(units) if unit not in labelled and intensity[:, index].max() > 1e-3]
    names = ", ".join(str(units[index]) for index in others)
    for index in others:
        label = f"not in the label: AU {names}" if index == others[0] else None
        ax.plot(frames, intensity[:, index].numpy(), color=SOFT, linewidth=1, linestyle="--", label=label)
    top = 1.6 * max(float(intensity[:, [units.index(unit) for unit in labelled]].max()), 1e-3)
    for name in ("onset", "apex", "offset"):
        ax.axvline(getattr(truth, name), color=INK, linewidth=0.8, linestyle=":")
        ax.text(getattr(truth, name), top, name, ha="center", va="bottom", fontsize=8, color=INK)
    ax.set(ylim=(0, top), xlabel="frame number", ylabel="intensity (1 is full-blown)")
    ax.legend(loc="upper right", frameon=True, framealpha=0.85, edgecolor="none")


def long_timeline(truth: LongTruth) -> Figure:
    """One long video of SynthME over time: its events, units of brows and mouth, lids, head and gaze.

    Labelled expressions are shaded through all panels; the bars of the others say what no label file has.
    """
    figure, (events, upper, lower, head, gaze) = plt.subplots(
        5, 1, figsize=(WIDTH, 6.4), sharex=True, height_ratios=[1.5, 1.2, 1.2, 1, 0.8], layout="constrained"
    )
    seconds = np.arange(len(truth.pose)) / truth.fps
    _show_events(events, truth)
    units, intensity = unit_intensities(truth)
    for ax, title in ((upper, "upper face"), (lower, "mouth")):
        shown = [unit for unit in units if unit < 45 and (unit in UPPER_FACE) == (ax is upper)]
        curves = {unit: intensity[:, units.index(unit)].numpy() for unit in shown}
        labelled = {
            int(unit.lstrip("LR")) for event in truth.events if event.coded for unit in event.action_units.split("+")
        }
        for unit in sorted(curves, key=lambda unit: (unit not in labelled, -curves[unit].max()))[:6]:
            if curves[unit].max() > 0.02:
                ax.plot(seconds, curves[unit], linewidth=1.1, label=f"AU {unit} {NAMES[unit]}")
        ax.set(ylabel=f"{title}\nintensity", ylim=(0, 1.5))
        if ax.lines:
            ax.legend(loc="upper left", fontsize=6, ncols=3)
    upper.fill_between(seconds, intensity[:, units.index(45)].numpy(), color=FAINT, zorder=0)  # the lids
    turns = np.degrees(truth.pose[:, :3].numpy())
    for name, turn in zip(("pitch", "yaw", "roll"), turns.T):
        head.plot(seconds, turn, linewidth=1, label=name)
    head.set(ylabel="head\ndegrees")
    head.legend(loc="upper left", fontsize=6, ncols=3)
    for name, angle in zip(("right", "up"), np.degrees(truth.gaze.numpy()).T):
        gaze.plot(seconds, angle, linewidth=0.8, label=name)
    gaze.set(ylabel="gaze\ndegrees", xlabel="seconds", xlim=(0, len(seconds) / truth.fps))
    gaze.legend(loc="upper left", fontsize=6, ncols=2)
    for ax in (head, gaze):  # room for the legend
        low, high = ax.get_ylim()
        ax.set_ylim(low, high + 0.35 * (high - low))
    for event in truth.events:
        for ax in (upper, lower, head, gaze) if event.coded else ():
            first, last = ((moment - 1) / truth.fps for moment in (event.onset, event.offset))
            ax.axvspan(first, last, color=EVENT_COLOURS[event.kind], alpha=0.15, linewidth=0)
    return figure


def _show_events(ax: Axes, truth: LongTruth) -> None:
    """A row for each kind, a bar for each event; expressions with their units and a tick at the apex."""
    kinds = list(EVENT_COLOURS)
    for event in truth.events:
        row = kinds.index(event.kind)
        first, apex, last = ((moment - 1) / truth.fps for moment in (event.onset, event.apex, event.offset))
        ax.barh(row, last - first, left=first, height=0.7, color=EVENT_COLOURS[event.kind])
        if event.coded:
            ax.plot([apex, apex], [row - 0.35, row + 0.35], color=INK, linewidth=1)
            ax.text(last + 0.1, row, event.action_units, fontsize=6, va="center", color=INK)
    ax.set_yticks(range(len(kinds)), kinds)
    ax.invert_yaxis()


def nuisance_panels(
    onset: Float[Tensor, "3 h w"],
    apexes: Mapping[str, Float[Tensor, "3 h w"]],
    errors: Mapping[str, Float[Tensor, "h w"]],
    *,
    times: float = 5,
) -> Figure:
    """What each nuisance does to a frame and to the error of a method. Three pictures each, two nuisances a row.

    Args:
        onset: of the clip as it is.
        apexes: nuisance -> the apex without it; the first is the apex as it is.
        errors: the end-point errors of a method, in pixels, for the same clips.
        times: how strongly differences are drawn.

    Of a nuisance: the frame without it, what it changes in the frame, and where the error is larger (orange) or smaller
    (purple) with it. The first three pictures are the apex as it is, its difference from the onset, and the error.
    """
    first = next(iter(apexes))
    figure, axes = panels(-(-len(apexes) // 2), 6, size=1.2)
    triples = axes.reshape(-1, 3)
    change = {name: errors[first] - error for name, error in errors.items()}
    worst = max(
        float(torch.stack(list(change.values())).abs().flatten().sort().values[-(errors[first].numel() // 50)]), 1e-3
    )
    for (frame, difference, error), name in zip(triples, apexes):
        show_image(frame, apexes[name], title=name)
        other = onset if name == first else apexes[name]
        show_image(difference, 0.5 + times / 2 * (apexes[first] - other), title=f"− onset, × {times:g}")
        if name == first:
            highest = float(errors[name].flatten().sort().values[-(errors[name].numel() // 200)])
            show_map(error, errors[name], limits=(0, highest), cmap=HEAT, title=f"{errors[name].mean():.3f} px")
        else:
            difference.set_title("")
            show_map(error, change[name], limits=(-worst, worst), cmap=DIVERGING)
            error.set_title(f"{change[name].mean():+.3f} px".replace("-", "−"))
    for ax in triples[len(apexes) :].flat:
        ax.set_axis_off()
    return figure


def true_motion(truth: Truth) -> Figure:
    """The true motion of a clip: of the face, of the head, and both, and where it can be seen in both frames."""
    parts = {
        r"face $\Phi_{AU}$": truth.au_flow_backward,
        r"head $\Phi_{head}$": truth.head_flow_backward,
        r"both $\Phi$": truth.flow_backward,
    }
    scale = common_scale(truth.flow_backward)
    figure, axes = panels(1, 4, titles=[*parts, "seen in both frames"])
    for ax, flow in zip(axes[0], parts.values()):
        show_flow(ax, flow, scale=scale, legend=ax is axes[0, 0])
    show_map(axes[0, 3], truth.visible.float(), limits=(0, 1))
    return figure


def found_motions(
    onset: Float[Tensor, "n 3 h w"],
    apex: Float[Tensor, "n 3 h w"],
    truth: Float[Tensor, "n 2 h w"],
    found: Float[Tensor, "n 2 h w"],
    *,
    method: str,
) -> Figure:
    """A row for each pair: its frames, their difference, the true motion and the one that a method finds."""
    titles = ["onset", "apex", "apex − onset, × 5", "true motion", method]
    figure, axes = panels(len(onset), 5, size=WIDTH / 5, titles=titles)
    for row, first, second, true, seen in zip(axes, onset, apex, truth, found):
        for ax, image in zip(row, (first, second, 0.5 + 2.5 * (second - first))):
            show_image(ax, image)
        show_flow(row[3], true, scale=common_scale(true), legend=True)
        show_flow(row[4], seen, scale=common_scale(true))
    return figure


def aligned_faces(
    recordings: Sequence[np.ndarray], points: Sequence[np.ndarray], crops: Sequence[np.ndarray]
) -> Figure:
    """Recordings (h, w, 3) with the points (5, 2) that a detector found in them, and below them their crops."""
    figure, axes = panels(2, len(recordings), size=1.6)
    for column, (picture, found, crop) in enumerate(zip(recordings, points, crops)):
        axes[0, column].imshow(picture)
        axes[0, column].scatter(*found.T, s=6, color="white", edgecolors="black", linewidths=0.5)
        axes[1, column].imshow(crop)
    return figure


def contact_sheets(sheets: Mapping[str, np.ndarray]) -> Figure:
    """Sheets (h, w, 3) as wide as a page, one below the other, each under its title if it has one."""
    heights = [WIDTH * len(sheet) / sheet.shape[1] + HEADER * bool(title) for title, sheet in sheets.items()]
    figure, axes = plt.subplots(len(sheets), 1, figsize=(WIDTH, sum(heights)), height_ratios=heights, squeeze=False)
    for ax, (title, sheet) in zip(axes[:, 0], sheets.items()):
        bare(ax).imshow(sheet)
        ax.set_title(title)
    return figure


def film_strip(pictures: Mapping[str, np.ndarray], *, columns: int = 6) -> Figure:
    """Frames (h, w, 3) of a video, each under its name."""
    figure, axes = panels(-(-len(pictures) // columns), columns, size=WIDTH / columns)
    for ax, (name, picture) in zip(axes.flat, pictures.items()):
        ax.imshow(picture)
        ax.set_title(name)
    for ax in axes.flat[len(pictures) :]:
        ax.set_axis_off()
    return figure


def show_classes(ax: Axes, clips: Sequence[Clip], classes: Sequence[str] = THREE_CLASSES) -> None:
    """Clips of each class for every subject, as stacked bars; a circle marks each class that a subject lacks."""
    counts = pd.crosstab([clip.subject for clip in clips], [clip.label for clip in clips])
    counts = counts.reindex(columns=range(len(classes)), fill_value=0)
    subjects, left = list(map(no_formula, counts.index)), np.zeros(len(counts))
    for label, name in enumerate(classes):
        number = counts[label].to_numpy()
        ax.bar(subjects, number, bottom=left, color=CLASS_COLOURS[name], width=0.75, label=f"{name} ({number.sum()})")
        left += number
    for place, missing in enumerate((counts == 0).sum(axis=1)):
        if missing:
            ax.text(place, left[place] + 0.15, "○" * missing, ha="center", va="bottom", fontsize=9, color=SOFT)
    if len(subjects) > 20 or max(map(len, subjects)) > 4:  # such as the composite's casme2-01
        ax.tick_params("x", rotation=90, labelsize=6)
    ax.set(ylim=(0, left.max() * 1.35), xlabel="subject (○: a class that this subject never shows)", ylabel="clips")
    ax.legend(ncols=3, loc="upper center")
