r"""How far amplified motion is from γ times the true one, on rendered expressions: ours beside linear Eulerian amplification.

A video is rendered up to the apex of an expression, and amplified. How far the amplified apex has moved from the onset is
measured by a classical flow $F$ that none of the methods uses, at each pixel of the onset, and compared with the exact one, $d$:

$$|F(x_o, \hat x_a) - \gamma\, d|.$$

`exact` is the onset warped by $\gamma\,d$ itself: what is left there is the yardstick's own error. `none` is the apex as it is.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm import tqdm

from selfme_lib.baselines.eulerian import amplify_linear
from selfme_lib.data.images import to_frame
from selfme_lib.flow import CLASSICAL
from selfme_lib.grids import Flow, Frames, end_point_error, warp
from selfme_lib.motion.video_amplification import motion_model
from selfme_lib.runtime.errors import UsageError
from selfme_lib.synthme.ground_truth import exact_flow
from selfme_lib.synthme.long_dataset import film_long, long_script
from selfme_lib.synthme.long_plan import LongConfig, plan_videos
from selfme_lib.synthme.studio import renderer_of

MEASURED_BY = "dis"
FPS = 30
BEFORE = 10  # frames before the onset, for filters to settle in
EULERIAN: dict[str, Any] = {"band": (0.0, 10.0), "level": 1}
"""Settings of the linear amplification: everything slower than 10 Hz, at half of the size. Of three bands and five levels these
have the smallest error that does not triple the noise, on 12 choice people at a γ of 4."""

Amplify = Callable[["Expression", float], tuple[Frames, Frames]]  # γ → onset and apex as amplified


@dataclass(frozen=True)
class Expression:
    """A rendered expression from rest to its apex.

    Attributes:
        frames: the last is the apex, the one at `onset` the onset.
        motion: exact, from the onset's pixels to the apex.
        seen: onset pixels that are seen at the apex, too; wall: those that show no head.
    """

    subject: str
    frames: Float[Tensor, "t 3 h w"]
    onset: int
    motion: Float[Tensor, "1 2 h w"]
    seen: Bool[Tensor, "h w"]
    wall: Bool[Tensor, "h w"]


def bench_amplification(
    *, people: int = 12, gammas: Sequence[float] = (2.0, 4.0, 8.0), size: int = 128, videos: int = 1
) -> dict[str, Any]:
    """Measure every method at each γ on micro-expressions of *choice* people.

    Args:
        people: how many; each shows a video of 30 s.
        gammas: from 1 to 1000.
        size: side of the frames in pixels.

    Returns:
        `people`, `clips`, `size`, `measured_by`, and `methods`: name → γ → `error` (px, over the head), `error_moving` (px, where
        the motion is at least half its peak), `relative` (that in units of γ times the motion there), `noise` (grey levels,
        standard deviation on the wall). Means over people.

    Raises:
        UsageError: a γ out of range.
    """
    if not gammas or any(not 1 <= gamma <= 1000 for gamma in gammas):
        raise UsageError(f"gammas {', '.join(f'{gamma:g}' for gamma in gammas)}: expected numbers from 1 to 1000")
    methods, clips = _methods(), 0
    found: dict[tuple[str, str], dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    config = LongConfig(subjects=people, videos=videos, seconds=30, size=size, population="choice")
    with tqdm(total=people * videos, desc="amplification", unit="video", disable=None) as bar:
        for expressions in rendered(config):
            for expression in expressions:
                clips += 1
                for name, method in methods.items():
                    for gamma in gammas:
                        errors = amplification_error(expression, gamma, *method(expression, gamma))
                        found[name, f"{gamma:g}"][expression.subject].append(errors)
            bar.update()
    table: dict[str, dict[str, dict[str, float]]] = {name: {} for name in methods}
    for (name, at), by_person in found.items():
        means = [{key: np.mean([one[key] for one in some]) for key in some[0]} for some in by_person.values()]
        table[name][at] = {key: round(float(np.mean([one[key] for one in means])), 4) for key in means[0]}
    return {"people": people, "clips": clips, "size": size, "measured_by": MEASURED_BY, "methods": table}


def rendered(config: LongConfig) -> Iterator[list[Expression]]:
    """The micro-expressions of each video; only their frames are rendered."""
    for video in plan_videos(config):
        script, renderer = long_script(config, video), renderer_of(video.person, config.size)
        found = []
        for event in script.events:
            if event.kind != "micro":
                continue
            onset, apex, _ = event.coded
            first = max(0, onset - BEFORE)
            pictures = torch.stack([to_frame(one) for one in film_long(renderer, script, range(first, apex + 1))])
            flow = exact_flow(renderer, script.state(onset), script.state(apex))
            motion, seen = torch.from_numpy(flow.total)[None], torch.from_numpy(flow.surface & flow.visible)
            away = cv2.erode((~flow.surface).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
            found.append(Expression(video.files.subject, pictures, onset - first, motion, seen, torch.from_numpy(away)))
        yield found


def amplification_error(expression: Expression, gamma: float, onset: Frames, apex: Frames) -> dict[str, float]:
    """Errors of one amplified expression, as `bench_amplification` names them."""
    flow = CLASSICAL[MEASURED_BY](apex, onset)  # on the onset's pixels, where each has gone
    truth = gamma * expression.motion
    error, length = end_point_error(flow, truth)[0], truth.norm(dim=1)[0]
    moving = expression.seen & (length >= length[expression.seen].max() / 2)
    noise = 255 * (apex - onset)[0][:, expression.wall].std() / 2**0.5
    return {
        "error": float(error[expression.seen].mean()),
        "error_moving": float(error[moving].mean()),
        "relative": float(error[moving].mean() / length[moving].mean()),
        "noise": float(noise),
    }


def _methods() -> dict[str, Amplify]:
    methods: dict[str, Amplify] = {"exact": _exact, "none": lambda clip, gamma: (_at_onset(clip), clip.frames[-1:])}
    for form in ("plus", "printed", "lucas-kanade"):
        model = motion_model(form)

        def ours(clip: Expression, gamma: float, model=model) -> tuple[Frames, Frames]:
            onset, apex = _at_onset(clip), clip.frames[-1:]
            size = (onset.shape[-2], onset.shape[-1])
            return onset, warp(onset, model.expand(gamma * model.measure(onset, apex), size))

        methods[form] = ours
    methods["eulerian"] = _eulerian
    return methods


def _at_onset(clip: Expression) -> Frames:
    return clip.frames[clip.onset : clip.onset + 1]


def _eulerian(clip: Expression, gamma: float) -> tuple[Frames, Frames]:
    frames = clip.frames.permute(0, 2, 3, 1).numpy()
    done = torch.from_numpy(amplify_linear(frames, FPS, gamma=gamma, **EULERIAN)).permute(0, 3, 1, 2)
    return done[clip.onset : clip.onset + 1], done[-1:]


def _exact(clip: Expression, gamma: float) -> tuple[Frames, Frames]:
    """The onset moved by γ times the true motion."""
    return _at_onset(clip), warp(_at_onset(clip), inverse(gamma * clip.motion))


def inverse(forward: Flow, rounds: int = 30) -> Flow:
    r"""The backward flow $b$ of a forward one, $b(u) = -d(u + b(u))$, by fixed-point iteration, damped."""
    backward = torch.zeros_like(forward)
    for _ in range(rounds):
        backward = (backward - warp(forward, backward)) / 2
    return backward
