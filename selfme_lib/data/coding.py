"""Label files: one row per clip, typed in by hand over the years.

The traps, besides those of `spreadsheets`: subjects that are text in one release ("01") and numbers in the next (1);
action units that are sometimes 4, sometimes "4+7", "R2+15" or "?"; an apex that is "/".

A row that cannot be understood becomes a fault, never a guess. It is an error if the row could belong to one of the
classes, otherwise a note: a slip in a clip that no experiment uses should not stop anyone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .faults import Fault, Severity
from .spreadsheets import read_rows

_NO_APEX = ("", "/")


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """How a data set writes its label file.

    Attributes:
        columns: what is read → the title of its column, regardless of blanks and case. The keys are subject, folder,
            onset, apex, offset, action_units, emotion.
        subject: pattern of a subject; the first group is its number.
        digits: to which we zero-pad a subject.
        folder: pattern of a clip's folder; its groups are numbers, zero-padded or not.
        classes: emotion, in small letters → class, or `None` if it belongs to none.
        recordings: a folder is a long recording that holds several clips, not one clip.
    """

    columns: Mapping[str, str]
    subject: re.Pattern[str]
    digits: int
    folder: re.Pattern[str]
    classes: Mapping[str, str | None]
    recordings: bool = False


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


@dataclass(frozen=True, kw_only=True)
class Coding:
    """The label file: its rows, the subject and folder of each (of faulty ones, too), its faults."""

    rows: tuple[CodingRow, ...]
    named: frozenset[tuple[str, str]]
    faults: tuple[Fault, ...]


class _BadCell(Exception):
    """What is wrong with a cell; it becomes a `Fault` of its row."""


def read_coding(path: Path, scheme: Scheme) -> Coding:
    """Read a label file.

    Raises:
        DataError: it is neither an .xlsx workbook nor a CSV file, or a column is missing or occurs twice.
    """
    rows, faults, named = [], [], set()
    first_row_of: dict[tuple[str, str], tuple[int, Severity]] = {}
    for number, cell in read_rows(path, scheme.columns, remedy="use the label file as it was distributed"):
        emotion = cell["emotion"].lower()
        severity: Severity = "note" if scheme.classes.get(emotion, "unknown") is None else "error"
        try:
            subject, folder = _subject(cell["subject"], scheme), _folder(cell["folder"], scheme)
            named.add((subject, folder))
            name = f"{folder}_{cell['onset']}" if scheme.recordings else folder
            first_row, first_severity = first_row_of.setdefault((subject, name), (number, severity))
            if first_row != number:
                severity = min(severity, first_severity)  # an error as soon as one of the two rows is used
                raise _BadCell(f"subject {subject}, {name} is already labelled in row {first_row}")
            if emotion not in scheme.classes:
                raise _BadCell(f"{scheme.columns['emotion']} is {emotion!r}, not one of {', '.join(scheme.classes)}")
            onset, apex, offset = _moments(cell, scheme)
        except _BadCell as error:
            remedy = "correct or remove this row"
            faults.append(Fault(severity=severity, file=path, row=number, problem=str(error), remedy=remedy))
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
    return Coding(rows=tuple(rows), named=frozenset(named), faults=tuple(faults))


def _moments(cell: Mapping[str, str], scheme: Scheme) -> tuple[int, int | None, int]:
    onset, offset = (_frame_number(scheme.columns[key], cell[key]) for key in ("onset", "offset"))
    apex = None if cell["apex"] in _NO_APEX else _frame_number(scheme.columns["apex"], cell["apex"])
    if onset >= offset:
        raise _BadCell(f"onset {onset} does not come before offset {offset}")
    if apex is not None and apex < onset:
        raise _BadCell(f"onset {onset} comes after apex {apex}")
    if apex is not None and apex > offset:
        raise _BadCell(f"apex {apex} comes after offset {offset}")
    return onset, apex, offset


def _frame_number(column: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _BadCell(f"{column} is {text!r}, not a frame number")
    return int(text)


def _subject(text: str, scheme: Scheme) -> str:
    match = scheme.subject.fullmatch(text)
    if match is None:
        raise _BadCell(f"{scheme.columns['subject']} is {text!r}, not a number")
    return f"{int(match[1]):0{scheme.digits}d}"


def _folder(text: str, scheme: Scheme) -> str:
    match = scheme.folder.fullmatch(text)
    if match is None:
        raise _BadCell(f"{scheme.columns['folder']} is {text!r}, not the name of a clip's folder")
    return canonical(match, scheme.digits)


def canonical(match: re.Match[str], digits: int) -> str:
    """One name for a folder however its numbers are padded: `6_1_2`, `006_1_2` and `006_01_2` all become `006_1_2`."""
    if not match.groups():
        return match[0]
    subject, *others = (int(number) for number in match.groups())
    return "_".join([f"{subject:0{digits}d}", *map(str, others)])
