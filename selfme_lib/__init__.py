"""SelfME (CVPR 2023), reproduced: motion of faces, learned without labels.

    import selfme_lib as selfme

    onset, apex = selfme.load("a smile")
    flow = selfme.motion_between(onset, apex)          # 2 h w, in pixels
    picture = selfme.amplify(onset, apex, gamma=8)     # 3 h w, in [0, 1]
    analysis = selfme.analyse("me.mp4")                # when the face moves, how, and what that may be

These come from `app.api` when they are first asked for, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app.api import amplify, analyse, load, motion_between

__all__ = ["amplify", "analyse", "load", "motion_between"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"{__name__}.app.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
