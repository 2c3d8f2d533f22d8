r"""The motion-amplification explorer: turn $\gamma$ up and watch a micro-expression become visible.

A clip plays over and over, as recorded and beside it amplified. The estimator runs once per clip; the browser is sent frames and
dense motions and does the rest itself (`front/player.js`): B-spline, exponential, $\gamma$ and warping take it some milliseconds
a frame, so a key answers at once.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import traitlets
from jaxtyping import Float
from torch import Tensor

from selfme_lib.grids import jacobian_determinant, warp
from selfme_lib.motion import checkpoint
from selfme_lib.plots.montage import Picture, enlarge
from selfme_lib.plots.style import flow_to_rgb
from selfme_lib.runtime.device import one_thread
from selfme_lib.runtime.errors import DataError, UsageError

from .canvas import draw_arrows, draw_folds, pale, zoom_for
from .controls import Choice, Slider, Switch, clip_menu
from .export import encode
from .moving import MovingClip, Take, follow, pack, pair, unpack
from .own import take_of_bytes
from .panels import Panel, PanelExplorer, montage
from .samples import Packed, load_samples

OnsetApex = tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]
VIEWS = ("warped face", "arrows", "colour flow", "difference")
LARGEST_GAMMA = 8.0
START = 4.0  # γ
FULL_COLOUR = 4.0  # px: length of a motion drawn in full colour
CONTRAST = 3.0  # of the view "difference"


class AmplificationExplorer(PanelExplorer):
    r"""Clips that play as recorded and amplified, beside each other or with a wipe between them.

    Controls are attributes: set a value, and the picture follows. Folds ($\det J \le 0$) turn orange.

    Args:
        clips: name → `Take`, `MovingClip`, a packed one, or onset and apex, RGB in [0, 1], square and of any size; a mapping may
            read them when asked (`ClipFrames`, `WholeClips`). By default the four people that come with the package.
        learner: whatever has `dense_motion`, in `eval` mode; by default SelfME+ as it comes with the package.
        gamma: at the start.

    Attributes:
        clip, gamma, bspline, view, truth: the controls; `truth` shows the true motion of a clip where it is known.
        picture: onset, apex and the view of the apex, side by side.
        note: how far the skin moves at the apex, and how much of the motion folds.

    Raises:
        UsageError: there is no clip.
        DataError: the checkpoint cannot be read.
    """

    _names: Any = traitlets.List().tag(sync=True)
    _state: Any = traitlets.Dict().tag(sync=True)
    _scale: Any = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        clips: Mapping[str, OnsetApex | Take | Packed] | None = None,
        *,
        learner: checkpoint.Estimator | None = None,
        gamma: float = START,
    ):
        self._clips: Mapping[str, Any] = load_samples() if clips is None else clips
        self._own: dict[str, MovingClip] = {}
        self._parts: list[bytes] = []
        if learner is not None:
            self.__dict__["_estimator"] = learner
        self.moving = lru_cache(maxsize=8)(self._moving)
        self._packed = lru_cache(maxsize=4)(self._pack)
        self.clip = clip_menu(self._clips)
        self.gamma = Slider("γ", gamma, 0.0, LARGEST_GAMMA, step=0.1, digits=1)
        self.bspline = Choice("expansion", [("B-spline + exp", True), ("bilinear (raw)", False)], kind="buttons")
        self.view = Choice("view", VIEWS, kind="buttons")
        self.truth = Switch("show truth")
        self._number, self._player = 0, True
        self._scale = {"largest": LARGEST_GAMMA, "fullColour": FULL_COLOUR}
        super().__init__(
            [self.clip, self.gamma], [self.bspline, self.truth], [self.view], title="Amplify a micro-expression"
        )

    @cached_property
    def _estimator(self) -> Any:
        return checkpoint.load_estimator(checkpoint.PLUS)

    def motion(self) -> Float[Tensor, "2 h w"]:
        """The motion that is shown of the apex: amplified, at the frames' size, in pixels."""
        clip = self.moving(self.clip.value)
        truth = self.truth.value and clip.truth is not None
        return clip.amplified(clip.apex, self.gamma.value, bspline=self.bspline.value, truth=truth)

    def render(self) -> tuple[list[list[Panel]], str]:
        clip = self.moving(self.clip.value)
        onset, motion, zoom = clip.frame(clip.onset), self.motion(), zoom_for(clip.size)
        determinant = jacobian_determinant(motion[None])[0]
        shown = draw_folds(draw_view(self.view.value, onset, motion, zoom), determinant <= 0, zoom)
        title = f"{self.view.value}, γ = {self.gamma.value:.1f}"
        frames = [("onset", enlarge(onset, zoom)), ("apex", enlarge(clip.frame(clip.apex), zoom))]
        return [[*frames, (title, shown)]], (
            f"longest motion {motion.norm(dim=0).max():.2f} px · smallest det J {determinant.min():.2f} · "
            f"{100 * (determinant <= 0).float().mean():.2f} % of the cells fold (orange)"
        )

    def save(self, kind: str) -> bytes:
        """The clip as it is shown, beside itself as recorded, as a file: `gif` or `mp4`."""
        truth = self.truth.value and self.moving(self.clip.value).truth is not None
        return encode(self.moving(self.clip.value), kind, self._view_of, title=self._title_of(truth))

    def add(self, name: str, take: Take) -> str:
        """Offer one more clip, choose it, and return the name that it got."""
        taken, number = name, 1
        while taken in self.clip.options:
            number += 1
            taken = f"{name} ({number})"
        self._own[taken] = take if isinstance(take, MovingClip) else follow(take, self._estimator)
        self.clip.options = (*self.clip.options, taken)
        self.clip.value = taken
        return taken

    def _view_of(self, place: int, share: float) -> Picture:
        clip = self.moving(self.clip.value)
        truth = self.truth.value and clip.truth is not None
        motion = clip.amplified(place, self.gamma.value * share, bspline=self.bspline.value, truth=truth)
        return draw_view(self.view.value, clip.frame(clip.onset), motion, zoom_for(clip.size))

    def _title_of(self, truth: bool) -> str:
        return f"{self.view.value}, γ = {self.gamma.value:.1f}" + (", true motion" if truth else "")

    def _moving(self, name: str) -> MovingClip:
        if name in self._own:
            return self._own[name]
        found = self._clips[name]
        if isinstance(found, MovingClip):
            return found
        if isinstance(found, Take):
            return follow(found, self._estimator)
        return pair(found[0], found[1], self._estimator) if _is_pair(found) else unpack(found[0], found[1])

    def _pack(self, name: str) -> Packed:
        found: Any = None if name in self._own else self._clips[name]
        return found if _is_packed(found) else pack(self.moving(name))

    def _draw(self, _change: object = None) -> None:
        """Tell the browser, which draws by itself; here pictures are drawn when somebody asks for them."""
        if self._held:
            return
        self.__dict__.pop("_rendered", None)
        how = "truth" if self.truth.value else "spline" if self.bspline.value else "bilinear"
        state = {"clip": self.clip.value, "gamma": self.gamma.value, "view": self.view.value, "how": how}
        with self.hold_sync():
            self._names = list(self.clip.options)
            self._state = state | {"number": self._number}

    @cached_property
    def _rendered(self) -> tuple[Picture, str]:
        with one_thread():
            rows, said = self.render()
        return montage(rows), said

    def _shown(self) -> tuple[Picture, str]:
        return self._rendered

    def _receive(self, _widget: object, message: dict[str, Any], buffers: Any) -> None:
        """What the browser asks for: a clip, a file, room for its reader's own clip; or it tells its state."""
        answer: dict[str, Any] = {"answer": message.get("ask")}
        content: Sequence[bytes] = []
        try:
            if message["do"] == "state":
                self._follow_browser(message["state"], message["number"])
            elif message["do"] == "part":
                self._parts = [*([] if message["first"] else self._parts), *map(bytes, buffers)]
            elif message["do"] == "load":
                answer["facts"], content = self._packed(message["name"])
            elif message["do"] == "save":
                self._follow_browser(message["state"], self._number)
                kind = str(message["kind"])
                answer["name"], content = f"amplified.{kind}", [self.save(kind)]
            elif message["do"] == "own":
                answer["name"] = self.add(str(message["name"]), take_of_bytes(self._parts))
                answer["names"], self._parts = list(self.clip.options), []
        except (DataError, UsageError) as error:
            answer["problem"] = str(error)
        except Exception as error:  # the reader is told, and Jupyter's log has the rest
            answer["problem"] = f"{type(error).__name__}: {error}"
            raise
        finally:
            if "ask" in message:
                self.send(answer, buffers=list(content))

    def _follow_browser(self, state: Mapping[str, Any], number: int) -> None:
        self._number = number
        with self.hold_picture():
            self.clip.value, self.gamma.value, self.view.value = state["clip"], state["gamma"], state["view"]
            self.truth.value = state["how"] == "truth"
            if state["how"] != "truth":
                self.bspline.value = state["how"] == "spline"
        self._draw()


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


def _is_pair(found: Any) -> bool:
    return isinstance(found, tuple) and isinstance(found[0], Tensor)


def _is_packed(found: Any) -> bool:
    return isinstance(found, tuple) and isinstance(found[0], dict)
