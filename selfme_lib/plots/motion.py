"""Figures of motion: flows, keypoints, weights, grids, folding, and the errors of methods.

Every function draws into an axis that it is given; `style.panels` makes them. Images are float RGB in [0, 1],
flows are backward flows in pixels of their own lattice, keypoints are normalised (see `grids`).

A backward flow says where the skin *came from*. Readers expect to see where it *went*, so colours and arrows show the
negative of the flow: a rising brow is drawn as motion upwards.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from selfme_lib.grids import identity_grid, jacobian_determinant, to_pixels

from .style import (
    INK,
    PANEL,
    SEQUENTIAL,
    SKY,
    SOFT,
    VERMILION,
    flow_to_rgb,
    inset_flow_legend,
    name_rows,
    panels,
)  # fmt: skip


def show_image(ax: Axes, image: Float[Tensor, "c h w"], *, title: str = "", dim: float = 0.0) -> None:
    """An RGB or grey image; `dim` is the share of white mixed in, for something to be drawn on top."""
    picture = _on_cpu(image).clamp(0, 1) * (1 - dim) + dim
    ax.imshow(picture.expand(3, -1, -1).permute(1, 2, 0).numpy())
    if title:
        ax.set_title(title)


def image_rows(
    rows: Mapping[str, Sequence[Float[Tensor, "c h w"]]], *, titles: Sequence[str], size: float = PANEL
) -> Figure:
    """Rows of images, each with its name at the left, under titles of the columns."""
    figure, axes = panels(len(rows), len(titles), titles=titles, size=size)
    for row, (name, images) in zip(axes, rows.items()):
        for ax, image in zip(row, images):
            show_image(ax, image)
        row[0].set_ylabel(name)
    return figure


def follow_point(
    onset: Float[Tensor, "3 h w"], apex: Float[Tensor, "3 h w"], flow: Float[Tensor, "2 h w"], at: tuple[int, int]
) -> Figure:
    r"""One point and its backward flow: where it is in the apex (a ring), where it came from (a dot), and how flows are drawn.

    Args:
        flow: on the apex's lattice, in pixels.
        at: column and row of the point, u, in the apex.
    """
    x, y = at
    dx, dy = flow[:, y, x].tolist()
    start, arrow = (x + dx, y + dy), {"arrowstyle": "-|>", "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0}
    figure, axes = panels(1, 3, titles=["apex: u", "onset: u + Φ(u)", "drawn: −Φ(u)"], size=2.2)
    for ax, image in zip(axes[0], (apex, onset, onset)):
        show_image(ax, image, dim=0.25)
    for ax in axes[0]:
        ax.plot(x, y, "o", markersize=8, markerfacecolor="none", markeredgecolor=SKY, markeredgewidth=2)
    for ax in axes[0, 1:]:
        ax.plot(*start, "o", markersize=5, color=VERMILION)
    axes[0, 1].annotate("", start, (x, y), arrowprops={**arrow, "color": INK})
    axes[0, 2].annotate("", (x, y), start, arrowprops={**arrow, "color": VERMILION})
    return figure


def show_flow(ax: Axes, flow: Float[Tensor, "2 h w"], *, scale: float, title: str = "", legend: bool = False) -> None:
    """A backward flow as colours that say where the skin went.

    Args:
        flow: in pixels.
        scale: length drawn in full colour, see `style.common_scale`.
        legend: add the colour wheel in the corner; once per row of pictures is enough.
    """
    show_image(ax, flow_to_rgb(-_on_cpu(flow), scale), title=title)
    if legend:
        inset_flow_legend(ax, scale)


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
    """A backward flow as arrows over the face, pointing where the skin went.

    Args:
        image, flow: on the same lattice.
        every: pixels between arrows; by default a twenty-fourth of the width.
        magnify: drawn length over true length.
    """
    height, width = flow.shape[-2:]
    every = every or max(1, width // 24)
    show_image(ax, image.mean(0, keepdim=True), dim=0.45, title=title)
    chosen = (slice(None), slice(every // 2, None, every), slice(every // 2, None, every))
    x, y = identity_grid(height, width)[chosen].numpy()
    u, v = (-magnify * _on_cpu(flow))[chosen].numpy()
    ax.quiver(x, y, u, v, color=colour, angles="xy", scale_units="xy", scale=1, width=0.006)


def show_keypoints(
    ax: Axes,
    image: Float[Tensor, "3 h w"],
    keypoints: Float[Tensor, "k 2"],
    *,
    moved_to: Float[Tensor, "k 2"] | None = None,
    magnify: float = 1.0,
    title: str = "",
) -> None:
    """Keypoints on a face, and where each one went.

    Args:
        keypoints, moved_to: normalised coordinates; a stick runs from the first to the second.
        magnify: drawn length of a stick over its true length.
    """
    height, width = image.shape[-2:]
    show_image(ax, image, dim=0.35, title=title)
    start = to_pixels(_on_cpu(keypoints), height, width)
    if moved_to is not None:
        end = start + magnify * (to_pixels(_on_cpu(moved_to), height, width) - start)
        ax.add_collection(LineCollection(list(torch.stack([start, end], 1).numpy()), colors=VERMILION, linewidths=1.8))
    ax.scatter(start[:, 0].numpy(), start[:, 1].numpy(), s=14, color="white", edgecolor=INK, linewidth=0.9, zorder=3)
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def show_map(
    ax: Axes,
    values: Float[Tensor, "h w"],
    *,
    limits: tuple[float, float] | None = None,
    image: Float[Tensor, "3 _ _"] | None = None,
    cmap: str = SEQUENTIAL,
    title: str = "",
    bar: bool = False,
) -> None:
    """A scalar map, alone or half transparent over a face of any size; `bar` adds a colour bar."""
    low, high = limits or (float(values.min()), float(values.max()))
    extent = None
    if image is not None:
        show_image(ax, image.mean(0, keepdim=True))
        extent = (-0.5, image.shape[-1] - 0.5, image.shape[-2] - 0.5, -0.5)
    shown = ax.imshow(
        _on_cpu(values).numpy(), cmap=cmap, vmin=low, vmax=high, extent=extent,
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
    title: str = "",
) -> None:
    r"""The lattice after $u \mapsto u + \Phi(u)$; cells that fold ($\det J \le 0$) are filled.

    Args:
        flow: in pixels.
        every: pixels between lines.
        image: shown pale in the background.
    """
    height, width = flow.shape[-2:]
    if image is not None:
        show_image(ax, image.mean(0, keepdim=True), dim=0.6)
    places = (identity_grid(height, width) + _on_cpu(flow)).permute(1, 2, 0)  # (h, w, 2)
    lines = [*places[::every].numpy(), *places[:, ::every].transpose(0, 1).numpy()]
    ax.add_collection(LineCollection(lines, colors=INK, linewidths=0.5, alpha=0.8))
    folded = jacobian_determinant(_on_cpu(flow)[None])[0] <= 0
    corners = [places[:-1, :-1], places[:-1, 1:], places[1:, 1:], places[1:, :-1]]
    cells = torch.stack(corners, dim=2)[folded]  # (n, 4, 2)
    ax.add_collection(PolyCollection(list(cells.numpy()), facecolors=VERMILION, edgecolors=VERMILION))
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")
    if title:
        ax.set_title(title)


def show_determinant(ax: Axes, flow: Float[Tensor, "2 h w"], *, title: str = "", bar: bool = False) -> None:
    r"""$\det J$ of each cell from 0 (black) through 1 (grey: the area stays) to 2 (white); cells that fold are orange."""
    determinant = jacobian_determinant(_on_cpu(flow)[None])[0]
    show_map(ax, determinant, limits=(0, 2), cmap="gray", title=title, bar=bar)
    folded = np.ma.masked_equal((determinant <= 0).numpy(), 0)
    ax.imshow(folded, cmap=ListedColormap([VERMILION]), vmin=0, vmax=1)


def show_curves(ax: Axes, curve: pd.DataFrame, columns: Mapping[str, str]) -> None:
    """Columns of a training record against its `step`.

    Args:
        columns: name in the record → name in the legend.
    """
    markers = "o-" if len(curve) < 40 else "-"
    for name, label in columns.items():
        ax.plot(curve["step"], curve[name], markers, markersize=3, label=label)
    ax.set(xlabel="step", ylabel="loss")
    ax.grid(axis="y")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)  # above the axis, where no curve can run


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
    """A dot for each value and a bar for its interval, the first on top; `reference` is a thin vertical line."""
    for place, (value, (low, high)) in enumerate(zip(values, intervals)):
        colour = colours[place] if colours else INK
        ax.plot([low, high], [place, place], color=colour, linewidth=3, alpha=0.35, solid_capstyle="round")
        ax.plot([value], [place], "o", color=colour, markersize=6)
        text = f"{value:#.3g}".rstrip(".")  # 0.750, 12.0, 123: three digits each
        ax.annotate(text, (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=7)
    if reference is not None:
        ax.axvline(reference, color=SOFT, linewidth=0.8, linestyle=":")
    name_rows(ax, names, label=label, room=0.7)


def _on_cpu(values: Tensor) -> Tensor:
    return values.detach().float().cpu()
