r"""Pictures of motion: flows, keypoints, weights, grids, folding, and how good a method is.

Every function draws into an axis that it is given; `style.panels` makes them. Images are float RGB in [0, 1],
flows are backward flows in pixels of their own lattice, keypoints are normalised (see `grids`).

A backward flow says where the skin *came from*. Readers expect to see where it *went*, so colours and arrows here show
the negative of the flow: a brow that rises is drawn as a motion upwards.
"""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from torch import Tensor

from selfme_lib.grids import identity_grid, jacobian_determinant, to_pixels

from .style import INK, SEQUENTIAL, SOFT, VERMILION, flow_to_rgb, inset_flow_legend


def show_image(ax: Axes, image: Float[Tensor, "c h w"], *, title: str = "", dim: float = 0.0) -> None:
    """An RGB or grey image; `dim` mixes that share of white into it, so that something can be drawn on top."""
    picture = image.detach().float().clamp(0, 1) * (1 - dim) + dim
    if len(picture) == 1:
        picture = picture.expand(3, -1, -1)
    ax.imshow(picture.permute(1, 2, 0).cpu().numpy())
    if title:
        ax.set_title(title)


def show_flow(ax: Axes, flow: Float[Tensor, "2 h w"], *, scale: float, title: str = "", legend: bool = False) -> None:
    """A backward flow by colour, as what the skin does: the hue of its negative.

    Args:
        flow: in pixels.
        scale: length with the full colour, see `style.common_scale`.
        legend: the colour wheel in the corner; one in a row of pictures is enough.
    """
    ax.imshow(flow_to_rgb(-flow.detach().float().cpu(), scale).permute(1, 2, 0).numpy())
    if legend:
        inset_flow_legend(ax, scale)
    if title:
        ax.set_title(title)


def show_arrows(
    ax: Axes,
    image: Float[Tensor, "3 h w"],
    flow: Float[Tensor, "2 h w"],
    *,
    every: int | None = None,
    magnify: float = 1.0,
    colour: str = VERMILION,
    title: str = "",
) -> None:
    """Arrows of a backward flow over the face, pointing where the skin went.

    Args:
        image, flow: of the same lattice.
        every: pixels between arrows; a twenty-fourth of the width by default.
        magnify: drawn length over true length.
    """
    height, width = flow.shape[-2:]
    every = every or max(1, width // 24)
    show_image(ax, image.mean(0, keepdim=True), dim=0.45, title=title)
    rows, columns = slice(every // 2, None, every), slice(every // 2, None, every)
    grid = identity_grid(height, width)[:, rows, columns]
    u, v = (-magnify * flow.detach().float().cpu())[:, rows, columns].numpy()
    ax.quiver(*grid.numpy(), u, v, color=colour, angles="xy", scale_units="xy", scale=1, width=0.006)


def show_keypoints(
    ax: Axes,
    image: Float[Tensor, "3 h w"],
    keypoints: Float[Tensor, "k 2"],
    *,
    moved_to: Float[Tensor, "k 2"] | None = None,
    magnify: float = 1.0,
    numbers: bool = False,
    title: str = "",
) -> None:
    """Keypoints on a face, and where each has gone.

    Args:
        keypoints, moved_to: normalised coordinates; sticks run from the first to the second.
        magnify: drawn length of a stick over its true length.
        numbers: write k beside each point.
    """
    height, width = image.shape[-2:]
    show_image(ax, image, dim=0.35, title=title)
    start = to_pixels(keypoints.detach().float().cpu(), height, width)
    if moved_to is not None:
        end = start + magnify * (to_pixels(moved_to.detach().float().cpu(), height, width) - start)
        ax.add_collection(LineCollection(torch.stack([start, end], 1).numpy(), colors=VERMILION, linewidths=1.8))
    ax.scatter(*start.T.numpy(), s=14, color="white", edgecolor=INK, linewidth=0.9, zorder=3)
    if numbers:
        for k, (x, y) in enumerate(start.tolist()):
            ax.annotate(str(k + 1), (x, y), (3, 3), textcoords="offset points", fontsize=6, color=INK)
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(height - 0.5, -0.5)


def show_map(
    ax: Axes,
    values: Float[Tensor, "h w"],
    *,
    limits: tuple[float, float] | None = None,
    image: Float[Tensor, "3 h w"] | None = None,
    cmap: str = SEQUENTIAL,
    title: str = "",
    bar: bool = False,
) -> None:
    """A scalar map, alone or half transparent over a face of any size."""
    low, high = limits or (float(values.min()), float(values.max()))
    extent = None
    if image is not None:
        show_image(ax, image.mean(0, keepdim=True))
        extent = (-0.5, image.shape[-1] - 0.5, image.shape[-2] - 0.5, -0.5)
    shown = ax.imshow(
        values.detach().float().cpu().numpy(), cmap=cmap, vmin=low, vmax=high, extent=extent,
        alpha=1.0 if image is None else 0.65, interpolation="nearest" if image is None else "bilinear",
    )  # fmt: skip
    if bar:
        ax.figure.colorbar(shown, ax=ax, shrink=0.75, pad=0.02, aspect=18)
    if title:
        ax.set_title(title)


def show_grid(
    ax: Axes,
    flow: Float[Tensor, "2 h w"],
    *,
    every: int = 4,
    image: Float[Tensor, "3 h w"] | None = None,
    window: tuple[int, int, int, int] | None = None,
    title: str = "",
) -> None:
    r"""The lattice after $u \mapsto u + \Phi(u)$; cells that fold ($\det J \le 0$) are filled.

    Args:
        flow: in pixels.
        every: pixels between lines.
        image: shown pale behind.
        window: left, top, right, bottom of what is shown.
    """
    height, width = flow.shape[-2:]
    if image is not None:
        show_image(ax, image.mean(0, keepdim=True), dim=0.6)
    places = (identity_grid(height, width) + flow.detach().float().cpu()).permute(1, 2, 0)  # (h, w, 2)
    lines = [*places[::every].numpy(), *places[:, ::every].transpose(0, 1).numpy()]
    ax.add_collection(LineCollection(lines, colors=INK, linewidths=0.5, alpha=0.8))
    folded = jacobian_determinant(flow[None].detach().float().cpu())[0] <= 0
    corners = [places[:-1, :-1], places[:-1, 1:], places[1:, 1:], places[1:, :-1]]
    cells = torch.stack(corners, dim=2)[folded]  # (n, 4, 2)
    ax.add_collection(mpl.collections.PolyCollection(cells.numpy(), facecolors=VERMILION, edgecolors=VERMILION))
    left, top, right, bottom = window or (0, 0, width - 1, height - 1)
    ax.set_xlim(left - 0.5, right + 0.5)
    ax.set_ylim(bottom + 0.5, top - 0.5)
    ax.set_aspect("equal")
    if title:
        ax.set_title(title)


def show_determinant(ax: Axes, flow: Float[Tensor, "2 h w"], *, title: str = "", bar: bool = False) -> None:
    r"""$\det J$ of each cell, from 0 (black) over 1 (grey: its area stays) to 2 (white); cells that fold in orange."""
    determinant = jacobian_determinant(flow[None].detach().float().cpu())[0]
    show_map(ax, determinant, limits=(0, 2), cmap="gray", title=title, bar=bar)
    folded = np.ma.masked_equal((determinant <= 0).numpy(), 0)
    ax.imshow(folded, cmap=mpl.colors.ListedColormap([VERMILION]), vmin=0, vmax=1)


def show_curves(ax: Axes, curve: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """Columns of a training record against its `step`.

    Args:
        columns: name in the record → name in the legend.
    """
    markers = "o-" if len(curve) < 40 else "-"
    for name, label in columns.items():
        ax.plot(curve["step"], curve[name], markers, markersize=3, label=label)
    ax.set_xlabel("step")
    ax.set_ylabel("loss")
    ax.grid(axis="y")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)  # curves may go anywhere, but not above the axis


def _three_digits(value: float) -> str:
    """0.750, 12.0, 123: as many digits each, and a zero at the end is one of them."""
    return f"{value:#.3g}".rstrip(".")


def show_intervals(
    ax: Axes,
    names: Sequence[str],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float]],
    *,
    colours: Sequence[str] = (),
    label: str = "",
    reference: float | None = None,
) -> None:
    """A dot for each value with a bar for its interval, the first on top; `reference` is a thin upright line."""
    for place, (value, (low, high)) in enumerate(zip(values, intervals)):
        colour = colours[place] if colours else INK
        ax.plot([low, high], [place, place], color=colour, linewidth=3, alpha=0.35, solid_capstyle="round")
        ax.plot([value], [place], "o", color=colour, markersize=6)
        ax.annotate(_three_digits(value), (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=7)
    if reference is not None:
        ax.axvline(reference, color=SOFT, linewidth=0.8, linestyle=":")
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.7)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")
    ax.set_xlabel(label)
