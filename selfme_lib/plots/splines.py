"""Figures of chapter 03: what a B-spline and the exponential do to a motion. Each function returns a new figure."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from . import motion as pictures
from . import style

COLOURS = {"bilinear": style.ORANGE, "B-spline": style.SKY, "B-spline + exp": style.VERMILION}
Field = Float[Tensor, "2 h w"]


def hills_figure(
    t: Float[Tensor, "n"],
    beta: Float[Tensor, "n"],
    places: Float[Tensor, "m"],
    hills: Float[Tensor, "m k"],
    values: Tensor,
) -> Figure:
    """β beside a tent; and a curve as the sum of the hills of its control points, which lie at 0, 1, …"""
    figure, (left, right) = plt.subplots(1, 2, figsize=(style.WIDTH, 2.3))
    left.plot(t, beta, color=style.VERMILION, label=r"cubic B-spline $\beta$")
    left.plot(t, (1 - t.abs()).clamp_min(0), color=style.SOFT, linewidth=1, label="bilinear: a tent")
    left.legend(loc="upper left", bbox_to_anchor=(-0.02, 1.3), ncols=2)
    right.plot(places, hills, color=style.FAINT, linewidth=1)
    right.plot(places, hills.sum(1), color=style.VERMILION)
    right.plot(places, np.interp(places, range(len(values)), values), color=style.SOFT, linewidth=1)
    right.plot(range(len(values)), values, "o", color=style.INK, markersize=4)
    return figure


def expansion_figure(bilinear: Field, smooth: Field, centre: tuple[int, int]) -> Figure:
    """Two fields whole, and enlarged around a place (row, column)."""
    side = bilinear.shape[-1]
    half = side // 8
    top, left = (max(0, min(at - half, side - 2 * half)) for at in centre)
    window = (slice(None), slice(top, top + 2 * half), slice(left, left + 2 * half))
    scale = style.common_scale(bilinear)
    titles = ["bilinear", "B-spline", "bilinear, enlarged", "B-spline, enlarged"]
    figure, axes = style.panels(1, 4, titles=titles)
    for ax, flow in zip(axes[0, :2], (bilinear, smooth)):
        pictures.show_flow(ax, flow, scale=scale)
        ax.add_patch(plt.Rectangle((left, top), 2 * half, 2 * half, fill=False, edgecolor=style.INK))
    for ax, flow in zip(axes[0, 2:], (bilinear, smooth)):
        pictures.show_flow(ax, flow[window], scale=scale, legend=ax is axes[0, 3])
    return figure


def squarings_figure(steps: Sequence[int], errors: Sequence[float], flow: Field) -> Figure:
    """The error by the number of squarings, and what the flow does to a grid."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(style.WIDTH, 2.5), width_ratios=[1.6, 1])
    left.semilogy(steps, errors, "o-", color=style.VERMILION)
    left.set(xlabel="n, number of squarings", ylabel="largest error, px")
    left.grid(axis="y")
    pictures.show_grid(style.bare(right), flow, every=4, title=r"$\exp(Ax)$")
    return figure


def folding_figure(lowest: Mapping[tuple[str, float], Float[Tensor, "n"]], *, used: float, shown: float) -> Figure:
    """The share of clips that fold by γ, and the smallest det J of every clip at one of them.

    Args:
        lowest: (one of `COLOURS`, γ) → smallest det J of every clip.
        used: γ that a dotted line marks.
        shown: γ of the histograms.
    """
    gammas = sorted({gamma for _, gamma in lowest})
    figure, (left, right) = plt.subplots(1, 2, figsize=(style.WIDTH, 2.6))
    bins = np.linspace(min(float(lowest[kind, shown].min()) for kind in COLOURS), 1, 30)
    for kind, colour in COLOURS.items():
        share = [100 * (lowest[kind, gamma] <= 0).float().mean().item() for gamma in gammas]
        left.plot(gammas, share, "o-", color=colour, label=kind)
        right.hist(lowest[kind, shown].numpy(), bins, histtype="step", linewidth=1.6, color=colour)
    left.axvline(used, color=style.SOFT, linestyle=":", linewidth=1)
    left.set(xlabel="γ (dotted: this run's)", ylabel="clips that fold, %")
    left.legend()
    right.axvline(0, color=style.INK, linewidth=0.8)
    right.set(xlabel=f"smallest det J of a clip, γ = {shown:g}", ylabel="clips")
    return figure


def lattices_figure(fields: Mapping[str, Field], onset: Float[Tensor, "3 h w"], *, gamma: float) -> Figure:
    """The lattice after each motion over the face, and det J below it."""
    titles = [f"{kind}, γ = {gamma:g}" for kind in fields]
    figure, axes = style.panels(2, len(fields), titles=titles, size=2.3)
    for above, below, flow in zip(*axes, fields.values()):
        pictures.show_grid(above, flow, every=max(1, flow.shape[-1] // 42), image=onset)
        pictures.show_determinant(below, flow)
    return figure
