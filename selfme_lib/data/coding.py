"""CASME II's label file, `CASME2-coding-*.xlsx`: one row a clip, typed in by hand over the years.

The traps: headers with trailing blanks and columns without a header; subjects that are text in one release ("01") and
numbers in the next (1); action units that are now 4, now "4+7", "R2+15" or "?"; one apex that is "/".

A row that cannot be understood becomes a fault, never a guess. It is an error when the row could belong to one of the
three classes, else a note: a slip in a clip that no experiment uses should not stop anyone.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import openpyxl

from selfme_lib.data.clips import Fault, FaultyData

EMOTIONS = {
    "disgust": "negative",
    "repression": "negative",
    "happiness": "positive",
    "surprise": "surprise",
    "others": None,
    "sadness": None,
    "fear": None,
}
"""CASME II's emotions and their class in the MEGC 2019 protocol; `None` is left out by it."""

_COLUMNS = {
    "subject": "Subject",
    "filename": "Filename",
    "onsetframe": "OnsetFrame",
    "apexframe": "ApexFrame",
    "offsetframe": "OffsetFrame",
    "actionunits": "Action Units",
    "estimatedemotion": "Estimated Emotion",
}
_NO_APEX = ("", "/")


@dataclass(frozen=True, kw_only=True)
class CodingRow:
    """One row of the label file, understood."""

    row: int
    subject: str
    name: str
    onset: int
    apex: int | None
    offset: int
    action_units: str
    emotion: str

    @property
    def used(self) -> bool:
        """Whether the emotion belongs to one of the three classes."""
        return EMOTIONS[self.emotion] is not None


@dataclass(frozen=True, kw_only=True)
class Coding:
    """The label file: its rows, the clips that it names (also in rows with a fault), its faults."""

    rows: tuple[CodingRow, ...]
    named: frozenset[tuple[str, str]]
    faults: tuple[Fault, ...]


class _BadCell(Exception):
    """What is wrong with a cell; it becomes a `Fault` of its row."""


def read_coding(path: Path) -> Coding:
    """Read the label file.

    Raises:
        DataError: it is no .xlsx workbook, or a column is missing or there twice.
    """
    sheet = _first_sheet(path)
    header_row, column = _find_columns(path, sheet)
    rows, faults, named, first_row_of = [], [], set(), {}
    for number, cells in enumerate(sheet[header_row:], start=header_row + 1):
        cell = {key: _text(cells[index]) for key, index in column.items()}
        if not any(cell.values()):
            continue
        emotion = cell["estimatedemotion"].lower()
        severity = "note" if emotion in EMOTIONS and EMOTIONS[emotion] is None else "error"
        try:
            subject, name = _subject(cell["subject"]), _clip_name(cell["filename"])
            named.add((subject, name))
            if (subject, name) in first_row_of:
                first_row, first_severity = first_row_of[subject, name]
                severity = min(severity, first_severity)  # an error as soon as one of the two rows is used
                raise _BadCell(f"sub{subject}/{name} is already labelled in row {first_row}")
            first_row_of[subject, name] = number, severity
            if emotion not in EMOTIONS:
                raise _BadCell(f"Estimated Emotion is {emotion!r}, not one of {', '.join(EMOTIONS)}")
            rows.append(_row(number, subject, name, emotion, cell))
        except _BadCell as error:
            remedy = "correct or remove this row"
            faults.append(Fault(severity=severity, file=path, row=number, problem=str(error), remedy=remedy))
    return Coding(rows=tuple(rows), named=frozenset(named), faults=tuple(faults))


def _first_sheet(path: Path) -> list[tuple]:
    try:
        workbook = openpyxl.load_workbook(path, data_only=True)
        return list(workbook.worksheets[0].iter_rows(values_only=True))
    except PermissionError:
        raise FaultyData(file=path, problem="cannot be read", remedy="check its permissions") from None
    except Exception as error:  # a damaged archive fails in a dozen ways, all of which mean the same to the user
        problem = f"not a readable .xlsx workbook ({type(error).__name__})"
        raise FaultyData(file=path, problem=problem, remedy="copy the label file again or save it as .xlsx") from None


def _find_columns(path: Path, sheet: list[tuple]) -> tuple[int, dict[str, int]]:
    """How many rows come up to and including the header, and the position of every column that we need."""
    best: list[str] = []
    for number, cells in enumerate(sheet[:20], start=1):
        headers = [re.sub(r"\s", "", _text(cell)).lower() for cell in cells]
        found = [header for header in headers if header in _COLUMNS]
        if twice := next((header for header in found if found.count(header) > 1), None):
            problem = f"two columns are called {_COLUMNS[twice]}"
            raise FaultyData(file=path, row=number, problem=problem, remedy="remove one of them")
        if len(found) == len(_COLUMNS):
            return number, {header: headers.index(header) for header in _COLUMNS}
        best = max(best, found, key=len)
    missing = ", ".join(title for header, title in _COLUMNS.items() if header not in best)
    problem = f"its first sheet has no column {missing}"
    raise FaultyData(file=path, problem=problem, remedy="use the label file as it was distributed")


def _row(number: int, subject: str, name: str, emotion: str, cell: dict[str, str]) -> CodingRow:
    onset = _frame_number("OnsetFrame", cell["onsetframe"])
    offset = _frame_number("OffsetFrame", cell["offsetframe"])
    apex = None if cell["apexframe"] in _NO_APEX else _frame_number("ApexFrame", cell["apexframe"])
    if onset >= offset:
        raise _BadCell(f"onset {onset} does not come before offset {offset}")
    if apex is not None and apex < onset:
        raise _BadCell(f"onset {onset} comes after apex {apex}")
    if apex is not None and apex > offset:
        raise _BadCell(f"apex {apex} comes after offset {offset}")
    return CodingRow(
        row=number,
        subject=subject,
        name=name,
        onset=onset,
        apex=apex,
        offset=offset,
        action_units=cell["actionunits"],
        emotion=emotion,
    )


def _text(cell: object) -> str:
    """A cell as text without blanks around it; whole floats lose their ".0", as Excel shows them."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()


def _subject(text: str) -> str:
    match = re.fullmatch(r"(?:sub)?([0-9]{1,4})", text, re.IGNORECASE)
    if match is None:
        raise _BadCell(f"Subject is {text!r}, not a number")
    return f"{int(match[1]):02d}"


def _clip_name(text: str) -> str:
    if not re.fullmatch(r"[\w-][\w. -]*", text):
        raise _BadCell(f"Filename is {text!r}, not the name of a clip's folder")
    return text


def _frame_number(column: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _BadCell(f"{column} is {text!r}, not a frame number")
    return int(text)
