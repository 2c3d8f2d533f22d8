"""The table that the spotting tracks of the Micro-Expression Grand Challenge ask for (MEGC 2021 and later).

    vid,onset,offset,type
    15_0101disgustingteeth,557,608,mae

A video is called as its folder or file is; frames have the numbers that labels have, from 1, both ends included; `me` is a
micro- and `mae` a macro-expression. Intervals of other kinds are not written.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from selfme_lib.data.faults import FaultyData
from selfme_lib.data.long_videos import LongVideo
from selfme_lib.data.spreadsheets import read_rows
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.sheets import disarm

from .intervals import Interval, Kind, frame_number, frame_of

COLUMNS = ("vid", "onset", "offset", "type")
TYPES: dict[Kind, str] = {"micro": "me", "macro": "mae"}


def write_submission(path: Path | str, found: Iterable[tuple[LongVideo, Sequence[Interval]]]) -> None:
    """Write the micro- and macro-expressions found in videos of CAS(ME)² or SAMM Long Videos."""
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for video, intervals in found:
            for one in intervals:
                if one.kind in TYPES:
                    numbers = (frame_number(video, frame) for frame in (one.onset, one.offset))
                    writer.writerow((disarm(video.name), *numbers, TYPES[one.kind]))


def read_submission(path: Path | str, videos: Sequence[LongVideo]) -> dict[str, list[Interval]]:
    """What a table says of each video, by its key; nothing, of a video that it does not name. An apex is in no table.

    Raises:
        DataError: no such file, a column is missing, or a row makes no sense.
    """
    path, by_name = Path(path), {video.name: video for video in videos}
    found: dict[str, list[Interval]] = {video.key: [] for video in videos}
    for row, cells in read_rows(path, {name: name for name in COLUMNS}):
        try:
            video, interval = _interval(cells, by_name)
        except ValueError as error:
            raise FaultyData(path, str(error), "correct the row", row=row) from None
        found[video.key].append(interval)
    return {key: sorted(some, key=lambda one: (one.onset, one.offset)) for key, some in found.items()}


def _interval(cells: Mapping[str, str], videos: Mapping[str, LongVideo]) -> tuple[LongVideo, Interval]:
    kind = next((kind for kind, called in TYPES.items() if called == cells["type"].lower()), None)
    if kind is None:
        raise ValueError(f"type {cells['type']!r} is neither mae nor me")
    video = videos.get(cells["vid"])
    if video is None:
        raise ValueError(f"no video {cells['vid']!r}; there is {next(iter(videos), 'none')}, for instance")
    for moment in ("onset", "offset"):
        if not (cells[moment].isascii() and cells[moment].isdigit() and int(cells[moment]) > 0):
            raise ValueError(f"{moment} {cells[moment]!r} is not the number of a frame, from 1")
    first, last = int(cells["onset"]), int(cells["offset"])
    if first > last:
        raise ValueError(f"onset {first} comes after offset {last}")
    if video.frames and last > video.frame_numbers[-1]:
        raise ValueError(f"offset {last} is beyond the last frame, {video.frame_numbers[-1]}")
    onset = frame_of(video, first)
    offset = max(frame_of(video, last + 1) - 1, onset)
    return video, Interval(onset=onset, apex=None, offset=offset, kind=kind)
