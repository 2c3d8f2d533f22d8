"""Widgets to play with, one concept a module: `amplification` (γ), `control_grid` (Eq 9), `keypoints` (Eq 1-5), `contrast`
(Eq 12-14), `forms` (the three forms of motion), `timeline` (onset, apex, offset), `loso` (predictions and what spoke for them),
`own_video` (a file of one's own), `quiz_panel` (`questions` on a chapter).

May import every room but `app`; the only one that needs anywidget. Begin with `panels`, which all of them share: `controls`,
pictures and a note, in JupyterLab and in Voilà; `front/` is its browser's side. `canvas` draws on the pictures. Clips that play:
`moving`, `clips`, `own`, `samples`; out of the notebook they go by `export` and `static_explorer`. Nothing is trained here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .amplification import AmplificationExplorer
    from .amplification import AmplificationExplorer as explore_amplification
    from .clips import ClipFrames, WholeClips
    from .contrast import ContrastExplorer
    from .contrast import ContrastExplorer as explore_contrast
    from .control_grid import ControlGridExplorer
    from .control_grid import ControlGridExplorer as explore_control_grid
    from .forms import FormsExplorer
    from .forms import FormsExplorer as explore_forms
    from .keypoints import KeypointViewer
    from .keypoints import KeypointViewer as view_keypoints
    from .loso import LosoExplorer
    from .loso import LosoExplorer as explore_loso
    from .own_video import OwnVideo
    from .own_video import OwnVideo as explore_own_video
    from .quiz_panel import QuizPanel
    from .quiz_panel import QuizPanel as quiz
    from .timeline import TimelineExplorer
    from .timeline import TimelineExplorer as explore_timeline

# by which names notebooks call them
_CALLED = {
    "explore_amplification": "AmplificationExplorer",
    "explore_contrast": "ContrastExplorer",
    "explore_control_grid": "ControlGridExplorer",
    "explore_forms": "FormsExplorer",
    "explore_loso": "LosoExplorer",
    "explore_own_video": "OwnVideo",
    "explore_timeline": "TimelineExplorer",
    "quiz": "QuizPanel",
    "view_keypoints": "KeypointViewer",
}
_HOME = {
    "AmplificationExplorer": "amplification",
    "ClipFrames": "clips",
    "ContrastExplorer": "contrast",
    "ControlGridExplorer": "control_grid",
    "FormsExplorer": "forms",
    "KeypointViewer": "keypoints",
    "LosoExplorer": "loso",
    "OwnVideo": "own_video",
    "QuizPanel": "quiz_panel",
    "TimelineExplorer": "timeline",
    "WholeClips": "clips",
}


def __getattr__(name: str) -> Any:
    """Import an explorer when it is first asked for: one of them alone is there in half the time."""
    called = _CALLED.get(name, name)
    if called not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[called]}", __name__), called)


__all__ = [
    "AmplificationExplorer",
    "ClipFrames",
    "ContrastExplorer",
    "ControlGridExplorer",
    "FormsExplorer",
    "KeypointViewer",
    "LosoExplorer",
    "OwnVideo",
    "QuizPanel",
    "TimelineExplorer",
    "WholeClips",
    "explore_amplification",
    "explore_contrast",
    "explore_control_grid",
    "explore_forms",
    "explore_loso",
    "explore_own_video",
    "explore_timeline",
    "quiz",
    "view_keypoints",
]
