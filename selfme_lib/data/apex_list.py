"""Apex frames that the user gives: a CSV file with the columns subject, clip, apex.

    subject,clip,apex
    01,s1_po_01,36245

Which is how lists of spotted apexes for SMIC go round. Subjects are compared as numbers where they are numbers: 1, 01
and s01 are one. Every clip needs its line; lines for other clips are ignored, since lists often hold more.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from .clips import Clip, FaultyData
from .coding import csv_rows

_COLUMNS = ("subject", "clip", "apex")


def read_apex_list(path: Path, clips: Sequence[Clip]) -> dict[str, int]:
    """The apex of each clip, by the clip's key.

    Raises:
        DataError: the file cannot be read, lacks a column or a clip, or names a frame that cannot be the clip's apex.
    """
    rows = csv_rows(path)
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if missing := [name for name in _COLUMNS if name not in header]:
        raise FaultyData(
            file=path, problem=f"no column {', '.join(missing)}", remedy=f"its first line is {','.join(_COLUMNS)}"
        )
    place = {name: header.index(name) for name in _COLUMNS}
    wanted = {(_plain(clip.subject), clip.name.lower()): clip for clip in clips}
    apexes: dict[str, int] = {}
    for number, cells in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) < len(header):
            raise FaultyData(file=path, row=number, problem="too few cells", remedy="give subject, clip and apex")
        subject, name, apex = (cells[place[column]].strip() for column in _COLUMNS)
        clip = wanted.get((_plain(subject), name.lower()))
        if clip is None:
            continue
        if clip.key in apexes:
            raise FaultyData(file=path, row=number, problem=f"{clip.key} is there twice", remedy="keep one line")
        within = clip.frame_numbers[clip.frame_numbers.index(clip.onset) + 1 :]
        if not re.fullmatch(r"[0-9]{1,12}", apex) or int(apex) not in within or int(apex) > clip.offset:
            problem = f"apex {apex!r} of {clip.key} is none of its frames after the onset, {within[0]} to {clip.offset}"
            raise FaultyData(file=path, row=number, problem=problem, remedy="give the number of one of them")
        apexes[clip.key] = int(apex)
    if lacking := [clip.key for clip in clips if clip.key not in apexes]:
        problem = f"no line for {len(lacking)} of {len(clips)} clips, the first is {lacking[0]}"
        raise FaultyData(file=path, problem=problem, remedy="add them, or choose another rule")
    return apexes


def _plain(subject: str) -> str:
    """`s01`, `sub01`, `smic-01`, `01` and `1` alike."""
    digits = re.fullmatch(r"[a-z_. -]*0*([0-9]+)", subject.lower())
    return digits[1] if digits else subject.lower()
