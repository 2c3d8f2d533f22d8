"""The paper's Figure 2, computed: every panel shows what the code finds for two frames."""

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from selfme_lib.data import THREE_CLASSES
from selfme_lib.grids import normalised_grid, resize_image, warp
from selfme_lib.motion.checkpoint import Estimator
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.motion.face_prior import SIDE, FacePrior
from selfme_lib.motion.learner import MotionLearner

from .motion import show_flow, show_image, show_keypoints, show_map
from .results import REGION_COLOURS, REGIONS, show_regions
from .style import CLASS_COLOURS, INK, SOFT, common_scale, panels

STICKS = 10.0  # drawn length of the keypoints' displacements over their true length
EVERY = 3  # keypoint of a lattice is drawn, in each direction

Points = Float[Tensor, "k 2"]


@torch.inference_mode()
def show_pipeline(
    estimator: Estimator, onset: Float[Tensor, "3 h w"], apex: Float[Tensor, "3 h w"], *, gamma: float = 2.0
) -> Figure:
    r"""Onset and apex → keypoints → weights → dense motion (upper row) → B-spline, exponential, $\gamma$ → classifier.

    Args:
        estimator: in `eval` mode. Of SelfME+'s keypoints every ninth is drawn, if it is on the head.
        onset, apex: of a size that suits the estimator.
        gamma: motion amplification in the lower row.
    """
    height, width = onset.shape[-2:]
    dense = estimator.dense_motion(onset[None], apex[None])
    expanded = diffeomorphic_motion(dense, (height, width), gamma=gamma)[0]  # (2, h, w)
    if isinstance(estimator, FacePrior):
        start, end, weights = _of_lattice(estimator, onset[None], apex[None])
    else:
        start, end, weights = _of_learner(estimator, onset[None], apex[None])
    figure, axes = panels(2, 5)
    show_image(axes[0, 0], onset, title="onset $X_s$")
    show_image(axes[0, 1], apex, title="apex $X_t$")
    show_keypoints(axes[0, 2], onset, start, moved_to=end, magnify=STICKS, title="keypoints (Eq 1-2)")
    show_map(axes[0, 3], weights, limits=(0, 1), title="their weights (Eq 3-4)", image=onset)
    show_flow(axes[0, 4], dense[0], scale=common_scale(dense), title="dense motion (Eq 5)")
    title = f"spline, exp, γ = {gamma:g} (Eq 9)"
    show_flow(axes[1, 0], expanded, scale=common_scale(expanded), title=title, legend=True)
    show_image(axes[1, 1], warp(onset[None], expanded[None])[0], title=f"onset moved, γ = {gamma:g}")
    title = "regions (Eq 10-13)"
    show_regions(axes[1, 2], expanded, patch_size=height // 8, scale=common_scale(expanded), title=title)
    _draw_contrast(axes[1, 3])
    _draw_classes(axes[1, 4])
    return figure


def _of_learner(
    learner: MotionLearner, onset: Float[Tensor, "1 3 h w"], apex: Float[Tensor, "1 3 h w"]
) -> tuple[Points, Points, Float[Tensor, "m m"]]:
    """Keypoints of both frames, normalised, and the weights of the tenth of them that moves furthest."""
    motion = learner.forward_motion(onset, apex, passes=learner.config.passes)
    start, end = motion.keypoints_source[0], motion.keypoints_target[0]
    furthest = motion.local[0].norm(dim=-1).topk(-(-len(start) // 10)).indices
    return start, end, motion.weights[0, furthest].sum(0)


def _of_lattice(
    prior: FacePrior, onset: Float[Tensor, "1 3 h w"], apex: Float[Tensor, "1 3 h w"]
) -> tuple[Points, Points, Float[Tensor, "m m"]]:
    """The same of SelfME+, whose keypoints lie on a lattice in the apex; the weights are of motion against standing still."""
    side, n = prior.working_side(onset), prior.config.lattice
    source, target = (resize_image(frame, (side, side)) for frame in (onset, apex))
    moved = prior.forward_motion(source, target)[0] * (2 / (SIDE - 1))  # (n, n, 2), normalised
    end, weights = normalised_grid(n, n), prior.weights(target)[0]
    at_keypoints = resize_image(weights[None, None], (n, n))[0, 0]
    shown = (slice(EVERY // 2, None, EVERY),) * 2
    on_head = at_keypoints[shown] > 0.5
    return (end + moved)[shown][on_head], end[shown][on_head], weights


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
