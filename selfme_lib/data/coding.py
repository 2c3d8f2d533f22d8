"""Label files: one row a clip, typed in by hand over the years, as .xlsx or .csv.

The traps: headers with trailing blanks, columns without a header, rows of words before the header; subjects that are
text in one release ("01") and numbers in the next (1); action units that are now 4, now "4+7", "R2+15" or "?"; an apex
that is "/"; columns of formulas; blank rows.

A row that cannot be understood becomes a fault, never a guess. It is an error when the row could belong to one of the
classes, else a note: a slip in a clip that no experiment uses should not stop anyone.
"""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import openpyxl

from .clips import Fault, FaultyData

_NO_APEX = ("", "/")
_HEADER_WITHIN = 40  # rows


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """How a data set writes its label file.

    Attributes:
        columns: what is read → the title of its column; blanks and case do not matter. The keys are subject, folder,
            onset, apex, offset, action_units, emotion.
        subject: how a subject is written; the first group is its number.
        digits: of a subject as we write it.
        folder: how a clip's folder is written; its groups are numbers, which may be padded with zeros or not.
        classes: emotion, in small letters → class, or `None` if no class has it.
        recordings: a folder is a long recording that holds several clips, not one clip.
    """

    columns: Mapping[str, str]
    subject: re.Pattern
    digits: int
    folder: re.Pattern
    classes: Mapping[str, str | None]
    recordings: bool = False


@dataclass(frozen=True, kw_only=True)
class CodingRow:
    """One row of the label file, understood."""

    row: int
    subject: str
    name: str
    folder: str  # another than `name` in recordings of several clips
    onset: int
    apex: int | None
    offset: int
    action_units: str
    emotion: str
    kind: str | None  # its class, if it belongs to one


@dataclass(frozen=True, kw_only=True)
class Coding:
    """The label file: its rows, the folders that it names (also in rows with a fault), its faults."""

    rows: tuple[CodingRow, ...]
    named: frozenset[tuple[str, str]]
    faults: tuple[Fault, ...]


class _BadCell(Exception):
    """What is wrong with a cell; it becomes a `Fault` of its row."""


def read_coding(path: Path, scheme: Scheme) -> Coding:
    """Read a label file.

    Raises:
        DataError: it is no .xlsx workbook and no .csv file, or a column is missing or there twice.
    """
    sheet = csv_rows(path) if path.suffix.lower() == ".csv" else _first_sheet(path)
    header_row, column = _find_columns(path, sheet, scheme)
    rows, faults, named, first_row_of = [], [], set(), {}
    for number, cells in enumerate(sheet[header_row:], start=header_row + 1):
        cell = {key: _text(cells[index]) if index < len(cells) else "" for key, index in column.items()}
        if not any(cell.values()):
            continue
        emotion = cell["emotion"].lower()
        severity = "note" if emotion in scheme.classes and scheme.classes[emotion] is None else "error"
        try:
            subject, folder = _subject(cell["subject"], scheme), _folder(cell["folder"], scheme)
            named.add((subject, folder))
            name = f"{folder}_{cell['onset']}" if scheme.recordings else folder
            if (subject, name) in first_row_of:
                first_row, first_severity = first_row_of[subject, name]
                severity = min(severity, first_severity)  # an error as soon as one of the two rows is used
                raise _BadCell(f"subject {subject}, {name} is already labelled in row {first_row}")
            first_row_of[subject, name] = number, severity
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
            kind=scheme.classes[emotion],
        )
        rows.append(row)
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


def csv_rows(path: Path) -> list[list[str]]:
    """The rows of a CSV file, separated by commas, semicolons or tabs.

    Raises:
        DataError: it cannot be read, or is not UTF-8 text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        separator = max(",;\t", key=text.splitlines()[0].count) if text.strip() else ","
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise FaultyData(file=path, problem=problem, remedy="check its permissions") from None
    except (UnicodeDecodeError, csv.Error) as error:
        problem = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"not CSV ({error})"
        raise FaultyData(file=path, problem=problem, remedy="save it again as CSV (UTF-8) or as .xlsx") from None


def _find_columns(path: Path, sheet: list, scheme: Scheme) -> tuple[int, dict[str, int]]:
    """How many rows come up to and including the header, and the position of every column that we need."""
    titles = {_plain(title): title for title in scheme.columns.values()}
    best: list[str] = []
    for number, cells in enumerate(sheet[:_HEADER_WITHIN], start=1):
        headers = [_plain(_text(cell)) for cell in cells]
        found = [header for header in headers if header in titles]
        if twice := next((header for header in found if found.count(header) > 1), None):
            problem = f"two columns are called {titles[twice]}"
            raise FaultyData(file=path, row=number, problem=problem, remedy="remove one of them")
        if len(found) == len(titles):
            return number, {key: headers.index(_plain(title)) for key, title in scheme.columns.items()}
        best = max(best, found, key=len)
    missing = ", ".join(title for header, title in titles.items() if header not in best)
    problem = f"its first sheet has no column {missing}"
    raise FaultyData(file=path, problem=problem, remedy="use the label file as it was distributed")


def _plain(title: str) -> str:
    return re.sub(r"\s", "", title).lower()


def _moments(cell: dict[str, str], scheme: Scheme) -> tuple[int, int | None, int]:
    onset, offset = (_frame_number(scheme.columns[key], cell[key]) for key in ("onset", "offset"))
    apex = None if cell["apex"] in _NO_APEX else _frame_number(scheme.columns["apex"], cell["apex"])
    if onset >= offset:
        raise _BadCell(f"onset {onset} does not come before offset {offset}")
    if apex is not None and apex < onset:
        raise _BadCell(f"onset {onset} comes after apex {apex}")
    if apex is not None and apex > offset:
        raise _BadCell(f"apex {apex} comes after offset {offset}")
    return onset, apex, offset


def _text(cell: object) -> str:
    """A cell as text without blanks around it; whole floats lose their ".0", as Excel shows them."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()


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


def canonical(match: re.Match, digits: int) -> str:
    """One name for a folder however its numbers are padded: `6_1_2`, `006_1_2` and `006_01_2` are all `006_1_2`."""
    if not match.groups():
        return match[0]
    subject, *others = (int(number) for number in match.groups())
    return "_".join([f"{subject:0{digits}d}", *map(str, others)])


def _frame_number(column: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _BadCell(f"{column} is {text!r}, not a frame number")
    return int(text)
