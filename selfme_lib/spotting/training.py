r"""Teach a spotter, on motions of rendered people whose events are known.

The loss of a window of samples is the cross-entropy of their kinds $k$, and, of samples inside an expression, how far what lies
behind them and before them is off, with the length $\ell$ of the expression,

$$L = CE(k, \hat k) + \lambda \Big(\Big|\log \frac{t_{on}}{\hat t_{on}}\Big| + \Big|\log \frac{t_{off}}{\hat t_{off}}\Big|
  + \frac{|t_{apex} - \hat t_{apex}|}{\ell}\Big).$$

Windows are augmented: mirrored, stronger or weaker, noisier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass as checked
from torch import Tensor
from tqdm import tqdm

from selfme_lib.runtime.device import one_thread
from selfme_lib.runtime.finite import require_finite
from selfme_lib.runtime.settings import STRICT

from .intervals import EXPRESSIONS, Interval
from .network import OUTPUTS, SpotterConfig, SpottingNetwork, squash
from .signal import FaceMotion

SHORTEST = 0.03  # seconds: the logarithm of less is not told apart


@checked(frozen=True, config=STRICT)
class SpotterTraining:
    """How a spotter is trained.

    Attributes:
        steps, batch_size, lr, weight_decay: of AdamW with a one-cycle rate.
        window: samples in an example.
        moments: $\\lambda$, weight of onset, apex and offset.
        rare: weight of a sample of an expression, blink or other movement, of which there are fewer.
        strength: largest factor on a window's motion; its inverse is the smallest.
        noise: on the motion of cells, in pixels.
        seed: of weights and windows.
    """

    steps: Annotated[int, Field(ge=1, le=10**7)] = 2000
    batch_size: Annotated[int, Field(ge=1, le=10**4)] = 16
    lr: Annotated[float, Field(gt=0, le=1)] = 2e-3
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.05
    window: Annotated[int, Field(ge=16, le=10**5)] = 192
    moments: Annotated[float, Field(ge=0, le=100)] = 0.3
    rare: Annotated[float, Field(gt=0, le=1000)] = 1.5
    strength: Annotated[float, Field(ge=1, le=10)] = 1.5
    noise: Annotated[float, Field(ge=0, le=10)] = 0.03
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


@dataclass(frozen=True)
class Lesson:
    """A video: its motion, and everything that happens in it."""

    motion: FaceMotion
    events: tuple[Interval, ...]


@dataclass(frozen=True)
class _Samples:
    cells: Float[Tensor, "t 2 8 8"]
    head: Float[Tensor, "t 4"]
    kinds: Int[Tensor, "t"]
    moments: Float[Tensor, "t 3"]  # seconds since the onset, to the apex, to the offset


def train_spotter(
    lessons: Sequence[Lesson],
    training: SpotterTraining = SpotterTraining(),
    config: SpotterConfig = SpotterConfig(),
    *,
    progress: bool = True,
) -> SpottingNetwork:
    """A network that has learned from some videos, in `eval` mode; the same arguments give the same network.

    Raises:
        DataError: the training diverges.
    """
    videos = [_samples(lesson) for lesson in lessons]
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.default_generator.manual_seed(training.seed)
        network = SpottingNetwork(config).train()
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=training.lr, weight_decay=training.weight_decay, fused=True
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, training.lr, training.steps)
        generator = torch.Generator().manual_seed(training.seed)
        weights = torch.tensor([1.0] + [training.rare] * (len(OUTPUTS) - 1))
        for _ in tqdm(range(training.steps), "spotter", unit="step", disable=None if progress else True):
            windows = [_window(videos, training, generator) for _ in range(training.batch_size)]
            motion, kinds, moments = (torch.stack(parts) for parts in zip(*windows))
            loss = _loss(network(motion), kinds, moments, weights, training.moments)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        require_finite("spotter", list(network.state_dict().values()))
    return network.eval()


def _loss(
    told: tuple[Float[Tensor, "b t k"], Float[Tensor, "b t 3"]],
    kinds: Int[Tensor, "b t"],
    moments: Float[Tensor, "b t 3"],
    weights: Float[Tensor, "k"],
    share: float,
) -> Float[Tensor, ""]:
    logits, found = told
    loss = F.cross_entropy(logits.flatten(0, 1), kinds.flatten(), weight=weights)
    inside = (kinds == OUTPUTS.index("micro")) | (kinds == OUTPUTS.index("macro"))
    if not inside.any():
        return loss
    (since, apex, until), (since_, apex_, until_) = (part[inside].unbind(-1) for part in (moments, found))
    length = (since + until).clamp_min(SHORTEST)
    ends = [((a + SHORTEST).log() - (b + SHORTEST).log()).abs() for a, b in ((since, since_), (until, until_))]
    return loss + share * (ends[0] + ends[1] + (apex - apex_).abs() / length).mean()


def _samples(lesson: Lesson) -> _Samples:
    """What is to be told of each sample. Where events overlap, an expression counts, then a blink."""
    motion, fps = lesson.motion, lesson.motion.fps
    frames = motion.frames
    kinds, moments = np.zeros(len(motion), np.int64), np.zeros((len(motion), 3), np.float32)
    for event in sorted(lesson.events, key=lambda event: -OUTPUTS.index(event.kind)):
        inside = (frames >= event.onset) & (frames <= event.offset)
        kinds[inside] = OUTPUTS.index(event.kind)
        if event.kind in EXPRESSIONS:
            apex = (event.onset + event.offset) / 2 if event.apex is None else event.apex
            here = frames[inside]
            moments[inside] = np.stack([here - event.onset, apex - here, event.offset - here], 1) / fps
    arrays = (motion.cells.astype(np.float32), motion.head.astype(np.float32), kinds, moments)
    return _Samples(*(torch.from_numpy(values) for values in arrays))


def _window(
    videos: Sequence[_Samples], training: SpotterTraining, generator: torch.Generator
) -> tuple[Float[Tensor, "t 132"], Int[Tensor, "t"], Float[Tensor, "t 3"]]:
    """A piece of a video, changed at random; where it is too short, it begins anew."""

    def uniform(low: float, high: float) -> float:
        return float(torch.empty(()).uniform_(low, high, generator=generator))

    video = videos[int(torch.randint(len(videos), (), generator=generator))]
    count = len(video.kinds)
    begin = int(torch.randint(max(1, count - training.window + 1), (), generator=generator))
    rows = torch.arange(begin, begin + training.window) % count
    cells, head = video.cells[rows], video.head[rows]
    if uniform(0, 1) < 0.5:  # mirrored: x and turn change their sign
        cells = cells.flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]
        head = head * torch.tensor([-1.0, 1.0, 1.0, -1.0])
    cells = cells * float(np.exp(uniform(-1, 1) * np.log(training.strength)))
    noise = training.noise * uniform(0, 1)
    cells = cells + noise * torch.randn(cells.shape, generator=generator)
    return squash(cells, head), video.kinds[rows], video.moments[rows]
