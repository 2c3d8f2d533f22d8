"""The paper's Figure 2, computed: every panel shows what the code finds for two frames."""

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from selfme_lib.data import THREE_CLASSES
from selfme_lib.grids import warp
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.motion.learner import MotionLearner

from .motion import show_flow, show_image, show_keypoints, show_map
from .results import REGION_COLOURS, REGIONS, show_regions
from .style import CLASS_COLOURS, INK, SOFT, common_scale, panels

STICKS = 10.0  # drawn length of the keypoints' displacements over their true length


@torch.inference_mode()
def show_pipeline(
    learner: MotionLearner, onset: Float[Tensor, "3 h w"], apex: Float[Tensor, "3 h w"], *, gamma: float = 2.0
) -> Figure:
    r"""Onset and apex → keypoints → weights → dense motion (upper row) → B-spline, exponential, $\gamma$ → classifier.

    Args:
        learner: in `eval` mode.
        onset, apex: of a size that suits the learner.
        gamma: motion amplification in the lower row.
    """
    height, width = onset.shape[-2:]
    motion = learner.forward_motion(onset[None], apex[None], passes=learner.config.passes)
    expanded = diffeomorphic_motion(motion.dense, (height, width), gamma=gamma)[0]  # (2, h, w)
    figure, axes = panels(2, 5)
    show_image(axes[0, 0], onset, title="onset $X_s$")
    show_image(axes[0, 1], apex, title="apex $X_t$")
    points = motion.keypoints_source[0], motion.keypoints_target[0]
    show_keypoints(axes[0, 2], onset, points[0], moved_to=points[1], magnify=STICKS, title="keypoints (Eq 1-2)")
    furthest = motion.local[0].norm(dim=-1).topk(-(-len(points[0]) // 10)).indices  # a tenth of the keypoints
    show_map(axes[0, 3], motion.weights[0, furthest].sum(0), limits=(0, 1), title="their weights (Eq 3-4)", image=onset)
    show_flow(axes[0, 4], motion.dense[0], scale=common_scale(motion.dense), title="dense motion (Eq 5)")
    title = f"spline, exp, γ = {gamma:g} (Eq 9)"
    show_flow(axes[1, 0], expanded, scale=common_scale(expanded), title=title, legend=True)
    show_image(axes[1, 1], warp(onset[None], expanded[None])[0], title=f"onset moved, γ = {gamma:g}")
    title = "regions (Eq 10-13)"
    show_regions(axes[1, 2], expanded, patch_size=height // 8, scale=common_scale(expanded), title=title)
    _draw_contrast(axes[1, 3])
    _draw_classes(axes[1, 4])
    return figure


def _draw_contrast(ax: Axes) -> None:
    """The four regional embeddings, and which of them are pulled together."""
    ax.set(xlim=(-0.3, 1.3), ylim=(1.3, -0.3), box_aspect=1, title="contrast (Eq 14)")
    for number, (name, colour) in enumerate(zip(REGIONS, REGION_COLOURS)):
        row, column = divmod(number, 2)
        ax.scatter([column], [row], s=620, color=colour, alpha=0.3, linewidth=0)
        ax.text(column, row, name, ha="center", va="center", fontsize=9, color=INK)
    for row in (0, 1):
        ax.annotate("", (0.78, row), (0.22, row), arrowprops={"arrowstyle": "<->", "color": SOFT, "linewidth": 1.6})
    ax.text(0.5, 0.5, r"$\mathcal{L}_{sc}$ pulls", ha="center", va="center", fontsize=9, color=SOFT)


def _draw_classes(ax: Axes) -> None:
    ax.set(xlim=(0, 1), ylim=(1, 0), box_aspect=1, title="ViT → class (Eq 15-16)")
    for place, name in enumerate(THREE_CLASSES):
        ax.text(0.5, 0.25 + 0.25 * place, name, ha="center", va="center", fontsize=10, color=CLASS_COLOURS[name])
