"""How public programs count what was spotted, faults included, to compare with numbers in print. For anything else use `metrics`.

`LEGACY` lists them; each function says whose counter it is and what is wrong with it. Kinds are counted one by one and summed.
"""

from collections.abc import Callable, Sequence

from .intervals import EXPRESSIONS, Interval, Kind
from .intervals import iou as inclusive_iou
from .metrics import IOU, Counts, Spotted


def megc2020_iou(label: tuple[int, int], found: tuple[int, int]) -> float:
    """The baseline's IoU: 1 is added after the maximum with 0, so intervals apart have more than 0; one of one frame has none."""
    common = max(0, min(label[1], found[1]) - max(label[0], found[0])) + 1
    union = (label[1] - label[0] + 1) + (found[1] - found[0] + 1) - common
    return 0.0 if label[1] <= label[0] or found[1] <= found[0] or union <= 0 else common / union


def megc2020(truth: Sequence[Interval], found: Sequence[Interval]) -> Counts:
    """The baseline of MEGC 2020 (He et al., FG 2020; its `precision_small`).

    Labels count from 1, and are compared as they are with results that count from 0: everything is one frame late. A label is
    found if any interval overlaps it enough; so one interval may find several, and FP = found - TP may be negative.
    """
    hits = sum(any(pair) for pair in _megc2020_pairs(truth, found))
    return Counts(hits, len(found) - hits, len(truth) - hits)


def every_pair(truth: Sequence[Interval], found: Sequence[Interval]) -> Counts:
    """The same program's other count (`precision_large`), which programs of participants report.

    Each pair that overlaps enough is a hit: several intervals on one label are several hits, and FN may be negative.
    """
    hits = sum(sum(pair) for pair in _megc2020_pairs(truth, found))
    return Counts(hits, len(found) - hits, len(truth) - hits)


def softnet(truth: Sequence[Interval], found: Sequence[Interval]) -> Counts:
    """SOFTNet's counter (Liong et al., Shallow Optical Flow Three-Stream CNN, ICIP 2021).

    Videos without an expression of the kind are left out. In the others, no result counts as one, of frame 0 alone. Each
    interval is compared with the label that it overlaps most and with no other, so it is wrong if that one is taken.
    """
    if not truth:
        return Counts()
    taken: set[int] = set()
    for one in found:
        best = max(range(len(truth)), key=lambda t: inclusive_iou(truth[t], one))
        if inclusive_iou(truth[best], one) >= IOU:
            taken.add(best)
    return Counts(len(taken), max(len(found), 1) - len(taken), len(truth) - len(taken))


def exclusive_iou(a: Interval, b: Interval) -> float:
    """Lengths without the last frame: frames 0 to 10 and 5 to 10 have .500 instead of 6/11."""
    common = max(0, min(a.offset, b.offset) - max(a.onset, b.onset))
    union = (a.offset - a.onset) + (b.offset - b.onset) - common
    return common / union if union else 0.0


def exclusive(truth: Sequence[Interval], found: Sequence[Interval]) -> Counts:
    """Exclusive lengths, and an IoU *above* .5, as graph networks' programs have them; one to one, first come, first served."""
    free = list(truth)
    for one in found:
        fitting = [label for label in free if exclusive_iou(label, one) > IOU]
        if fitting:
            free.remove(fitting[0])
    hits = len(truth) - len(free)
    return Counts(hits, len(found) - hits, len(free))


Counter = Callable[[Sequence[Interval], Sequence[Interval]], Counts]
LEGACY: dict[str, Counter] = {
    "megc2020": megc2020,
    "every-pair": every_pair,
    "softnet": softnet,
    "exclusive": exclusive,
}


def legacy_counts(videos: Sequence[Spotted], counter: str) -> dict[str, Counts]:
    """Of micro, macro and all, as `LEGACY[counter]` has them."""
    count = LEGACY[counter]

    def total(kind: Kind) -> Counts:
        of_kind = (
            [[one for one in some if one.kind == kind] for some in (video.truth, video.found)] for video in videos
        )
        return sum((count(truth, found) for truth, found in of_kind), Counts())

    micro, macro = (total(kind) for kind in EXPRESSIONS)
    return {"micro": micro, "macro": macro, "all": micro + macro}


def _megc2020_pairs(truth: Sequence[Interval], found: Sequence[Interval]) -> list[list[bool]]:
    """Whether a found interval (column) overlaps a label (row) enough."""
    labels = [(one.onset + 1, one.offset + 1) for one in truth]  # as the label file has them
    results = [(one.onset, one.offset) for one in found]
    return [[megc2020_iou(label, result) >= IOU for result in results] for label in labels]
