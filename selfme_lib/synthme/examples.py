"""Two people who make a micro-expression each: for explorers, tests and the picture on the front page."""

import torch
from jaxtyping import Float
from torch import Tensor

from .camera import Pose
from .identity import create_identity
from .render import Expression
from .studio import set_up
from .timeline import scaled_to

PEOPLE = {"a smile": (3, {6: (0.8, 0.8), 12: (1.0, 1.0)}), "raised brows": (11, {1: (0.9, 0.9), 2: (1.0, 1.0)})}
PEAK = 2.5  # px of a frame of 256 px


def micro_expressions(size: int = 128) -> dict[str, tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]]:
    """Onset and apex of two rendered people (about 3 s); the skin moves by 2.5 px at 256 px, the head by a trifle.

    Args:
        size: of the frames in pixels.
    """
    frames = {}
    for name, (person, units) in PEOPLE.items():
        identity = create_identity(person)
        renderer = set_up(identity, size)
        micro = Expression(action_units=scaled_to(identity, units, peak=PEAK))
        moments = ((Expression(), Pose()), (micro, Pose(yaw=0.001, shift_x=0.1)))  # nobody holds the head quite still
        onset, apex = (torch.from_numpy(renderer.render(*moment)).permute(2, 0, 1).clamp(0, 1) for moment in moments)
        frames[name] = (onset, apex)
    return frames
