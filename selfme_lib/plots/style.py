r"""One look for every figure: a palette that colour-blind readers can tell apart, one colour wheel for flows, sizes.

A flow is shown as direction → hue and length → strength of the colour, white where nothing moves. The usual wheel runs
through red and green of the same lightness, which about one man in twelve cannot tell apart. This one pairs yellow with
blue and light with dark, so that opposite directions differ for everybody; a legend belongs to every picture of a flow.
"""

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from cycler import cycler
from IPython.display import HTML
from jaxtyping import Float
from matplotlib.axes import Axes
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
    "farneback": BLUE,
    "dis": PURPLE,
    "first_order": "#8a6d00",
    "selfme": VERMILION,
    "selfme_raw": ORANGE,
    "truth": INK,
    "tcae": GREEN,
    "features": BLUE,
}
SEQUENTIAL, DIVERGING, HEAT = "cividis", "PuOr_r", "inferno"
WIDTH = 7.2  # inches: a full-width figure
PANEL = 1.75  # inches: one picture in a row of pictures

# colours of full-length motions, clockwise on the screen from "to the right" in steps of 45 degrees
WHEEL = ("#E8A200", "#CF4A12", "#8E1B54", "#43208A", "#1C58CC", "#18A3CE", "#2F9C6A", "#A9BE1F")


def use() -> None:
    """Set matplotlib's defaults; called once at the top of a notebook."""
    mpl.rcParams.update(
        {
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "font.family": "DejaVu Sans",
            "font.size": 9,
            "axes.titlesize": 9,
            "axes.titlelocation": "left",
            "axes.titlecolor": INK,
            "axes.labelsize": 9,
            "axes.labelcolor": SOFT,
            "axes.edgecolor": SOFT,
            "axes.linewidth": 0.8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "axes.prop_cycle": cycler(color=[BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, INK]),
            "grid.color": FAINT,
            "grid.linewidth": 0.6,
            "xtick.color": SOFT,
            "ytick.color": SOFT,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "legend.frameon": False,
            "legend.fontsize": 8,
            "lines.linewidth": 1.6,
            "image.interpolation": "nearest",
        }
    )


def panels(
    rows: int, columns: int, *, size: float = PANEL, titles: Sequence[str] = (), header: float = 0.25
) -> tuple[Figure, np.ndarray]:
    """A grid of square pictures without axes.

    Args:
        rows, columns: of the grid.
        size: side of one picture in inches.
        titles: above the first row; without them each row has room for titles.
        header: inches for a row of titles.

    Returns:
        The figure, and its axes as an array of shape (rows, columns).
    """
    height = rows * size + (1 if titles else rows) * header
    figure, axes = plt.subplots(rows, columns, figsize=(columns * size, height), squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
    for ax in axes.flat:
        bare(ax)
    for ax, title in zip(axes[0], titles):
        ax.set_title(title)
    return figure, axes


def bare(ax: Axes) -> Axes:
    """Take ticks and frame from an axis that shows a picture."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def flow_to_rgb(flow: Float[Tensor, "2 h w"], scale: float) -> Float[Tensor, "3 h w"]:
    """A flow as a picture: direction → hue, length → strength; white where nothing moves.

    Args:
        flow: x to the right, y downwards.
        scale: the length that has the full colour; longer motions have it too. The same for all that is compared.
    """
    x, y = flow
    turn = torch.atan2(y, x) / (2 * torch.pi) * len(WHEEL) % len(WHEEL)  # 0 … 8
    first = turn.floor().long() % len(WHEEL)
    share = (turn - turn.floor())[..., None]
    anchors = _oklab(torch.tensor([mpl.colors.to_rgb(colour) for colour in WHEEL])).to(flow)
    full = anchors[first] * (1 - share) + anchors[(first + 1) % len(WHEEL)] * share  # (h, w, 3)
    strength = (torch.hypot(x, y) / scale).clamp(max=1)[..., None]
    white = flow.new_tensor([1.0, 0.0, 0.0])
    return _srgb(white + strength * (full - white)).permute(2, 0, 1)


def flow_legend(ax: Axes, scale: float, unit: str = "px") -> None:
    """The colour wheel in its own axis, with the length of the full colour."""
    line = torch.linspace(-1.08, 1.08, 161)
    y, x = torch.meshgrid(line, line, indexing="ij")
    wheel = flow_to_rgb(torch.stack([x, y]) * scale, scale)
    inside = ((1.0 - torch.hypot(x, y)) * 75).clamp(0, 1)  # a soft edge
    ax.imshow(torch.cat([wheel, inside[None]]).permute(1, 2, 0).numpy(), interpolation="bilinear", extent=(0, 1, 1, 0))
    ax.set_ylim(1, -0.3)
    ax.text(0.5, -0.03, f"{scale:.2g} {unit}", ha="center", va="bottom", fontsize=7, color=INK)
    bare(ax)


def inset_flow_legend(ax: Axes, scale: float, unit: str = "px", *, side: float = 0.26) -> None:
    """The colour wheel in the lower right corner of a picture of a flow."""
    flow_legend(ax.inset_axes((0.99 - side, 0.01, side, side)), scale, unit)


def common_scale(*flows: Tensor, quantile: float = 0.995) -> float:
    """A length for `flow_to_rgb` that suits all of these flows (… 2 h w): their longest motions, a few apart."""
    lengths = torch.cat([flow.detach().norm(dim=-3).flatten() for flow in flows]).numpy()
    return max(float(np.quantile(lengths, quantile)), 1e-3)


def table(frame: pd.DataFrame, *, digits: int = 3) -> HTML:
    """A table for a notebook: no index, numbers rounded, nothing where a value is missing; the same frame, the same bytes."""
    return HTML(frame.to_html(index=False, border=0, na_rep="", float_format=lambda value: f"{value:.{digits}f}"))


# OKLab (Ottosson 2020): colours that are mixed in it keep their lightness
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
