r"""The three forms of motion by their names: SelfME+, SelfME as printed, Lucas and Kanade's closed form."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

from selfme_lib.flow import CLASSICAL
from selfme_lib.grids import Flow, Frames

from .checkpoint import SHIPPED_FORMS, Estimator, load_estimator
from .diffeo import diffeomorphic_motion

Form = Literal["plus", "printed", "lucas-kanade"]
FORMS: tuple[Form, ...] = get_args(Form)
TITLES: dict[Form, str] = {"plus": "SelfME+", "printed": "SelfME as printed", "lucas-kanade": "Lucas-Kanade"}

Amplified = Callable[[Frames, Frames, float], Flow]


def motion_by(form: Form, *, checkpoint: Path | None = None, bspline: bool = True, device: str = "cpu") -> Amplified:
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
        flow = CLASSICAL["lucas_kanade"]
        return lambda onset, apex, gamma: gamma * flow(onset, apex)
    return amplified(load_estimator(checkpoint or SHIPPED_FORMS[form], device=device), bspline=bspline)


def amplified(estimator: Estimator, *, bspline: bool = True) -> Amplified:
    """The motion of whatever has `dense_motion`, as `motion_by`; frames may have any size."""

    def motion(onset: Frames, apex: Frames, gamma: float) -> Flow:
        size = (onset.shape[-2], onset.shape[-1])
        return diffeomorphic_motion(estimator.dense_motion(onset, apex), size, gamma=gamma, bspline=bspline)

    return motion
