"""Widgets to play with, one concept a module: `amplification` (γ), `control_grid` (Eq 9), `keypoints` (Eq 1-5), `contrast`
(Eq 12-14), `forms` (the three forms of motion), `timeline` (onset, apex, offset), `loso` (predictions and what spoke for them).

May import every room but `app`; the only one that needs ipywidgets. Begin with `explorer`, which all of them share:
controls, a picture and a note, in JupyterLab and in Voilà. `canvas` draws on the pictures. Nothing is trained here.
"""

from .amplification import AmplificationExplorer, ClipFrames
from .contrast import ContrastExplorer
from .control_grid import ControlGridExplorer
from .forms import FormsExplorer
from .keypoints import KeypointViewer
from .loso import LosoExplorer
from .timeline import TimelineExplorer

# the names by which notebooks call them
explore_amplification = AmplificationExplorer
explore_contrast = ContrastExplorer
explore_control_grid = ControlGridExplorer
explore_forms = FormsExplorer
explore_loso = LosoExplorer
explore_timeline = TimelineExplorer
view_keypoints = KeypointViewer

__all__ = [
    "AmplificationExplorer",
    "ClipFrames",
    "ContrastExplorer",
    "ControlGridExplorer",
    "FormsExplorer",
    "KeypointViewer",
    "LosoExplorer",
    "TimelineExplorer",
    "explore_amplification",
    "explore_contrast",
    "explore_control_grid",
    "explore_forms",
    "explore_loso",
    "explore_timeline",
    "view_keypoints",
]
