"""Figures of chapters 04 and 07: regions of a face, what they have in common, and where a classifier looks."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from . import style
from .motion import show_flow, show_image
from .results import REGIONS, show_attention, show_paired, show_regions, show_similarities

Field = Float[Tensor, "2 h w"]


def regions_figure(flows: Float[Tensor, "n 2 h w"], titles: Sequence[str], *, patch_size: int) -> Figure:
    """Motions under their patches and regions, on one scale of colours."""
    figure, axes = style.panels(1, len(flows), size=2.35)
    scale = style.common_scale(flows)
    for ax, flow, title in zip(axes[0], flows, titles):
        show_regions(ax, flow, patch_size=patch_size, scale=scale, title=title, legend=ax is axes[0, -1])
    return figure


def sign_figure(flow: Field, mirrored: Field) -> Figure:
    """A motion, where its skin goes along x and along y, and along x with the right half mirrored."""
    figure, axes = style.panels(1, 4, titles=["true motion", "dx", "dy", "right half mirrored: dx"])
    show_flow(axes[0, 0], flow, scale=style.common_scale(flow), legend=True)
    limit = float(flow.abs().quantile(0.995))
    for ax, component in zip(axes[0, 1:], (-flow[0], -flow[1], -mirrored[0])):  # forwards
        ax.imshow(component, cmap=style.DIVERGING, vmin=-limit, vmax=limit)
        ax.axvline(flow.shape[-1] / 2 - 0.5, color=style.SOFT, linewidth=0.7, linestyle=":")
    return figure


def similarities_figure(cosines: Mapping[str, Float[Tensor, "4 4"]]) -> Figure:
    """Cosines of each pair of regions, a matrix for each network."""
    figure, axes = plt.subplots(1, len(cosines), figsize=(style.WIDTH * 1.25, 2.4))
    for ax, (name, matrix) in zip(axes, cosines.items()):
        show_similarities(ax, matrix, rows=REGIONS, columns=REGIONS, title=name)
    return figure


def maps_figure(
    rows: Mapping[str, Mapping[str, Float[Tensor, "h w"]]],
    faces: Mapping[str, Float[Tensor, "3 H W"]],
    *,
    size: float = 1.9,
) -> Figure:
    """Maps of attention over faces.

    Args:
        rows: name of a row → title of a column → its map.
        faces: name of a row → its face.
    """
    titles = list(next(iter(rows.values())))
    figure, axes = style.panels(len(rows), len(titles), titles=titles, size=size)
    for line, (name, maps) in zip(axes, rows.items()):
        for ax, heat in zip(line, maps.values()):
            show_attention(ax, faces[name], heat)
        line[0].set_ylabel(name)
    return figure


def clips_figure(
    clips: Mapping[str, tuple[Tensor, Tensor, Field]], maps: Mapping[str, Mapping[str, Float[Tensor, "h w"]]]
) -> Figure:
    """The paper's Figure 5: onset, apex, motion and maps of attention, a row for each clip.

    Args:
        clips: name → onset, apex and motion.
        maps: title of a column → name of a clip → its map.
    """
    titles = ["onset", "apex", "learned motion", *maps]
    figure, axes = style.panels(len(clips), len(titles), titles=titles, size=1.5)
    for line, (name, (onset, apex, flow)) in zip(axes, clips.items()):
        show_image(line[0], onset)
        show_image(line[1], apex)
        show_flow(line[2], flow, scale=style.common_scale(flow), legend=True)
        for ax, some in zip(line[3:], maps.values()):
            show_attention(ax, onset, some[name])
        line[0].set_ylabel(name)
    return figure


def paired_figure(
    before: Float[Tensor, "n"],
    after: Float[Tensor, "n"],
    labels: Sequence[int],
    classes: Sequence[str],
    *,
    untrained: float,
) -> Figure:
    """The symmetry of each clip's map without and with SC, coloured by class; dotted, that of an untrained network."""
    figure, ax = plt.subplots(figsize=(style.WIDTH * 0.55, 3.2))
    colours = [style.CLASS_COLOURS[classes[label]] for label in labels]
    show_paired(ax, before, after, names=("without SC", "with SC"), colours=colours)
    ax.axhline(untrained, color=style.SOFT, linewidth=1, linestyle=":")
    ax.set_ylabel("symmetry of attention")
    for label in sorted(set(labels)):
        ax.plot([], [], color=style.CLASS_COLOURS[classes[label]], label=classes[label])
    ax.plot([], [], color=style.SOFT, linestyle=":", label="untrained")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
