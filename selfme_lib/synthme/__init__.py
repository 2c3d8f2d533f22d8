"""SynthME, the embedded data set: rendered heads that make micro-expressions, with exact ground truth.

Imports `runtime` only. Begin with `studio`, which puts people before the camera. The picture: `head` (mesh and shape targets),
`action_units`, `identity`, `camera`, `raster`, `shading`, `texture`, `render`. The data set: `timeline` (what happens in a clip),
`sensor`, `ground_truth`, `plan` (settings), `layouts`, `truth`, `dataset` (files), `codec` (H.264), `onset_apex` (of many
people), `pretraining` (pairs of frames). Long videos, in which expressions are to be found: `long_script`, `long_plan`,
`long_layouts`, `long_truth`, `long_dataset`.
What sets versions and worlds apart: `plan.VERSIONS`, people in `identity.POPULATIONS`, nuisances in `difficulty`, light, skin and
camera in `shading.draw_light`, `texture.paint` and `sensor.expose`.

The labels come from recipes of action units. Accuracy on SynthME proves that a pipeline works; it says nothing about
recognising real micro-expressions.
"""

from .camera import Pose
from .dataset import write_dataset
from .difficulty import SYNTHME_2, Difficulty
from .identity import Identity, Person, create_identity, final_tables
from .onset_apex import read_onset_apex, render_onset_apex
from .plan import VERSIONS, SynthConfig, fingerprint
from .pretraining import render_pairs
from .render import Expression, Renderer, Shot
from .studio import set_up

__all__ = [
    "SYNTHME_2",
    "VERSIONS",
    "Difficulty",
    "Expression",
    "Identity",
    "Person",
    "Pose",
    "Renderer",
    "Shot",
    "SynthConfig",
    "create_identity",
    "final_tables",
    "fingerprint",
    "read_onset_apex",
    "render_onset_apex",
    "render_pairs",
    "set_up",
    "write_dataset",
]
