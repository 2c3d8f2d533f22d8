"""Motions that come with the package, by their names: two learned ones and the classical ones."""

from dataclasses import dataclass, field
from typing import Any

from selfme_lib.flow import CLASSICAL, FlowMethod
from selfme_lib.motion.checkpoint import SHIPPED_FORMS, load_estimator
from selfme_lib.motion.forms import amplified
from selfme_lib.runtime.errors import UsageError

LEARNED = ("plus", "printed")


@dataclass(frozen=True)
class MotionMethod:
    """(onset, apex) -> backward flow in pixels, and the weights that determine it beside the code."""

    motion: FlowMethod
    weights: dict[str, Any] = field(default_factory=dict)


def check_method(name: str) -> None:
    """Raises ValueError if there is no such motion."""
    if name not in (*LEARNED, *CLASSICAL):
        raise ValueError(f"motion {name}: one of {', '.join((*LEARNED, *CLASSICAL))}")


def method_of(name: str, *, device: str = "cpu") -> MotionMethod:
    """`plus`, `printed`, or one of `flow.CLASSICAL`, on frames of that device.

    Raises:
        UsageError: there is no such motion.
    """
    try:
        check_method(name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if name in CLASSICAL:
        return MotionMethod(CLASSICAL[name])
    estimator = load_estimator(SHIPPED_FORMS[name], device=device)
    motion = amplified(estimator)
    return MotionMethod(lambda onset, apex: motion(onset, apex, 1.0), dict(estimator.state_dict()))
