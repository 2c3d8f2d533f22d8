r"""The three forms of motion by their names: SelfME+, SelfME as printed, Lucas and Kanade's closed form."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor

from selfme_lib.flow import CLASSICAL
from selfme_lib.grids import Flow, Frames

from .checkpoint import SHIPPED_FORMS, Estimator, load_estimator
from .diffeo import diffeomorphic_motion

Form = Literal["plus", "printed", "lucas-kanade"]
FORMS: tuple[Form, ...] = get_args(Form)
TITLES: dict[Form, str] = {"plus": "SelfME+", "printed": "SelfME as printed", "lucas-kanade": "Lucas-Kanade"}

Amplified = Callable[[Frames, Frames, float], Flow]


@dataclass(frozen=True, kw_only=True)
class FormOfMotion:
    """`motion(onset, apex, γ)`, a backward flow in pixels at the frames' size, in two steps: many γ need one search.

    Attributes:
        find: what onset and apex say.
        amplify: what was found, the frames' (height, width) and γ → the flow.
    """

    find: Callable[[Frames, Frames], Flow]
    amplify: Callable[[Flow, tuple[int, int], float], Flow]

    def __call__(self, onset: Frames, apex: Frames, gamma: float) -> Flow:
        return self.amplify(self.find(onset, apex), (onset.shape[-2], onset.shape[-1]), gamma)


def motion_by(form: Form, *, checkpoint: Path | None = None, bspline: bool = True, device: str = "cpu") -> FormOfMotion:
    r"""`motion(onset, apex, γ)`: a backward flow in pixels, at the frames' size.

    Learned forms are amplified as Eq 9 has it, before the exponential; Lucas and Kanade's flow, which knows neither, is
    multiplied by γ.

    Args:
        checkpoint: of a learned form; by default the one that comes with the package.
        device: where learned forms are computed; frames may lie elsewhere.
        bspline: B-spline and exponential; without them the dense motion is expanded bilinearly.

    Raises:
        DataError: the checkpoint is missing, or is none.
    """
    if form == "lucas-kanade":
        return FormOfMotion(find=CLASSICAL["lucas_kanade"], amplify=lambda flow, _size, gamma: gamma * flow)
    return amplified(load_estimator(checkpoint or SHIPPED_FORMS[form], device=device), bspline=bspline)


def amplified(estimator: Estimator, *, bspline: bool = True) -> FormOfMotion:
    """The motion of whatever has `dense_motion`, as `motion_by`; frames may have any size."""

    def amplify(dense: Flow, size: tuple[int, int], gamma: float) -> Float[Tensor, "b 2 H W"]:
        return diffeomorphic_motion(dense, size, gamma=gamma, bspline=bspline)

    return FormOfMotion(find=estimator.dense_motion, amplify=amplify)
