r"""The keypoint and weight viewer: which keypoint moves what.

The learner finds K keypoints in onset and apex (Eq 1); each has one displacement (Eq 2), and a map of weights says where
on the face it counts (Eq 4). Their sum is the dense motion (Eq 5). The last weight belongs to standing still.
"""

from collections.abc import Mapping
from functools import cache

import ipywidgets
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from selfme_lib.grids import resize_flow, resize_image, to_pixels
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import Motion, MotionLearner
from selfme_lib.plots.style import VERMILION, YELLOW, common_scale, flow_to_rgb
from selfme_lib.runtime.errors import UsageError

from .amplification import Frames
from .canvas import beside, colours, pale, pixels, with_dots, with_lines, zoom_for
from .explorer import LABEL, Explorer


def view_keypoints(clips: Mapping[str, Frames], *, learner: MotionLearner | None = None) -> "KeypointViewer":
    """A widget: a clip, a keypoint, and how much longer than true the displacements are drawn.

    Args:
        clips: name → onset and apex, RGB in [0, 1], square.
        learner: in `eval` mode; by default the one that comes with the package.

    Raises:
        UsageError: there is no clip.
    """
    if not clips:
        raise UsageError("view_keypoints: expected at least one clip, got none")
    return KeypointViewer(clips, learner or checkpoint.load())


class KeypointViewer(Explorer):
    """What `view_keypoints` returns.

    Attributes:
        clip: whose motion.
        keypoint: 1 to K; K + 1 is standing still.
        magnify: drawn length of displacements over their true length.
    """

    def __init__(self, clips: Mapping[str, Frames], learner: MotionLearner):
        self._learner = learner
        self._frames, self._motion = cache(clips.__getitem__), cache(self._forward)
        names = list(clips)
        count = learner.config.keypoints
        self.clip = ipywidgets.Dropdown(options=names, value=names[0], description="clip", style=LABEL)
        lengths = self._motion(names[0]).local[0, :-1].norm(dim=-1)
        first = int(lengths.argmax()) + 1  # the one that moves most
        self.keypoint = ipywidgets.IntSlider(value=first, min=1, max=count + 1, description="keypoint k", style=LABEL)
        self.magnify = ipywidgets.IntSlider(value=10, min=1, max=30, description="magnify", style=LABEL)
        super().__init__([self.clip], [self.keypoint, self.magnify])

    @torch.inference_mode()
    def _forward(self, name: str) -> Motion:
        device = next(self._learner.parameters()).device
        return self._learner.forward_motion(*(frame[None].to(device) for frame in self._frames(name)))

    def displacements(self) -> Float[Tensor, "k 2"]:
        """Of each keypoint, from onset to apex, in px of the frame."""
        height, width = self._frames(self.clip.value)[0].shape[-2:]
        motion = self._motion(self.clip.value)
        ends = [
            to_pixels(points[0].cpu(), height, width) for points in (motion.keypoints_source, motion.keypoints_target)
        ]
        return ends[1] - ends[0]

    def look(self) -> tuple[UInt8[np.ndarray, "H W 3"], str]:
        onset, _ = self._frames(self.clip.value)
        height, width = onset.shape[-2:]
        motion, k = self._motion(self.clip.value), self.keypoint.value - 1
        zoom = zoom_for(width)
        starts = to_pixels(motion.keypoints_source[0].cpu(), height, width)
        steps = self.displacements()
        sticks = [torch.stack([start, start + self.magnify.value * step]) for start, step in zip(starts, steps)]
        face = with_lines(pixels(pale(onset, 0.35), zoom), sticks, zoom, VERMILION, 2)
        face = with_dots(face, starts, zoom, "#ffffff")
        weights = motion.weights[0].cpu()
        weight = resize_image(weights[k][None, None], (height, width))[0, 0]
        still = k == len(starts)
        shown = pixels(0.3 * pale(onset, 0.0) + 0.7 * colours(weight, 0.0, 1.0), zoom)
        if not still:
            face = with_dots(face, starts[k : k + 1], zoom, YELLOW, 5.0)
            shown = with_dots(shown, starts[k : k + 1], zoom, YELLOW, 4.0)
        dense = resize_flow(motion.dense.cpu(), (height, width))[0]
        name = "standing still" if still else f"keypoint {k + 1}"
        picture = beside(
            [face, shown, pixels(flow_to_rgb(-dense, common_scale(dense)), zoom)],
            [f"keypoints, displacement × {self.magnify.value}", f"weight of {name}", "dense motion: their sum"],
        )
        most = float((weights.argmax(0) == k).float().mean())
        moved = "does not move" if still else f"moves ({steps[k, 0]:+.2f}, {steps[k, 1]:+.2f}) px"
        return picture, (
            f"{name} {moved} · largest weight {weight.max():.2f} · the largest of all on {100 * most:.1f} % of the face"
        )
