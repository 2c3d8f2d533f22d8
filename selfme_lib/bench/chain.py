"""Spot, then recognise: what somebody gets who has nothing but a video, beside what the recogniser would do if told where."""

from collections.abc import Sequence
from typing import Any

import torch

from selfme_lib.classifier.expressions import Recogniser, load_recogniser
from selfme_lib.data.images import to_frame
from selfme_lib.data.long_videos import LongVideo
from selfme_lib.motion.forms import Amplified, motion_by
from selfme_lib.runtime.device import one_thread
from selfme_lib.spotting.intervals import Interval, frame_number
from selfme_lib.spotting.metrics import Spotted
from selfme_lib.spotting.signal import SIDE
from selfme_lib.spotting.spot_then_recognise import ChainScore, score_chain
from selfme_lib.spotting.yardsticks import oracle
from selfme_lib.study.classifier_pretraining import SCVIT
from selfme_lib.synthme.action_units import CLASS_OF_EMOTION


def bench_chain(
    videos: Sequence[LongVideo], truths: Sequence[Sequence[Interval]], found: Sequence[Sequence[Interval]]
) -> dict[str, Any]:
    """The recogniser on what a spotter found, and on what coders labelled (`oracle`), for micro-expressions.

    Returns:
        For `selfme` and `oracle`: `spotting_f1`, `analysis_uf1`, their product `strs`, the number of expressions `recognised` on
        which it rests, and `f1`, precision and recall end to end, where a hit is an interval of the right class.
    """
    recogniser, motion = load_recogniser(SCVIT), motion_by("plus")
    known = [classes_of(video, truth, recogniser.models.classes) for video, truth in zip(videos, truths)]
    scores = {}
    for name, some in (("selfme", found), ("oracle", [oracle(truth) for truth in truths])):
        spotted = [
            Spotted(
                subject=video.subject,
                fps=video.fps,
                frames=video.length,
                truth=truth,
                found=intervals,
                truth_classes=classes,
                found_classes=recognised(video, intervals, recogniser, motion),
            )
            for video, truth, intervals, classes in zip(videos, truths, some, known)
        ]
        scores[name] = _record(score_chain(spotted, classes=len(recogniser.models.classes)))
    return scores


def classes_of(video: LongVideo, truth: Sequence[Interval], classes: Sequence[str]) -> list[int | None]:
    """The class of each labelled interval, by the emotion that its label names; None is none of them."""
    labels = {one.interval: CLASS_OF_EMOTION.get(one.emotion.lower(), one.emotion.lower()) for one in video.expressions}
    named = (labels.get((frame_number(video, one.onset), frame_number(video, one.offset)), "") for one in truth)
    return [classes.index(name) if name in classes else None for name in named]


@one_thread()
@torch.inference_mode()
def recognised(
    video: LongVideo, found: Sequence[Interval], recogniser: Recogniser, motion: Amplified
) -> list[int | None]:
    """The class of each interval, from its onset and apex; None: it cannot tell, or the interval is no micro-expression."""
    micro = [one for one in found if one.kind == "micro"]
    wanted = {moment for one in micro for moment in (one.onset, one.apex)}
    looks = {}
    for place, (_, pixels) in enumerate(video.read()):
        if place in wanted:
            looks[place] = to_frame(pixels, SIDE)
    told: dict[int, int | None] = {}
    for number, one in enumerate(found):
        if one.kind == "micro" and one.apex is not None:
            onset, apex = (looks[moment][None] for moment in (one.onset, one.apex))
            answer = recogniser.recognise(motion(onset, apex, recogniser.models.gamma))
            told[number] = int(answer.probabilities[0].argmax()) if answer.sure[0] else None
    return [told.get(number) for number in range(len(found))]


def _record(one: ChainScore) -> dict[str, Any]:
    counts = one.end_to_end
    return {
        "spotting_f1": one.spotting,
        "analysis_uf1": one.analysis,
        "strs": one.strs,
        "recognised": one.recognised,
        "f1": counts.f1,
        "precision": counts.precision,
        "recall": counts.recall,
    }
