r"""The motion-amplification explorer: turn $\gamma$ and watch a micro-expression become visible.

The motion learner runs once a clip; what $\gamma$, B-spline and exponential make of its dense motion is computed at
every turn of a slider, in some milliseconds. For the same reason pictures are put together with OpenCV, not matplotlib.
"""

from collections.abc import Mapping
from functools import cache

import cv2
import ipywidgets
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from selfme_lib.diffeo import diffeomorphic_motion
from selfme_lib.errors import UsageError
from selfme_lib.grids import identity_grid, jacobian_determinant, warp
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.plots.style import flow_to_rgb

Frames = tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]
VIEWS = ("warped face", "arrows", "colour flow", "difference")
LARGEST_GAMMA = 6.0
SIDE = 256  # px: one picture on the screen has at least this side
FULL_COLOUR = 4.0  # px: length of a motion that has the full colour
CONTRAST = 3.0  # of the view "difference"
ORANGE = (213, 94, 0)


def explore_amplification(
    clips: Mapping[str, Frames], *, learner: MotionLearner | None = None
) -> "AmplificationExplorer":
    r"""A widget: a clip, $\gamma$ from 0 to 6, B-spline or bilinear expansion, a view. Folds ($\det J \le 0$) turn orange.

    Args:
        clips: name → onset and apex, RGB in [0, 1], of a size that suits the motion learner.
        learner: in `eval` mode; by default the one that comes with the package.

    Raises:
        UsageError: there is no clip.
        DataError: the checkpoint cannot be read.
    """
    if not clips:
        raise UsageError("explore_amplification: expected at least one clip, got none")
    return AmplificationExplorer(clips, learner or checkpoint.load())


class AmplificationExplorer(ipywidgets.VBox):
    """What `explore_amplification` returns. Controls and picture are attributes: set a value, and the picture follows.

    Attributes:
        clip, gamma, bspline, view: the controls.
        picture: onset, apex and view side by side, a JPEG.
        note: how far the skin moves, and how much of the motion folds.
    """

    def __init__(self, clips: Mapping[str, Frames], learner: MotionLearner):
        self._clips, self._learner = dict(clips), learner
        self._dense = cache(self._dense_motion)
        names = list(self._clips)
        style = {"description_width": "80px"}
        buttons = style | {"button_width": "150px"}
        self.clip = ipywidgets.Dropdown(options=names, value=names[0], description="clip", style=style)
        self.gamma = ipywidgets.FloatSlider(
            value=2.0, min=0.0, max=LARGEST_GAMMA, step=0.1, readout_format=".1f", description="γ", style=style
        )
        self.bspline = ipywidgets.ToggleButtons(
            options=[("B-spline + exp", True), ("bilinear (raw)", False)], description="expansion", style=buttons
        )
        self.view = ipywidgets.ToggleButtons(options=VIEWS, description="view", style=buttons)
        self.picture = ipywidgets.Image(format="jpeg")
        self.note = ipywidgets.HTML()
        for control in (self.clip, self.gamma, self.bspline, self.view):
            control.observe(self._draw, names="value")
        self._draw()
        controls = [ipywidgets.HBox([self.clip, self.gamma]), self.bspline, self.view]
        super().__init__([*controls, self.picture, self.note])

    def motion(self) -> Float[Tensor, "2 h w"]:
        """The motion that is shown: amplified, at the frames' size, in pixels."""
        height, width = self._clips[self.clip.value][0].shape[-2:]
        dense = self._dense(self.clip.value)
        return diffeomorphic_motion(dense, (height, width), gamma=self.gamma.value, bspline=self.bspline.value)[0]

    def _dense_motion(self, name: str) -> Float[Tensor, "1 2 h w"]:
        device = next(self._learner.parameters()).device
        onset, apex = (frame[None].to(device) for frame in self._clips[name])
        return self._learner.dense_motion(onset, apex).cpu()

    def _draw(self, _change: object = None) -> None:
        onset, apex = self._clips[self.clip.value]
        motion = self.motion()
        determinant = jacobian_determinant(motion[None])[0]
        zoom = -(-SIDE // onset.shape[-1])
        pictures = [_pixels(onset, zoom), _pixels(apex, zoom), draw_view(self.view.value, onset, motion, zoom)]
        _mark(pictures[-1], determinant <= 0, zoom)
        strip = np.concatenate(pictures, axis=1)
        self.picture.value = cv2.imencode(".jpg", strip[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        self.note.value = (
            f"onset · apex · {self.view.value} with γ = {self.gamma.value:.1f}<br>"
            f"longest motion {motion.norm(dim=0).max():.2f} px · smallest det J {determinant.min():.2f} · "
            f"{100 * (determinant <= 0).float().mean():.2f} % of the cells fold"
        )


def draw_view(
    view: str, onset: Float[Tensor, "3 h w"], motion: Float[Tensor, "2 h w"], zoom: int
) -> UInt8[np.ndarray, "H W 3"]:
    """One view of a motion, `zoom` times as large as the frame.

    Args:
        view: `warped face`: the onset moved by the motion; `arrows`: where the skin goes; `colour flow`: the same by
            colour; `difference`: what becomes brighter and what darker in the warped face.
    """
    if view == "colour flow":
        return _pixels(flow_to_rgb(-motion, FULL_COLOUR), zoom)
    if view == "arrows":
        return _with_arrows(_pixels(0.5 + 0.5 * onset.mean(0, keepdim=True).expand(3, -1, -1), zoom), motion, zoom)
    warped = warp(onset[None], motion[None])[0]
    if view == "warped face":
        return _pixels(warped, zoom)
    return _pixels((0.5 + CONTRAST * (warped - onset).mean(0, keepdim=True)).expand(3, -1, -1), zoom)


def _pixels(image: Float[Tensor, "3 h w"], zoom: int) -> UInt8[np.ndarray, "H W 3"]:
    picture = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)


def _with_arrows(
    picture: UInt8[np.ndarray, "H W 3"], motion: Float[Tensor, "2 h w"], zoom: int
) -> UInt8[np.ndarray, "H W 3"]:
    """Arrows that point where the skin went, on a lattice of 24 x 24; `picture` is drawn upon."""
    height, width = motion.shape[-2:]
    every = max(1, width // 24)
    chosen = (slice(None), slice(every // 2, None, every), slice(every // 2, None, every))
    starts = identity_grid(height, width)[chosen].flatten(1).T
    steps = -motion[chosen].flatten(1).T
    fine = 16  # OpenCV draws between pixels in fixed-point numbers of 4 bits
    for (x, y), (u, v) in zip(starts.tolist(), steps.tolist()):
        begin = np.round((np.array([x, y]) + 0.5) * zoom * fine).astype(int)
        end = np.round((np.array([x + u, y + v]) + 0.5) * zoom * fine).astype(int)
        cv2.line(picture, begin.tolist(), end.tolist(), ORANGE, 1, cv2.LINE_AA, shift=4)
        cv2.circle(picture, end.tolist(), 20, ORANGE, -1, cv2.LINE_AA, shift=4)
    return picture


def _mark(picture: UInt8[np.ndarray, "H W 3"], folded: Bool[Tensor, "h w"], zoom: int) -> None:
    """Paint the cells that fold; a cell lies between four pixels."""
    for row, column in torch.nonzero(folded).tolist():
        top, left = row * zoom + zoom // 2, column * zoom + zoom // 2
        picture[top : top + zoom, left : left + zoom] = ORANGE
