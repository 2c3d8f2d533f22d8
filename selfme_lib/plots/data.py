"""Pictures of a data set: contact sheets, what a clip shows over time, how classes are spread over subjects."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from torch import Tensor

from selfme_lib.data import THREE_CLASSES, Clip
from selfme_lib.synthme.action_units import NAMES
from selfme_lib.synthme.truth import Truth

from .style import CLASS_COLOURS, INK, SOFT


def contact_sheet(
    pictures: Sequence[UInt8[np.ndarray, "h w 3"]], *, columns: int, gap: int = 4
) -> UInt8[np.ndarray, "H W 3"]:
    """Pictures of one size side by side on white, row after row."""
    height, width, _ = pictures[0].shape
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for index, picture in enumerate(pictures):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def to_bytes(image: Float[Tensor, "3 h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """A float image as the bytes that files and contact sheets hold."""
    return (image.detach().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def show_timeline(ax: Axes, truth: Truth, labelled: Sequence[int]) -> None:
    """Intensity of every action unit that a clip of SynthME contains, frame by frame, with onset, apex and offset.

    Args:
        labelled: the units of the label; others are what the face does besides. A blink may leave the picture at the top.
    """
    frames = truth.first_frame + np.arange(len(truth.au_intensity))
    intensity = truth.au_intensity.unflatten(1, (-1, 2)).mean(2)  # left and right: (t, units)
    units = [int(name[1:]) for name in truth.au_names[::2]]
    for unit, curve in zip(units, intensity.T.numpy()):
        if unit in labelled:
            ax.plot(frames, curve, linewidth=2.2, label=f"AU {unit} {NAMES[unit]}")
    others = [index for index, unit in enumerate(units) if unit not in labelled and intensity[:, index].max() > 1e-3]
    for index in others:
        ax.plot(frames, intensity[:, index].numpy(), color=SOFT, linewidth=1, linestyle="--")
    if others:
        names = ", ".join(str(units[index]) for index in others)
        ax.plot([], [], color=SOFT, linewidth=1, linestyle="--", label=f"not in the label: AU {names}")
    top = 1.6 * max(float(intensity[:, [units.index(unit) for unit in labelled]].max()), 1e-3)
    for name in ("onset", "apex", "offset"):
        ax.axvline(getattr(truth, name), color=INK, linewidth=0.8, linestyle=":")
        ax.text(getattr(truth, name), top, name, ha="center", va="bottom", fontsize=8, color=INK)
    ax.set_ylim(0, top)
    ax.set_xlabel("frame number")
    ax.set_ylabel("intensity (1 is full-blown)")
    ax.legend(loc="upper right", frameon=True, framealpha=0.85, edgecolor="none")


def show_classes(ax: Axes, clips: Sequence[Clip], classes: Sequence[str] = THREE_CLASSES) -> None:
    """Clips of each class for every subject, as stacked bars; a subject that lacks a class is marked."""
    subjects = sorted({clip.subject for clip in clips})
    counts = torch.zeros(len(subjects), len(classes), dtype=torch.int64)
    for clip in clips:
        counts[subjects.index(clip.subject), clip.label] += 1
    left = np.zeros(len(subjects))
    for label, name in enumerate(classes):
        number = counts[:, label].numpy()
        ax.bar(subjects, number, bottom=left, color=CLASS_COLOURS[name], width=0.75, label=f"{name} ({number.sum()})")
        left += number
    for place, row in enumerate(counts):
        if missing := int((row == 0).sum()):
            ax.text(place, left[place] + 0.15, "○" * missing, ha="center", va="bottom", fontsize=9, color=SOFT)
    if len(subjects) > 20 or max(map(len, subjects)) > 4:  # such as the composite's casme2-01
        ax.tick_params("x", rotation=90, labelsize=6)
    ax.set_ylim(0, left.max() * 1.35)
    ax.set_xlabel("subject (○: a class that this subject never shows)")
    ax.set_ylabel("clips")
    ax.legend(ncols=3, loc="upper center")
