"""SynthME, the embedded data set: rendered heads that make micro-expressions, with exact ground truth.

Reading order: `head` (mesh and shape targets) → `action_units` → `identity` → `camera`, `raster`, `shading`, `texture`,
`render` (the picture) → `timeline` (the script of a clip) → `ground_truth` → `layouts`, `dataset` (files) → `pretraining`.

The labels come from recipes of action units. Accuracy on SynthME proves that a pipeline works; it says nothing about
recognising real micro-expressions.
"""

from .camera import Pose
from .dataset import VERSION, SynthConfig, fingerprint, write_dataset
from .identity import Identity, create_identity
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
