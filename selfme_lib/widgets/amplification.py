r"""The motion-amplification explorer: turn $\gamma$ up and watch a micro-expression become visible.

The motion learner runs once per clip; B-spline, exponential and $\gamma$ are applied to its dense motion whenever a slider
moves, which takes milliseconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import ipywidgets
from jaxtyping import Float
from torch import Tensor

from selfme_lib.data import Clip, load_onset_apex
from selfme_lib.data.frame_cache import FrameCache
from selfme_lib.grids import jacobian_determinant, warp
from selfme_lib.motion import checkpoint
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.plots.montage import Picture, beside, enlarge
from selfme_lib.plots.style import flow_to_rgb

from .canvas import draw_arrows, draw_folds, pale, zoom_for
from .explorer import Explorer, buttons, clip_menu, slider

OnsetApex = tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]
VIEWS = ("warped face", "arrows", "colour flow", "difference")
LARGEST_GAMMA = 6.0
FULL_COLOUR = 4.0  # px: length of a motion drawn in full colour
CONTRAST = 3.0  # of the view "difference"


class ClipFrames(Mapping):
    """Onset and apex of the clips of a data set by their keys (`01/EP02_01f`), read from disk when asked for.

    Args:
        clips: from `data.load_clips`.
        size: side of the frames in pixels.
        cache: where faces cut out of recordings are kept; None takes the frames as they are.
    """

    def __init__(self, clips: Sequence[Clip], size: int, cache: FrameCache | None = None):
        self._clips, self._size, self._cache = {clip.key: clip for clip in clips}, size, cache

    def __getitem__(self, key: str) -> OnsetApex:
        clips = [self._clips[key]]
        onset, apex = load_onset_apex(self._cache.with_aligned(clips) if self._cache else clips, self._size)
        return onset[0], apex[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._clips)

    def __len__(self) -> int:
        return len(self._clips)


class AmplificationExplorer(Explorer):
    r"""A clip, $\gamma$ from 0 to 6, B-spline or bilinear expansion, a view. Folds ($\det J \le 0$) turn orange.

    Controls are attributes: set a value, and the picture follows.

    Args:
        clips: name → onset and apex, RGB in [0, 1], square and of any size (`ClipFrames` reads those of a data set).
        learner: in `eval` mode; by default the one that comes with the package.

    Attributes:
        clip, gamma, bspline, view: the controls.
        picture: onset, apex and view side by side.
        note: how far the skin moves, and how much of the motion folds.

    Raises:
        UsageError: there is no clip.
        DataError: the checkpoint cannot be read.
    """

    def __init__(self, clips: Mapping[str, OnsetApex], *, learner: MotionLearner | None = None):
        self._learner = learner or checkpoint.load()
        self._frames, self._dense = cache(clips.__getitem__), cache(self._dense_motion)
        self.clip = clip_menu(clips)
        float_slider = ipywidgets.FloatSlider
        self.gamma = slider("γ", 2.0, 0.0, LARGEST_GAMMA, kind=float_slider, step=0.1, readout_format=".1f")
        expansions = [("B-spline + exp", True), ("bilinear (raw)", False)]
        self.bspline = buttons("expansion", expansions, width=150)
        self.view = buttons("view", VIEWS, width=150)
        super().__init__([self.clip, self.gamma], [self.bspline], [self.view])

    def motion(self) -> Float[Tensor, "2 h w"]:
        """The motion that is shown: amplified, at the frames' size, in pixels."""
        height, width = self._frames(self.clip.value)[0].shape[-2:]
        dense = self._dense(self.clip.value)
        return diffeomorphic_motion(dense, (height, width), gamma=self.gamma.value, bspline=self.bspline.value)[0]

    def render(self) -> tuple[Picture, str]:
        onset, apex = self._frames(self.clip.value)
        motion = self.motion()
        determinant = jacobian_determinant(motion[None])[0]
        zoom = zoom_for(onset.shape[-1])
        shown = draw_folds(draw_view(self.view.value, onset, motion, zoom), determinant <= 0, zoom)
        titles = ["onset", "apex", f"{self.view.value}, γ = {self.gamma.value:.1f}"]
        return beside([enlarge(onset, zoom), enlarge(apex, zoom), shown], titles), (
            f"longest motion {motion.norm(dim=0).max():.2f} px · smallest det J {determinant.min():.2f} · "
            f"{100 * (determinant <= 0).float().mean():.2f} % of the cells fold (orange)"
        )

    def _dense_motion(self, name: str) -> Float[Tensor, "1 2 h w"]:
        onset, apex = (frame[None] for frame in self._frames(name))
        return self._learner.dense_motion(onset, apex)


def draw_view(view: str, onset: Float[Tensor, "3 h w"], motion: Float[Tensor, "2 h w"], zoom: int) -> Picture:
    """One view of a motion, `zoom` times as large as the frame.

    Args:
        view: `warped face`: the onset moved by the motion; `arrows`: where the skin goes; `colour flow`: the same by
            colour; `difference`: what becomes brighter and what darker in the warped face.
    """
    if view == "colour flow":
        return enlarge(flow_to_rgb(-motion, FULL_COLOUR), zoom)
    if view == "arrows":
        return draw_arrows(enlarge(pale(onset), zoom), motion, zoom)
    warped = warp(onset[None], motion[None])[0]
    if view == "warped face":
        return enlarge(warped, zoom)
    return enlarge((0.5 + CONTRAST * (warped - onset).mean(0, keepdim=True)).expand(3, -1, -1), zoom)
