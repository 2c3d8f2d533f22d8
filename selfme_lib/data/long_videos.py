"""Long videos, in which expressions have to be found: a subject, frames that are streamed, and labelled intervals.

    from selfme_lib.data.long_videos import load_long_videos
    for video in load_long_videos("casme2-long", root):
        for number, pixels in video.read():
            ...

`casme2_long` and `samm_long` read what their owners give. Videos without any expression are among them: a spotter is measured on
those, too.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import UInt8

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_json

from .faults import Fault, FaultyData
from .images import read_pixels
from .tree import FrameFolder, list_folder
from .video import read_video

Kind = Literal["micro", "macro"]
Key = TypeVar("Key", bound=tuple)
LONG_DATASETS = ("casme2-long", "samm-long")
"""What can be read."""


@dataclass(frozen=True, kw_only=True)
class Expression:
    """A labelled interval, in numbers of frames; a moment is None if the coders name none.

    Attributes:
        name: as labelled, such as disgust1_2 or 006_1_2.
        action_units, emotion, self_report: as the coders and the subject wrote them; empty if nobody did.
    """

    name: str
    kind: Kind
    onset: int | None
    apex: int | None
    offset: int | None
    action_units: str = ""
    emotion: str = ""
    self_report: str = ""

    @property
    def interval(self) -> tuple[int, int]:
        """First and last frame, both included: without an onset it begins with the video, without an offset it ends at the apex,
        as SOFTNet's code has it (Liong et al., FG 2021)."""
        last = self.apex if self.offset is None else self.offset
        assert last is not None, "readers refuse expressions that have neither"
        return (1 if self.onset is None else self.onset), last


@dataclass(frozen=True, kw_only=True)
class LongVideo:
    """A video, as a folder of frames or as a file. Nothing is decoded until it is asked for."""

    dataset: str
    subject: str
    name: str
    place: Path  # the folder or the file
    frames: tuple[Path, ...]  # by number; none if it is a file
    frame_numbers: tuple[int, ...]  # those of the frames; a file's count from 1
    fps: float
    expressions: tuple[Expression, ...]  # by onset

    @property
    def key(self) -> str:
        """What this video is called in tables."""
        return f"{self.subject}/{self.name}"

    @cached_property
    def length(self) -> int:
        """The number of the last frame; a video file is decoded for it."""
        return self.frame_numbers[-1] if self.frames else sum(1 for _ in read_video(self.place))

    def read(self, first: int = 1, last: int | None = None) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
        """Numbers of frames from `first` to `last`, both included, and their pixels in RGB, one after the other.

        Raises:
            DataError: a frame or the video is damaged.
        """
        if self.frames:
            for number, path in zip(self.frame_numbers, self.frames):
                if first <= number and (last is None or number <= last):
                    yield number, read_pixels(path)
            return

        def chosen(count: int) -> list[int]:
            return list(range(first - 1, count if last is None else last))

        yield from enumerate(read_video(self.place, chosen), start=first)


@dataclass(frozen=True, kw_only=True)
class LongContents:
    """Everything that a reader found in a folder."""

    videos: tuple[LongVideo, ...] = ()
    faults: tuple[Fault, ...] = ()


def load_long_videos(dataset: str, root: Path | str) -> list[LongVideo]:
    """The videos of a data set, by subject and name.

    Raises:
        UsageError: unknown data set.
        DataError: the first thing that is wrong with the data; `doctor.examine` lists all of them.
    """
    contents = read_long_videos(dataset, Path(root))
    for fault in contents.faults:
        if fault.severity == "error":
            raise FaultyData(fault.file, fault.problem, fault.remedy, row=fault.row)
    return list(contents.videos)


def read_long_videos(dataset: str, root: Path) -> LongContents:
    """Everything that can be found out about a folder, faults included.

    Raises:
        UsageError: unknown data set.
        DataError: the folder cannot be used at all.
    """
    from .casme2_long import read_casme2_long
    from .samm_long import read_samm_long

    if dataset not in LONG_DATASETS:
        raise UsageError(f"data set {dataset!r} has no long videos; use one of {', '.join(LONG_DATASETS)}")
    return read_casme2_long(root) if dataset == "casme2-long" else read_samm_long(root)


def rendered_fps(root: Path, usual: float) -> float:
    """Frames a second: as SynthME describes itself, if this is one, otherwise those of the data set."""
    places = (root, *Path(os.path.realpath(root)).parents[:2])
    path = next((place / "synthme.json" for place in places if (place / "synthme.json").is_file()), None)
    if path is None:
        return usual
    try:
        return float(read_json(path)["fps"])
    except (DataError, KeyError, TypeError, ValueError) as error:
        raise FaultyData(path, f"damaged ({error})", "generate the data set again") from None


def moments(cells: dict[str, str], unknown: str) -> tuple[int | None, int | None, int | None]:
    """Onset, apex and offset of a row; 0 and `unknown` stand for None.

    Raises:
        ValueError: one of them is no number, they are not in order, or the last two are both unknown.
    """
    found: dict[str, int | None] = {}
    for name in ("onset", "apex", "offset"):
        if cells[name] in ("", "/", "0", unknown):
            found[name] = None
        elif cells[name].isdigit():
            found[name] = int(cells[name])
        else:
            raise ValueError(f"{name} {cells[name]!r} is not a frame number")
    onset, apex, offset = found["onset"], found["apex"], found["offset"]
    if apex is None and offset is None:
        raise ValueError("neither an apex nor an offset is labelled")
    known = [moment for moment in (onset, apex, offset) if moment is not None]
    if known != sorted(known) or (onset is not None and onset == known[-1]):
        shown = ", ".join(f"{name} {cells[name] or '–'}" for name in found)
        raise ValueError(f"{shown} are not in order")
    return onset, apex, offset


def within(
    expressions: Iterable[tuple[int, Expression]], last: int, table: Path
) -> tuple[list[Expression], list[Fault]]:
    """The expressions of a video that has frames up to `last`, by onset, and a note on each row that reaches beyond."""
    kept, notes = [], []
    for row, expression in expressions:
        if expression.interval[1] > last:
            problem = f"{expression.name} ends at frame {expression.interval[1]}, but the video has {last}"
            notes.append(Fault("note", table, problem, "the row is left out", row=row))
        else:
            kept.append(expression)
    return sorted(kept, key=lambda expression: expression.interval), notes


def only_table(root: Path, pattern: re.Pattern[str], problem: str, remedy: str) -> Path:
    """The label file of a folder.

    Raises:
        DataError: there is none (`problem`, `remedy`), or there are several.
    """
    found = [path for path in list_folder(root)[1] if pattern.fullmatch(path.name)]
    if not found:
        raise FaultyData(root, problem, remedy)
    if len(found) > 1:
        raise FaultyData(root, f"several label files: {', '.join(path.name for path in found)}", "keep one of them")
    return found[0]


def check_frames(folder: Path, frames: FrameFolder, begins: Container[int], faults: list[Fault]) -> bool:
    """Whether a folder can be used: its first frame has one of the numbers `begins`. What is wrong is added to `faults`."""
    first = frames.numbers[0] if frames.numbers else None
    if first not in begins:
        shown = "missing" if first is None else first
        faults.append(Fault("error", folder, f"its first frame is {shown}, but labels count from 1", "copy it again"))
        return False
    if gone := frames.missing(1, frames.numbers[-1]):
        faults.append(Fault("note", folder, f"{gone} frames are missing", "copy it again"))
    return True


def by_video(
    rows: Iterable[tuple[int, dict[str, str]]],
    parse: Callable[[dict[str, str]], tuple[Key, Expression]],
    absent: Callable[[Key, dict[str, str]], str | None],
    table: Path,
    faults: list[Fault],
) -> dict[Key, list[tuple[int, Expression]]]:
    """The expressions of each video, with their rows. What is wrong is added to `faults`.

    Args:
        parse: a row's video and expression; raises ValueError.
        absent: what to say of a row whose video is not there, or None.
    """
    expressions: dict[Key, list[tuple[int, Expression]]] = defaultdict(list)
    for row, cells in rows:
        try:
            key, expression = parse(cells)
            if problem := absent(key, cells):
                raise ValueError(problem)
            expressions[key].append((row, expression))
        except ValueError as error:
            faults.append(Fault("error", table, str(error), "correct the row, or copy the video", row=row))
    return expressions


def labelled_videos(
    root: Path,
    dataset: str,
    places: Mapping[Key, tuple[Path, FrameFolder | None]],
    expressions: Mapping[Key, list[tuple[int, Expression]]],
    name: Callable[[Key], tuple[str, str]],
    *,
    fps: float,
    table: Path,
    faults: list[Fault],
) -> LongContents:
    """The videos with their expressions, by key.

    Args:
        places: where each video is, and its frames unless it is a file.
        name: a video's subject and name.
        fps: of the data set's own recordings.
    """
    videos, fps = [], rendered_fps(root, fps)
    for key, (place, frames) in sorted(places.items()):
        labelled, notes = within(expressions.get(key, ()), frames.numbers[-1] if frames else 10**9, table)
        faults += notes
        subject, called = name(key)
        video = LongVideo(
            dataset=dataset,
            subject=subject,
            name=called,
            place=place,
            frames=frames.paths if frames else (),
            frame_numbers=frames.numbers if frames else (),
            fps=fps,
            expressions=tuple(labelled),
        )
        videos.append(video)
    return LongContents(videos=tuple(videos), faults=tuple(faults))
