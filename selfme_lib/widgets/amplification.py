r"""The motion-amplification explorer: turn $\gamma$ and watch a micro-expression become visible.

The motion learner runs once a clip; what $\gamma$, B-spline and exponential make of its dense motion is computed at
every turn of a slider, in some milliseconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import ipywidgets
import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from selfme_lib.data import Clip, load_onset_apex
from selfme_lib.data.frame_cache import FrameCache
from selfme_lib.grids import jacobian_determinant, warp
from selfme_lib.motion import checkpoint
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.plots.style import flow_to_rgb
from selfme_lib.runtime.errors import UsageError

from .canvas import beside, mark_folds, pale, pixels, with_arrows, zoom_for
from .explorer import LABEL, Explorer

Frames = tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]
VIEWS = ("warped face", "arrows", "colour flow", "difference")
LARGEST_GAMMA = 6.0
FULL_COLOUR = 4.0  # px: length of a motion that has the full colour
CONTRAST = 3.0  # of the view "difference"


def explore_amplification(
    clips: Mapping[str, Frames], *, learner: MotionLearner | None = None
) -> "AmplificationExplorer":
    r"""A widget: a clip, $\gamma$ from 0 to 6, B-spline or bilinear expansion, a view. Folds ($\det J \le 0$) turn orange.

    Args:
        clips: name → onset and apex, RGB in [0, 1], square and of any size (`ClipFrames` reads those of a data set).
        learner: in `eval` mode; by default the one that comes with the package.

    Raises:
        UsageError: there is no clip.
        DataError: the checkpoint cannot be read.
    """
    if not clips:
        raise UsageError("explore_amplification: expected at least one clip, got none")
    return AmplificationExplorer(clips, learner or checkpoint.load())


class ClipFrames(Mapping):
    """Onset and apex of the clips of a data set by their keys (`01/EP02_01f`), read from disk when they are asked for.

    Args:
        clips: what `data.load_clips` gives.
        size: side of the frames in pixels.
        cache: where faces that are cut out of recordings are kept; None takes the frames as they are.
    """

    def __init__(self, clips: Sequence[Clip], size: int, cache: FrameCache | None = None):
        self._clips, self._size, self._cache = {clip.key: clip for clip in clips}, size, cache

    def __getitem__(self, key: str) -> Frames:
        clips = [self._clips[key]]
        onset, apex = load_onset_apex(self._cache.with_aligned(clips) if self._cache else clips, self._size)
        return onset[0], apex[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._clips)

    def __len__(self) -> int:
        return len(self._clips)


class AmplificationExplorer(Explorer):
    """What `explore_amplification` returns. Controls are attributes: set a value, and the picture follows.

    Attributes:
        clip, gamma, bspline, view: the controls.
        picture: onset, apex and view side by side.
        note: how far the skin moves, and how much of the motion folds.
    """

    def __init__(self, clips: Mapping[str, Frames], learner: MotionLearner):
        self._learner = learner
        self._frames, self._dense = cache(clips.__getitem__), cache(self._dense_motion)
        names = list(clips)
        self.clip = ipywidgets.Dropdown(options=names, value=names[0], description="clip", style=LABEL)
        self.gamma = ipywidgets.FloatSlider(
            value=2.0, min=0.0, max=LARGEST_GAMMA, step=0.1, readout_format=".1f", description="γ", style=LABEL
        )
        buttons = LABEL | {"button_width": "150px"}
        self.bspline = ipywidgets.ToggleButtons(
            options=[("B-spline + exp", True), ("bilinear (raw)", False)], description="expansion", style=buttons
        )
        self.view = ipywidgets.ToggleButtons(options=VIEWS, description="view", style=buttons)
        super().__init__([self.clip, self.gamma], [self.bspline], [self.view])

    def motion(self) -> Float[Tensor, "2 h w"]:
        """The motion that is shown: amplified, at the frames' size, in pixels."""
        height, width = self._frames(self.clip.value)[0].shape[-2:]
        dense = self._dense(self.clip.value)
        return diffeomorphic_motion(dense, (height, width), gamma=self.gamma.value, bspline=self.bspline.value)[0]

    def look(self) -> tuple[UInt8[np.ndarray, "H W 3"], str]:
        onset, apex = self._frames(self.clip.value)
        motion = self.motion()
        determinant = jacobian_determinant(motion[None])[0]
        zoom = zoom_for(onset.shape[-1])
        shown = mark_folds(draw_view(self.view.value, onset, motion, zoom), determinant <= 0, zoom)
        picture = beside(
            [pixels(onset, zoom), pixels(apex, zoom), shown],
            ["onset", "apex", f"{self.view.value}, γ = {self.gamma.value:.1f}"],
        )
        return picture, (
            f"longest motion {motion.norm(dim=0).max():.2f} px · smallest det J {determinant.min():.2f} · "
            f"{100 * (determinant <= 0).float().mean():.2f} % of the cells fold (orange)"
        )

    def _dense_motion(self, name: str) -> Float[Tensor, "1 2 h w"]:
        device = next(self._learner.parameters()).device
        onset, apex = (frame[None].to(device) for frame in self._frames(name))
        return self._learner.dense_motion(onset, apex).cpu()


def draw_view(
    view: str, onset: Float[Tensor, "3 h w"], motion: Float[Tensor, "2 h w"], zoom: int
) -> UInt8[np.ndarray, "H W 3"]:
    """One view of a motion, `zoom` times as large as the frame.

    Args:
        view: `warped face`: the onset moved by the motion; `arrows`: where the skin goes; `colour flow`: the same by
            colour; `difference`: what becomes brighter and what darker in the warped face.
    """
    if view == "colour flow":
        return pixels(flow_to_rgb(-motion, FULL_COLOUR), zoom)
    if view == "arrows":
        return with_arrows(pixels(pale(onset), zoom), motion, zoom)
    warped = warp(onset[None], motion[None])[0]
    if view == "warped face":
        return pixels(warped, zoom)
    return pixels((0.5 + CONTRAST * (warped - onset).mean(0, keepdim=True)).expand(3, -1, -1), zoom)
