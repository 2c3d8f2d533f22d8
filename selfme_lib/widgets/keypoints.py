r"""The keypoint and weight viewer: which keypoint moves what.

The paper's form finds K keypoints in onset and apex (Eq 1). Each has one displacement (Eq 2) and a map of weights that says
where on the face it counts (Eq 4). Their weighted sum is the dense motion (Eq 5). The last weight belongs to standing still.
"""

from collections.abc import Mapping
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from selfme_lib.grids import resize_flow, resize_image, to_pixels
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import Motion, MotionLearner
from selfme_lib.plots.montage import Picture, enlarge
from selfme_lib.plots.style import VERMILION, YELLOW, common_scale, flow_to_rgb

from .amplification import OnsetApex
from .canvas import colours, draw_dots, draw_lines, pale, wheel, zoom_for
from .controls import Choice, Slider, clip_menu
from .panels import CLIPS, Panel, PanelExplorer


class KeypointViewer(PanelExplorer):
    """A clip, a keypoint, and how much longer than true the displacements are drawn.

    Args:
        clips: name → onset and apex, RGB in [0, 1], square.
        learner: in `eval` mode; by default SelfME as printed, as it comes with the package.

    Attributes:
        clip: whose motion.
        keypoint: 1 to K; K + 1 is standing still. Of each newly chosen clip, the one that moves most.
        magnify: drawn length of displacements over their true length.

    Raises:
        UsageError: there is no clip.
    """

    def __init__(self, clips: Mapping[str, OnsetApex], *, learner: MotionLearner | None = None):
        self._learner = learner or checkpoint.load(checkpoint.PRINTED)
        kept = lru_cache(maxsize=CLIPS)
        self._frames, self._motion = kept(clips.__getitem__), kept(self._forward)
        self._dense = kept(self._dense_of)
        self.clip = clip_menu(clips)
        count = self._learner.config.keypoints
        points = [*((str(k), k) for k in range(1, count + 1)), ("none: standing still", count + 1)]
        self.keypoint = Choice("keypoint k", points, value=self._longest())
        self.magnify = Slider("magnify", 10, 1, 30)
        self.clip.observe(self._choose, names="value")
        super().__init__([self.clip], [self.keypoint, self.magnify], title="Which keypoint moves what")

    def _longest(self) -> int:
        """The number of the keypoint of this clip that moves most."""
        return int(self._motion(self.clip.value).local[0, :-1].norm(dim=-1).argmax()) + 1

    def _choose(self, _change: object) -> None:
        with self.hold_picture():
            self.keypoint.value = self._longest()

    def displacements(self) -> Float[Tensor, "k 2"]:
        """Of each keypoint, from onset to apex, in px of the frame."""
        height, width = self._frames(self.clip.value)[0].shape[-2:]
        motion = self._motion(self.clip.value)
        points = motion.keypoints_source[0], motion.keypoints_target[0]
        start, end = (to_pixels(some, height, width) for some in points)
        return end - start

    def render(self) -> tuple[list[list[Panel]], str]:
        onset, _ = self._frames(self.clip.value)
        height, width = onset.shape[-2:]
        motion, k = self._motion(self.clip.value), self.keypoint.value - 1
        zoom = zoom_for(width)
        starts, steps = to_pixels(motion.keypoints_source[0], height, width), self.displacements()
        sticks = torch.stack([starts, starts + self.magnify.value * steps], dim=1)  # (k, 2, 2)
        face = draw_lines(enlarge(pale(onset, 0.35), zoom), list(sticks), zoom, VERMILION, 2)
        draw_dots(face, starts, zoom, "#ffffff")
        weights = motion.weights[0]
        weight = resize_image(weights[k][None, None], (height, width))[0, 0]
        shown = enlarge(0.3 * pale(onset, 0.0) + 0.7 * colours(weight, 0.0, 1.0), zoom)
        chosen = starts[k : k + 1]  # none for standing still
        draw_dots(face, chosen, zoom, YELLOW, 5.0)
        draw_dots(shown, chosen, zoom, YELLOW, 4.0)
        still = k == len(starts)
        name = "standing still" if still else f"keypoint {k + 1}"
        titles = [f"keypoints, displacement × {self.magnify.value}", f"weight of {name}", "dense motion: their sum"]
        moved = "does not move" if still else f"moves ({steps[k, 0]:+.2f}, {steps[k, 1]:+.2f}) px"
        largest = 100 * float((weights.argmax(0) == k).float().mean())
        dense, legend = self._dense(self.clip.value)
        return [[*zip(titles, [face, shown, dense]), legend]], (
            f"{name} {moved} · largest weight {weight.max():.2f} · the largest of all on {largest:.1f} % of the face"
        )

    def _dense_of(self, name: str) -> tuple[Picture, Panel]:
        """The dense motion in colours, and their wheel."""
        height, width = self._frames(name)[0].shape[-2:]
        dense = resize_flow(self._motion(name).dense, (height, width))[0]
        scale = common_scale(dense)
        return enlarge(flow_to_rgb(-dense, scale), zoom_for(width)), wheel(scale)

    def _forward(self, name: str) -> Motion:
        frames = self._frames(
            name
        )  # read outside: threads of a reader are not in inference mode, and cannot fill its tensors
        with torch.inference_mode():
            return self._learner.forward_motion(*(frame[None] for frame in frames))
