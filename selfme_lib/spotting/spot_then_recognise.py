r"""Spotting and recognition together: what a user of both gets.

The spot-then-recognise score (Liong, See and Chan, Spot-then-recognize: A micro-expression analysis network for seamless
evaluation of long videos, Signal Processing: Image Communication 110, 2023) is

$$\mathrm{STRS} = F_1^{\mathrm{spotting}} \cdot F_1^{\mathrm{analysis}},$$

where the analysis is the unweighted F1 (`evaluation.metrics.uf1`) of those expressions that were found, "others" dropped before.
Published ones rest on 2 to 19 expressions: a spotter that finds two and names both scores as if it named all. So the number
stands beside the score, and so does the F1 of the whole chain, in which an interval is right if it overlaps a label of its class.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from selfme_lib.evaluation.metrics import confusion_matrix, uf1

from .intervals import Kind
from .metrics import IOU, Counts, Spotted, count, match, overlaps


@dataclass(frozen=True, kw_only=True)
class ChainScore:
    """How well a chain of spotter and recogniser does.

    Attributes:
        spotting, analysis: the two factors.
        recognised: how many expressions the analysis rests on.
        end_to_end: counts, in which a hit is an interval of the right class.
    """

    spotting: float
    analysis: float
    recognised: int
    end_to_end: Counts

    @property
    def strs(self) -> float:
        return self.spotting * self.analysis


def score_chain(
    videos: Sequence[Spotted], *, classes: int = 3, kinds: Sequence[Kind] = ("micro",), threshold: float = IOU
) -> ChainScore:
    """Score videos whose intervals were recognised.

    A label of no class ("others") counts for spotting alone: in the chain it is neither hit nor missed, and an interval on it
    is no false alarm. An interval of no class ("cannot tell") is a miss and a false alarm in the chain; for the analysis, it is
    a wrong answer. A class that neither labels nor answers have is left out of the mean, as scikit-learn's `f1_score` has it.

    Raises:
        ValueError: a video lacks the classes of its intervals.
    """
    spotting, chain, labels, answers = Counts(), Counts(), [], []
    for video in videos:
        if len(video.truth_classes) != len(video.truth) or len(video.found_classes) != len(video.found):
            raise ValueError(f"a video of subject {video.subject} has intervals without a class")
        spotting += count(video.truth, video.found, kinds, threshold)
        ious = _of_kinds(video, kinds)
        others = {t for t, label in enumerate(video.truth_classes) if label is None}
        spotted = match(ious, threshold)
        for t, f in spotted:
            label = video.truth_classes[t]
            if label is not None:
                answer = video.found_classes[f]
                labels.append(label)
                answers.append(classes if answer is None else answer)
        chain += _chain_counts(video, ious, kinds, threshold, {f for t, f in spotted if t in others})
    return ChainScore(
        spotting=spotting.f1,
        analysis=_analysis(labels, answers, classes),
        recognised=len(labels),
        end_to_end=chain,
    )


def _of_kinds(video: Spotted, kinds: Sequence[Kind]) -> Float[np.ndarray, "t f"]:
    wanted = np.array([one.kind in kinds for one in video.truth], dtype=float)
    return overlaps(video.truth, video.found) * wanted[:, None]


def _chain_counts(
    video: Spotted, ious: Float[np.ndarray, "t f"], kinds: Sequence[Kind], threshold: float, ignored: set[int]
) -> Counts:
    agree = [[t is not None and t == f for f in video.found_classes] for t in video.truth_classes]
    pairs = match(np.where(np.array(agree, dtype=bool).reshape(ious.shape), ious, 0), threshold)
    hits = len(pairs)
    right = {f for _, f in pairs}
    wrong = [f for f, one in enumerate(video.found) if one.kind in kinds and f not in right | ignored]
    labelled = [t for t, one in enumerate(video.truth) if one.kind in kinds and video.truth_classes[t] is not None]
    return Counts(hits, len(wrong), len(labelled) - hits)


def _analysis(labels: Sequence[int], answers: Sequence[int], classes: int) -> float:
    if not labels:
        return 0.0
    confusion = confusion_matrix(
        np.array(labels), np.array(answers), classes=classes + 1
    )  # the last answer: cannot tell
    shown = np.flatnonzero((confusion.sum(0) + confusion.sum(1))[:classes] > 0)
    kept = [*shown.tolist(), classes]
    return float(uf1(confusion[np.ix_(kept, kept)])) * len(kept) / max(len(shown), 1)
