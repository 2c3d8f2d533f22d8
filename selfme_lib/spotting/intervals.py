r"""Intervals of frames: what coders label, and what a spotter finds.

Frames count from 0, in the order in which a video's frames are read, and both ends belong to an interval: one from frame 3 to
frame 5 is 3 frames long. Two are compared by their intersection over union (IoU), in frames,

$$\mathrm{IoU}(a, b) = \frac{|a \cap b|}{|a \cup b|}, \qquad |[s, e]| = \max(0, e - s + 1),$$

so that disjoint ones have exactly 0.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Literal, get_args

from selfme_lib.data.long_videos import LongVideo

Kind = Literal["micro", "macro", "blink", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EXPRESSIONS: tuple[Kind, ...] = ("micro", "macro")
"""The kinds that are labelled and scored."""

LONGEST_MICRO = 0.5
"""Seconds, the limit between micro and macro (Yan et al., Journal of Nonverbal Behavior 2013)."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Frames from `onset` to `offset`, both included, and the frame between them in which the face has moved furthest.

    Attributes:
        apex: None if no coder names it; a spotter always does.
        score: how sure a spotter is, higher is surer; only the order counts.
    """

    onset: int
    apex: int | None
    offset: int
    kind: Kind
    score: float = 1.0

    def __post_init__(self) -> None:
        apex = self.onset if self.apex is None else self.apex
        if not 0 <= self.onset <= apex <= self.offset:
            raise ValueError(f"expected 0 <= onset <= apex <= offset, got {self.onset}, {self.apex}, {self.offset}")
        if self.kind not in KINDS:
            raise ValueError(f"expected one of {', '.join(KINDS)}, got {self.kind}")

    @property
    def length(self) -> int:
        """In frames."""
        return self.offset - self.onset + 1


def kind_of(length: int, fps: float) -> Kind:
    """Micro if `length` frames last at most half a second, otherwise macro."""
    return "micro" if length <= LONGEST_MICRO * fps else "macro"


def iou(a: Interval, b: Interval) -> float:
    """Intersection over union, from 0 (disjoint) to 1 (the same frames)."""
    common = max(0, min(a.offset, b.offset) - max(a.onset, b.onset) + 1)
    return common / (a.length + b.length - common)


def truth_of(video: LongVideo) -> list[Interval]:
    """The labelled expressions of a video, by onset.

    A missing onset is the video's first frame, a missing offset is the apex (`data.long_videos.Expression.interval`), and a
    missing apex stays None: errors of the apex leave such an expression out. Labels have numbers of frames; where frames of a
    folder are missing, an interval is that of the frames that are there.
    """

    found = []
    for expression in video.expressions:
        first, last = expression.interval
        onset, offset = frame_of(video, first), frame_of(video, last + 1) - 1
        if onset > offset:
            continue  # every frame of it is missing, which the reader notes
        apex = None if expression.apex is None else min(max(frame_of(video, expression.apex), onset), offset)
        found.append(Interval(onset=onset, apex=apex, offset=offset, kind=expression.kind))
    return sorted(found, key=lambda interval: (interval.onset, interval.offset))


def frame_of(video: LongVideo, number: int) -> int:
    """Which frame (from 0) of a video has this number in labels; if it is missing, the next one."""
    return bisect_left(video.frame_numbers, number) if video.frames else number - 1


def frame_number(video: LongVideo, frame: int) -> int:
    """The number that labels have for the frame-th frame (from 0) of a video."""
    return video.frame_numbers[frame] if video.frames else frame + 1
