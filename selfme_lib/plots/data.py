"""Figures of a data set: what a clip shows over time, how its classes are spread over subjects."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from selfme_lib.data import THREE_CLASSES, Clip
from selfme_lib.synthme.action_units import NAMES
from selfme_lib.synthme.truth import Truth

from .style import CLASS_COLOURS, INK, SOFT, no_formula


def unit_intensities(truth: Truth) -> tuple[list[int], Float[Tensor, "t u"]]:
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
