"""One style for every figure: a palette that colour-blind readers can tell apart, a colour wheel for flows, sizes.

A flow is shown as direction → hue and length → strength of the colour, white where nothing moves. The usual wheel
(torchvision's `flow_to_image`) runs through red and green of equal lightness, which about one man in twelve cannot tell
apart. This one pairs yellow with blue and light with dark, so opposite directions differ for everybody. Every picture of a
flow needs a legend.
"""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from cycler import cycler
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from torch import Tensor

INK, SOFT, FAINT = "#1c1d21", "#6b6e76", "#d9dade"
# Okabe & Ito, Color Universal Design, 2008
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442",
)  # fmt: skip
CLASS_COLOURS = {"negative": BLUE, "positive": ORANGE, "surprise": GREEN}
CLASS_COLOURS |= {"happiness": ORANGE, "disgust": BLUE, "repression": PURPLE, "others": "#9a9ca3"}
METHOD_COLOURS = {
    "zero": "#9a9ca3",
    "none": "#9a9ca3",
    "tvl1": SKY,
    "tvl1_fast": "#a7d8f5",
    "tvl1_tuned": "#2d86bd",
    "farneback": BLUE,
    "farneback_tuned": "#00416b",
    "dis": PURPLE,
    "dis_tuned": "#8f4a73",
    "lucas_kanade": GREEN,
    "printed": YELLOW,
    "first_order": "#8a6d00",
    "selfme": VERMILION,
    "plus": VERMILION,
    "selfme_raw": ORANGE,
    "truth": INK,
    "tcae": GREEN,
    "features": BLUE,
}
METHOD_TITLES = {
    "zero": "no motion",
    "tvl1": "TV-L1",
    "tvl1_fast": "TV-L1 fast",
    "tvl1_tuned": "TV-L1 tuned",
    "farneback": "Farneback",
    "farneback_tuned": "Farneback tuned",
    "dis": "DIS",
    "dis_tuned": "DIS tuned",
    "lucas_kanade": "Lucas-Kanade",
    "printed": "SelfME as printed",
    "first_order": "first order",
    "selfme": "SelfME",
    "plus": "SelfME+",
    "selfme_raw": "SelfME raw",
}
SEQUENTIAL, DIVERGING, HEAT = "cividis", "PuOr_r", "inferno"
WIDTH = 7.2  # inches, of a full-width figure
PANEL, HEADER = 1.75, 0.25  # inches: one picture in a row, and a row of titles

# colours of full-length motions in steps of 45 degrees, clockwise on the screen from "to the right"
WHEEL = ("#E8A200", "#CF4A12", "#8E1B54", "#43208A", "#1C58CC", "#18A3CE", "#2F9C6A", "#A9BE1F")


def use() -> None:
    """Set matplotlib's defaults; call it once at the top of a notebook."""
    mpl.rc("figure", dpi=100, facecolor="white")
    mpl.rc("figure.constrained_layout", use=True)
    mpl.rc("font", family="DejaVu Sans", size=9)
    mpl.rc("axes", titlesize=9, titlelocation="left", titlecolor=INK, labelsize=9, labelcolor=SOFT, axisbelow=True)
    mpl.rc("axes", edgecolor=SOFT, linewidth=0.8)
    mpl.rc("axes", prop_cycle=cycler(color=[BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, INK]))
    mpl.rc("axes.spines", top=False, right=False)
    mpl.rc("grid", color=FAINT, linewidth=0.6)
    mpl.rc("xtick", color=SOFT, labelsize=8)
    mpl.rc("ytick", color=SOFT, labelsize=8)
    mpl.rc("legend", frameon=False, fontsize=8)
    mpl.rc("lines", linewidth=1.6)
    mpl.rc("image", interpolation="nearest")


def panels(rows: int, columns: int, *, size: float = PANEL, titles: Sequence[str] = ()) -> tuple[Figure, np.ndarray]:
    """A grid of square pictures without axes.

    Args:
        rows, columns: of the grid.
        size: side of one picture, in inches.
        titles: of the columns; without them every row leaves room for titles.

    Returns:
        The figure, and its axes as an array of shape (rows, columns).
    """
    height = rows * size + (1 if titles else rows) * HEADER
    figure, axes = plt.subplots(rows, columns, figsize=(columns * size, height), squeeze=False)
    figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
    for ax in axes.flat:
        bare(ax)
    for ax, title in zip(axes[0], titles):
        ax.set_title(title)
    return figure, axes


def drawn(show: Callable[..., None], *what: Any, height: float, width: float = WIDTH, **options: Any) -> Figure:
    """A figure with one axis that `show` draws into: `drawn(show_scores, results, height=3)`; sides in inches."""
    figure, ax = plt.subplots(figsize=(width, height))
    show(ax, *what, **options)
    return figure


def bare(ax: Axes) -> Axes:
    """Remove ticks and frame from an axis that shows a picture."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def name_rows(ax: Axes, names: Sequence[str], *, label: str, room: float = 0.5) -> None:
    """Make the vertical axis a list: one name per row, the first on top; `label` belongs to the horizontal axis.

    Args:
        room: above the first row, in rows.
    """
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -room), xlabel=label)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")


def flow_to_rgb(flow: Float[Tensor, "2 h w"], scale: float) -> Float[Tensor, "3 h w"]:
    """A flow as a picture: direction → hue, length → strength; white where nothing moves.

    Args:
        flow: x to the right, y downwards.
        scale: length drawn in the full colour, as are longer ones. Flows that are compared need the same scale.
    """
    x, y = flow
    turn = torch.atan2(y, x) / (2 * torch.pi) * len(WHEEL) % len(WHEEL)  # 0 … 8
    first = turn.floor().long() % len(WHEEL)
    share = (turn - turn.floor())[..., None]
    anchors = _oklab(torch.tensor([to_rgb(colour) for colour in WHEEL])).to(flow)
    full = anchors[first] * (1 - share) + anchors[(first + 1) % len(WHEEL)] * share  # (h, w, 3)
    strength = (torch.hypot(x, y) / scale).clamp(max=1)[..., None]
    white = flow.new_tensor([1.0, 0.0, 0.0])
    return _srgb(white + strength * (full - white)).permute(2, 0, 1)


def inset_flow_legend(ax: Axes, scale: float) -> None:
    """The colour wheel in the lower right corner of a picture of a flow, with the length drawn in full colour."""
    inset = ax.inset_axes((0.73, 0.01, 0.26, 0.26))
    line = torch.linspace(-1.08, 1.08, 161)
    y, x = torch.meshgrid(line, line, indexing="ij")
    wheel = flow_to_rgb(torch.stack([x, y]) * scale, scale)
    inside = ((1.0 - torch.hypot(x, y)) * 75).clamp(0, 1)  # a soft edge
    picture = torch.cat([wheel, inside[None]]).permute(1, 2, 0).numpy()
    inset.imshow(picture, interpolation="bilinear", extent=(0, 1, 1, 0))
    inset.set_ylim(1, -0.3)
    inset.text(0.5, -0.03, f"{scale:.2g} px", ha="center", va="bottom", fontsize=7, color=INK)
    bare(inset)


def common_scale(*flows: Tensor) -> float:
    """A scale for `flow_to_rgb` that suits all of these flows (… 2 h w): their longest motion, outliers aside."""
    lengths = torch.cat([flow.detach().norm(dim=-3).flatten() for flow in flows]).numpy()
    return max(float(np.quantile(lengths, 0.995)), 1e-3)


def no_formula(name: str) -> str:
    """A name from data as matplotlib shows it literally; it would set what stands between dollars as a formula."""
    return name.replace("$", r"\$")


# OKLab (Ottosson 2020), in which mixed colours keep their lightness; scikit-image, kornia and matplotlib lack it
_TO_LMS = torch.tensor([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                        [0.0883024619, 0.2817188376, 0.6299787005]], dtype=torch.float64)  # fmt: skip
_TO_LAB = torch.tensor([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                        [0.0259040371, 0.7827717662, -0.8086757660]], dtype=torch.float64)  # fmt: skip


def _oklab(srgb: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    linear = torch.where(srgb > 0.04045, ((srgb + 0.055) / 1.055) ** 2.4, srgb / 12.92).double()
    return ((linear @ _TO_LMS.T).clamp_min(0) ** (1 / 3) @ _TO_LAB.T).to(srgb)


def _srgb(oklab: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    to_linear = torch.linalg.inv(_TO_LMS).T.to(oklab)
    linear = ((oklab @ torch.linalg.inv(_TO_LAB).T.to(oklab)) ** 3 @ to_linear).clamp(0, 1)
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp_min(1e-6) ** (1 / 2.4) - 0.055, 12.92 * linear)
