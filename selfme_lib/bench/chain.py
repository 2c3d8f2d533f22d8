"""Spot, then recognise: what somebody gets who has nothing but a video, beside what the recogniser would do if told where."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from selfme_lib.classifier.expressions import Recogniser, load_recogniser
from selfme_lib.data.images import to_frame
from selfme_lib.data.long_videos import LongVideo
from selfme_lib.grids import Frames
from selfme_lib.motion.forms import Amplified, motion_by
from selfme_lib.runtime.device import one_thread
from selfme_lib.spotting.intervals import Interval, frame_number
from selfme_lib.spotting.metrics import Spotted
from selfme_lib.spotting.signal import SIDE
from selfme_lib.spotting.spot_then_recognise import ChainScore, score_chain
from selfme_lib.spotting.yardsticks import oracle
from selfme_lib.synthme.action_units import CLASS_OF_EMOTION


def bench_chain(
    videos: Sequence[LongVideo], truths: Sequence[Sequence[Interval]], found: Sequence[Sequence[Interval]]
) -> dict[str, Any]:
    """The recogniser on what a spotter found, and on what coders labelled (`oracle`), for micro-expressions.

    Returns:
        For `selfme` and `oracle`: `spotting_f1`, `analysis_uf1`, their product `strs`, the number of expressions `recognised` on
        which it rests, and `f1`, precision and recall end to end, where a hit is an interval of the right class.
    """
    recogniser, motion = load_recogniser(), motion_by("plus")
    told: dict[str, list[Spotted]] = {"selfme": [], "oracle": []}
    for video, truth, mine in zip(videos, truths, found):
        intervals = {"selfme": mine, "oracle": oracle(truth)}
        looks = _looks(video, [one for some in intervals.values() for one in some])
        for name, some in intervals.items():
            spotted = Spotted(
                subject=video.subject,
                fps=video.fps,
                frames=video.length,
                truth=truth,
                found=some,
                truth_classes=classes_of(video, truth, recogniser.models.classes),
                found_classes=[_class(one, looks, recogniser, motion) for one in some],
            )
            told[name].append(spotted)
    return {name: _record(score_chain(some, classes=len(recogniser.models.classes))) for name, some in told.items()}


def classes_of(video: LongVideo, truth: Sequence[Interval], classes: Sequence[str]) -> list[int | None]:
    """The class of each labelled interval, by the emotion that its label names; None is none of them."""
    labels = {one.interval: CLASS_OF_EMOTION.get(one.emotion.lower(), one.emotion.lower()) for one in video.expressions}
    named = (labels.get((frame_number(video, one.onset), frame_number(video, one.offset)), "") for one in truth)
    return [classes.index(name) if name in classes else None for name in named]


def _looks(video: LongVideo, found: Sequence[Interval]) -> dict[int, Frames]:
    """Onsets and apexes of micro-expressions, by their places in the video, which is read once."""
    wanted = {moment for one in found if one.kind == "micro" for moment in (one.onset, one.apex)}
    return {place: to_frame(pixels, SIDE)[None] for place, (_, pixels) in enumerate(video.read()) if place in wanted}


@one_thread()
@torch.inference_mode()
def _class(one: Interval, looks: Mapping[int, Frames], recogniser: Recogniser, motion: Amplified) -> int | None:
    """The class of an interval, from its onset and apex; None: it cannot tell, or the interval is no micro-expression."""
    if one.kind != "micro" or one.apex is None:
        return None
    answer = recogniser.recognise(motion(looks[one.onset], looks[one.apex], recogniser.models.gamma))
    return int(answer.probabilities[0].argmax()) if answer.sure[0] else None


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
