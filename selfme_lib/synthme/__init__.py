"""SynthME, the embedded data set: rendered heads that make micro-expressions, with exact ground truth.

Imports `runtime` only. Begin with `studio`, which puts a person before the camera. Behind it lies the picture: `head` (mesh and
shape targets), `action_units`, `identity` (populations), `camera`, `raster`, `shading`, `texture`, `render`. Before it lies the
data set: `timeline` (what happens in a clip, nuisances included), `sensor`, `ground_truth`, `plan` (version and settings),
`layouts`, `truth`, `dataset` (files); `pretraining` and `excerpts` render pairs of frames only.

The labels come from recipes of action units. Accuracy on SynthME proves that a pipeline works; it says nothing about
recognising real micro-expressions.
"""

from .camera import Pose
from .dataset import write_dataset
from .identity import Identity, create_identity
from .plan import VERSION, SynthConfig, fingerprint
from .pretraining import render_pairs
from .render import Expression, Renderer
from .studio import neutral_face, render_face, render_recording, set_up
from .timeline import Difficulty

__all__ = [
    "VERSION",
    "Difficulty",
    "Expression",
    "Identity",
    "Pose",
    "Renderer",
    "SynthConfig",
    "create_identity",
    "fingerprint",
    "neutral_face",
    "render_face",
    "render_pairs",
    "render_recording",
    "set_up",
    "write_dataset",
]
