r"""How TCAE is trained: reconstruct the target frame, and close two cycles that keep action and pose apart.

Of a pair of frames of one person, the source is warped three times: by $T_a$ (it should get the target's action and keep its
pose), by $T_p$ (the target's pose, its own action), and by $T$ (both). Three losses compare the results with what they should
be:

- *reconstruction* $\|I_s \circ T - I_t\|_1$, weight 10;
- *embeddings*: each warped face, encoded again, has the action and pose vectors that it should have (squared error, weight 1);
- *twin cycle*: the face with the changed action is warped back to the source by its own action vectors, the one with the
  changed pose by its pose vectors (absolute error, weight 1);

and since facial actions are local and head motion is not, $|T_a|$ is penalised with weight 0.1.

The weights are those of the authors' public code, whose curriculum (the easiest pairs first, by their loss) is left out. The
encoder is never told which part of a vector means what. Frames come from people who are not evaluated.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from selfme_lib.grids import resize_image, warp
from selfme_lib.motion.pairs import Augmentation, FramePairs
from selfme_lib.runtime.finite import require_finite

from .settings import TCAEConfig
from .tcae import TCAE

RECONSTRUCTION, SPARSITY = 10.0, 0.1


@dataclass(frozen=True)
class Losses:
    """The terms of the objective, unweighted."""

    reconstruction: Float[Tensor, ""]
    embeddings: Float[Tensor, ""]
    cycles: Float[Tensor, ""]
    sparsity: Float[Tensor, ""]

    @property
    def total(self) -> Float[Tensor, ""]:
        return RECONSTRUCTION * self.reconstruction + self.embeddings + self.cycles + SPARSITY * self.sparsity


def losses(model: TCAE, source: Float[Tensor, "b 3 s s"], target: Float[Tensor, "b 3 s s"]) -> Losses:
    """The objective of a batch of pairs, frames of `model.config.size`."""
    size = model.config.size
    action_s, pose_s = encoded_s = model.encode(source)
    action_t, pose_t = encoded_t = model.encode(target)
    found = model.displacements(encoded_s, encoded_t)
    acted, turned, both = (warp(source, flow) for flow in (found.action, found.pose, found.both))

    action_a, pose_a = model.encode(acted)
    action_p, pose_p = model.encode(turned)
    action_b, pose_b = model.encode(both)
    wanted = [
        (action_a, action_t), (pose_a, pose_s),
        (action_p, action_s), (pose_p, pose_t),
        (action_b, action_t), (pose_b, pose_t),
    ]  # fmt: skip
    back_a = model.decode(model.decode_action, action_a, action_s)[0]
    back_p = model.decode(model.decode_pose, pose_p, pose_s)[0]
    closed = [warp(acted.detach(), back_a), warp(turned.detach(), back_p)]
    return Losses(
        reconstruction=(both - target).abs().mean() + 0 * found.both.detach().sum(),  # warping hides a flow of NaN
        embeddings=torch.stack([(got - should).square().mean() for got, should in wanted]).sum(),
        cycles=torch.stack([(face - source).abs().mean() for face in closed]).sum(),
        sparsity=found.action.abs().mean() * 2 / (size - 1),  # as a fraction of half the image
    )


def train_tcae(config: TCAEConfig, pairs: FramePairs, *, seed: int = 0, device: str = "cpu") -> tuple[TCAE, list[dict]]:
    """Train from random weights.

    Args:
        pairs: two frames of one person each.

    Returns:
        The model in `eval` mode, and its curve: `step` and the terms of the objective, about twenty times.

    Raises:
        DataError: the training diverges.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = TCAE(config).to(device).train()
    generator, augment = np.random.default_rng(seed), Augmentation()
    optimiser = torch.optim.Adam(model.parameters(), lr=config.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, config.steps)
    curve = []
    every = max(1, config.steps // 20)
    for step in tqdm(range(1, config.steps + 1), desc="TCAE", unit="step", disable=None):
        frames = augment(pairs.draw(config.batch_size, generator), generator)
        source, target = (resize_image(frame, (config.size, config.size)).to(device) for frame in frames)
        parts = losses(model, source, target)
        if step % every == 0 or device == "cpu":  # on a CPU, the backward pass of warping crashes if a flow is NaN
            require_finite(f"TCAE, step {step}", [parts.total])
        optimiser.zero_grad()
        parts.total.backward()
        optimiser.step()
        schedule.step()
        if step % every == 0:
            curve.append({"step": step, **{name: value.item() for name, value in vars(parts).items()}})
    require_finite("TCAE", model.state_dict().values())
    return model.eval(), curve
