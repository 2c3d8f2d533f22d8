"""Which of `baselines.inputs` a rival gets: frames, a measured flow, or flow pictures that were given."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from selfme_lib.baselines import inputs
from selfme_lib.baselines.rivals import Rival
from selfme_lib.baselines.settings import BiWOOFConfig, LBPTOPConfig
from selfme_lib.baselines.tcae import TCAE
from selfme_lib.data import Clip


def from_frames(rival: Rival, clips: Sequence[Clip], *, tcae: TCAE | None = None) -> Float[Tensor, "n c h w"]:
    """For a rival that looks at frames: LBP-TOP's descriptors, apex frames, or the action vectors of `tcae`."""
    config = rival.settings
    if isinstance(config, LBPTOPConfig):
        return inputs.lbp_top_inputs(clips, size=config.size, frames=config.frames, blocks=config.blocks)
    if rival.sees == "apex frame":
        return inputs.apex_inputs(clips, config.size)
    assert tcae is not None
    return inputs.action_vectors(tcae, clips)


def from_motion(rival: Rival, motion: Float[Tensor, "n 2 h w"]) -> Float[Tensor, "n c _ _"]:
    """For a rival that looks at a flow: u, v and, if it wants it, optical strain, at its size."""
    strain = rival.sees == "flow and strain"
    return _described(rival, inputs.flow_inputs(motion, rival.settings.size, strain=strain))


def from_features(rival: Rival, features: Float[Tensor, "n 3 s s"]) -> Float[Tensor, "n c _ _"]:
    """The same from u, v and strain that were computed elsewhere, at the rival's size."""
    return _described(rival, features[:, : 3 if rival.sees == "flow and strain" else 2])


def _described(rival: Rival, flow: Float[Tensor, "n c s s"]) -> Float[Tensor, "n d _ _"]:
    config = rival.settings
    if isinstance(config, BiWOOFConfig):
        return inputs.bi_woof_inputs(flow, blocks=config.blocks, bins=config.bins)
    return flow
