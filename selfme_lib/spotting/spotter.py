r"""SelfME+'s spotter: from the motion of a face over time to intervals of expressions, blinks and other movements.

Every sample proposes an interval with the probability of its kind as score. Of those that overlap, the best one stays, as the
mean of all that agree with it, weighted by their squared scores (Solovyev et al., Weighted boxes fusion, 2021). What stays is
told if its score reaches its kind's threshold, which is learned from training subjects.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from selfme_lib.runtime.device import one_thread
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.half import read_half, write_half
from selfme_lib.runtime.settings import from_plain

from .intervals import EXPRESSIONS, Interval, Kind
from .metrics import match, overlaps
from .network import OUTPUTS, SpotterConfig, SpottingNetwork, inputs_of
from .signal import FaceMotion

SHIPPED = Path(__file__).parent / "checkpoints" / "spotter.safetensors"
FLOOR = 0.05  # of a score: what is less likely is no proposal
OVERLAP, AGREEMENT = 0.2, 0.5  # IoU from which on proposals exclude each other, and from which on they are one


@dataclass(frozen=True)
class Thresholds:
    """Scores from which on an expression is told, and a blink or another movement."""

    micro: float = 0.3
    macro: float = 0.3
    rest: float = 0.5

    def of(self, kind: Kind) -> float:
        return getattr(self, kind) if kind in EXPRESSIONS else self.rest


class Spotter:
    """A trained network and its thresholds."""

    def __init__(self, network: SpottingNetwork, thresholds: Thresholds = Thresholds()):
        self.network, self.thresholds = network.eval(), thresholds

    def spot(self, motion: FaceMotion, thresholds: Thresholds | None = None) -> list[Interval]:
        """Intervals of all kinds, by onset, in frames of the video."""
        limits = thresholds or self.thresholds
        return [found for found in self.propose(motion) if found.score >= limits.of(found.kind)]

    @one_thread()
    @torch.inference_mode()
    def propose(self, motion: FaceMotion) -> list[Interval]:
        """All that might be, however unlikely, by onset. Those of one kind do not overlap; micro and macro are one kind here."""
        if len(motion) == 0:
            return []
        kinds, moments = (out[0] for out in self.network(inputs_of(motion)[None]))
        likely = kinds.softmax(-1).numpy()
        time = motion.frames / motion.fps
        expressions = _expressions(likely, moments.numpy(), time, motion)
        rest = [
            interval for kind in ("blink", "other") for interval in _runs(likely[:, OUTPUTS.index(kind)], kind, motion)
        ]
        return sorted([*expressions, *rest], key=lambda interval: (interval.onset, interval.offset))

    @one_thread()
    @torch.inference_mode()
    def apex_within(self, motion: FaceMotion, onset: int, offset: int) -> int:
        """The apex of an expression whose ends are known: the mean of what the samples between them say, weighted by how likely
        each is to belong to an expression.

        Raises:
            ValueError: the video ends before the onset.
        """
        inside = (motion.frames >= onset) & (motion.frames <= offset)
        if not inside.any():
            raise ValueError(f"expected an onset within frames {motion.frames[0]} to {motion.frames[-1]}, got {onset}")
        kinds, moments = (out[0][torch.from_numpy(inside)] for out in self.network(inputs_of(motion)[None]))
        likely = kinds.softmax(-1)[:, [OUTPUTS.index(kind) for kind in EXPRESSIONS]].sum(-1).numpy() + 1e-6
        apexes = motion.frames[inside] + moments[:, 1].numpy() * motion.fps
        return int(np.clip(round(np.average(apexes, weights=likely)), onset, offset))


def _expressions(
    likely: Float[np.ndarray, "t k"],
    moments: Float[np.ndarray, "t 3"],
    time: Float[np.ndarray, "t"],
    motion: FaceMotion,
) -> list[Interval]:
    columns = [OUTPUTS.index(kind) for kind in EXPRESSIONS]
    scores = likely[:, columns]  # (t, 2)
    samples, which = np.nonzero(scores >= FLOOR)
    score = scores[samples, which]
    begin, apex, end = (time[samples] + sign * moments[samples, m] for m, sign in ((0, -1), (1, 1), (2, 1)))
    first, last = motion.frames[0], motion.frames[-1]
    found = []
    for keep, members in _fused(begin, end, score):
        weights = score[members] ** 2
        on, top, off = (np.average(moment[members], weights=weights) * motion.fps for moment in (begin, apex, end))
        onset = int(np.clip(round(on), first, last - 1))
        offset = int(np.clip(round(off), onset + 1, last))
        place = int(np.clip(round(top), onset, offset))
        kind = EXPRESSIONS[which[keep]]
        found.append(Interval(onset=onset, apex=place, offset=offset, kind=kind, score=float(score[keep])))
    return found


def _fused(
    begin: Float[np.ndarray, "n"], end: Float[np.ndarray, "n"], score: Float[np.ndarray, "n"]
) -> Iterable[tuple[int, Int[np.ndarray, "m"]]]:
    """The best of overlapping proposals, and all that agree with it."""
    left = np.argsort(-score, kind="stable")
    while len(left):
        best = left[0]
        common = np.clip(np.minimum(end[left], end[best]) - np.maximum(begin[left], begin[best]), 0, None)
        union = np.maximum(end[left], end[best]) - np.minimum(begin[left], begin[best])
        overlap = common / np.maximum(union, 1e-9)
        overlap[0] = 1.0
        yield int(best), left[overlap >= AGREEMENT]
        left = left[overlap < OVERLAP]


def _runs(likely: Float[np.ndarray, "t"], kind: Kind, motion: FaceMotion) -> list[Interval]:
    """Runs of samples that are more likely this than not."""
    inside = np.concatenate([[False], likely >= 0.5, [False]])
    edges = np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2)
    found = []
    for start, stop in edges.tolist():
        apex = start + int(likely[start:stop].argmax())
        onset, top, offset = (int(motion.frames[place]) for place in (start, apex, stop - 1))
        found.append(Interval(onset=onset, apex=top, offset=offset, kind=kind, score=float(likely[apex])))
    return found


def fit_thresholds(proposed: Sequence[Sequence[Interval]], truth: Sequence[Sequence[Interval]]) -> Thresholds:
    """The thresholds at which F1 of micro- and of macro-expressions is highest, in the middle of such if there are several.

    Args:
        proposed: what `Spotter.propose` found in each training video.
        truth: the expressions in it.
    """
    best = {}
    for kind in EXPRESSIONS:
        candidates, hits = [], []
        for found, true in zip(proposed, truth):
            mine, wanted = ([one for one in some if one.kind == kind] for some in (found, true))
            matched = {found for _, found in match(overlaps(wanted, mine))}
            candidates += [one.score for one in mine]
            hits += [place in matched for place in range(len(mine))]
        total = sum(one.kind == kind for true in truth for one in true)
        best[kind] = _best_threshold(np.array(candidates, float), np.array(hits, bool), total)
    return Thresholds(**best)


def _best_threshold(scores: Float[np.ndarray, "n"], hits: Bool[np.ndarray, "n"], total: int) -> float:
    """Of n candidates. With a higher threshold another candidate may be matched; those that are now are close enough."""
    if not hits.any():
        return 1.0
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(hits[order])
    f1 = 2 * found / (np.arange(1, len(scores) + 1) + total)
    last = int(np.flatnonzero(f1 >= f1.max() - 1e-12)[-1])  # the most that may be told
    lower = scores[last + 1] if last + 1 < len(scores) else FLOOR
    return float((scores[last] + lower) / 2)


def save_spotter(spotter: Spotter, path: Path, **origin: str) -> None:
    """Write the weights in half precision, with settings, thresholds and the origin as metadata."""
    network, thresholds = spotter.network, json.dumps(asdict(spotter.thresholds))
    write_half(path, network.state_dict(), asdict(network.config), thresholds=thresholds, **origin)


def load_spotter(path: Path = SHIPPED) -> Spotter:
    """The spotter of a checkpoint, by default the one that comes with the package.

    Raises:
        DataError: the file is missing, or holds something else.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such checkpoint of a spotter")
    weights, config, metadata = read_half(path, kind="a checkpoint of a spotter")
    try:
        network = SpottingNetwork(from_plain(SpotterConfig, config))
        network.load_state_dict(weights)
        thresholds = Thresholds(**json.loads(metadata["thresholds"]))
    except (KeyError, ValueError, TypeError, RuntimeError, UsageError) as error:
        raise DataError(f"{path}: not a checkpoint of a spotter ({str(error).splitlines()[0]})") from error
    return Spotter(network, thresholds)
