"""Apex frames from the user: a CSV file or .xlsx workbook with the columns subject, clip, apex.

    subject,clip,apex
    01,s1_po_01,36245

Lists of spotted apexes for SMIC circulate in this form. Subjects that are numbers are compared as numbers: 1, 01 and s01
are the same. Every clip needs a row; rows for other clips are ignored, since lists often hold more.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from .clips import Clip
from .faults import FaultyData
from .lookup import same_person
from .spreadsheets import read_rows

_COLUMNS = ("subject", "clip", "apex")


def read_apex_list(path: Path, clips: Sequence[Clip]) -> dict[str, int]:
    """The apex of each clip, by the clip's key.

    Raises:
        DataError: the file cannot be read, lacks a column or a clip, or names a frame that cannot be the clip's apex.
    """
    wanted = {(same_person(clip.subject), clip.name.lower()): clip for clip in clips}
    apexes: dict[str, int] = {}
    for number, cells in read_rows(path, {name: name for name in _COLUMNS}):
        subject, name, apex = (cells[column] for column in _COLUMNS)
        clip = wanted.get((same_person(subject), name.lower()))
        if clip is None:
            continue
        if clip.key in apexes:
            raise FaultyData(path, f"{clip.key} appears twice", "keep one row", row=number)
        within = clip.frame_numbers[clip.frame_numbers.index(clip.onset) + 1 :]
        if not re.fullmatch(r"[0-9]{1,12}", apex) or int(apex) not in within or int(apex) > clip.offset:
            problem = f"apex {apex!r} of {clip.key} is none of its frames after the onset, {within[0]} to {clip.offset}"
            raise FaultyData(path, problem, "give the number of one of them", row=number)
        apexes[clip.key] = int(apex)
    if lacking := [clip.key for clip in clips if clip.key not in apexes]:
        problem = f"no row for {len(lacking)} of {len(clips)} clips, the first is {lacking[0]}"
        raise FaultyData(path, problem, "add them, or choose another rule")
    return apexes
