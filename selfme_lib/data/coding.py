"""Label files: one row per clip, typed in by hand over the years.

The traps, besides those of `spreadsheets`: subjects that are text in one release ("01") and numbers in the next (1);
action units that are sometimes 4, sometimes "4+7", "R2+15" or "?"; an apex that is "/".

A row that cannot be understood becomes a fault, never a guess. It is an error if the row could belong to one of the
classes, otherwise a note: a slip in a clip that no experiment uses should not stop anyone. Slips that a data set is known for
are left out with their reason.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from .clips import LeftOut
from .faults import Fault, Severity
from .spreadsheets import read_rows

COLUMNS = ("subject", "folder", "onset", "apex", "offset", "action_units", "emotion")
"""What is read of each row."""

_NO_APEX = ("", "/")
_FRAME_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """How a data set writes its label file."""

    columns: Mapping[str, str]  # each of `COLUMNS` → its title, regardless of blanks and case
    subject: re.Pattern[str]  # the first group is the subject's number
    folder: re.Pattern[str]  # the name of a clip's folder; groups are numbers, zero-padded or not
    classes: Mapping[str, str | None]  # emotion, in lower case → class, or None if it belongs to none
    recordings: bool = False  # a folder is a long recording that holds several clips, not one clip
    slips: Collection[int] = ()  # rows of the file as distributed in which onset, apex or offset are known to be wrong


@dataclass(frozen=True, kw_only=True)
class CodingRow:
    """One row of the label file, understood."""

    row: int
    subject: str
    name: str
    folder: str  # differs from `name` in recordings of several clips
    onset: int
    apex: int | None
    offset: int
    action_units: str
    emotion: str
    class_name: str | None


class _BadCell(Exception):
    """What is wrong with a cell; it becomes a `Fault` of its row."""


class _BadOrder(_BadCell):
    """Onset, apex and offset contradict each other."""


@dataclass(frozen=True, kw_only=True)
class Coding:
    """A label file."""

    rows: list[CodingRow]
    named: set[tuple[str, str]]  # subject and, in lower case, folder and name of each row, of faulty ones, too
    left_out: list[LeftOut]  # known slips
    faults: list[Fault]


def read_coding(path: Path, scheme: Scheme, digits: int) -> Coding:
    """Read a label file.

    Raises:
        DataError: it is neither an .xlsx workbook nor a CSV file, or a column is missing or occurs twice.
    """
    rows, named, left_out, faults = [], set(), [], []
    first_row_of: dict[tuple[str, str], tuple[int, Severity]] = {}
    for number, cell in read_rows(path, scheme.columns, remedy="use the label file as it was distributed"):
        emotion = cell["emotion"].lower()
        severity: Severity = "note" if scheme.classes.get(emotion, "unknown") is None else "error"
        try:
            subject = f"{int(_parse(cell, 'subject', scheme.subject, 'a number', scheme)[1]):0{digits}d}"
            folder = canonical(_parse(cell, "folder", scheme.folder, "the name of a clip's folder", scheme), digits)
            name = f"{folder}_{cell['onset']}" if scheme.recordings else folder
            named |= {(subject, folder.lower()), (subject, name.lower())}
            first_row, first_severity = first_row_of.setdefault((subject, name), (number, severity))
            if first_row != number:
                severity = min(severity, first_severity)  # an error as soon as one of the two rows is used
                raise _BadCell(f"subject {subject}, {name} is already labelled in row {first_row}")
            if emotion not in scheme.classes:
                raise _BadCell(f"{scheme.columns['emotion']} is {emotion!r}, not one of {', '.join(scheme.classes)}")
            onset, apex, offset = _moments(cell, scheme)
        except _BadOrder as error:
            if number in scheme.slips:
                left_out.append(LeftOut(subject=subject, name=name, reason=known_slip(number, str(error))))
            else:
                faults.append(Fault(severity, path, str(error), "correct or remove this row", row=number))
            continue
        except _BadCell as error:
            faults.append(Fault(severity, path, str(error), "correct or remove this row", row=number))
            continue
        row = CodingRow(
            row=number,
            subject=subject,
            name=name,
            folder=folder,
            onset=onset,
            apex=apex,
            offset=offset,
            action_units=cell["action_units"],
            emotion=emotion,
            class_name=scheme.classes[emotion],
        )
        rows.append(row)
    return Coding(rows=rows, named=named, left_out=left_out, faults=faults)


def known_slip(row: int, problem: str) -> str:
    """Why a row in `Scheme.slips` is left out."""
    return f"a known slip in row {row} of the label file: {problem}"


def _moments(cell: Mapping[str, str], scheme: Scheme) -> tuple[int, int | None, int]:
    onset, offset = (int(_parse(cell, key, _FRAME_NUMBER, "a frame number", scheme)[0]) for key in ("onset", "offset"))
    if onset >= offset:
        raise _BadOrder(f"onset {onset} does not come before offset {offset}")
    if cell["apex"] in _NO_APEX:
        return onset, None, offset
    apex = int(_parse(cell, "apex", _FRAME_NUMBER, "a frame number", scheme)[0])
    if apex < onset:
        raise _BadOrder(f"onset {onset} comes after apex {apex}")
    if apex > offset:
        raise _BadOrder(f"apex {apex} comes after offset {offset}")
    return onset, apex, offset


def _parse(cell: Mapping[str, str], key: str, pattern: re.Pattern[str], wanted: str, scheme: Scheme) -> re.Match[str]:
    match = pattern.fullmatch(cell[key])
    if match is None:
        raise _BadCell(f"{scheme.columns[key]} is {cell[key]!r}, not {wanted}")
    return match


def canonical(match: re.Match[str], digits: int) -> str:
    """One name for a folder however its numbers are padded: `6_1_2`, `006_1_2` and `006_01_2` all become `006_1_2`."""
    if not match.groups():
        return match[0]
    subject, *others = (int(number) for number in match.groups())
    return "_".join([f"{subject:0{digits}d}", *map(str, others)])
