"""Tables that people have typed in, as .xlsx or .csv: rows by the titles of their columns.

The traps: headers with trailing blanks, columns without a header, a preamble before the header, columns of formulas,
numbers that Excel keeps as floats, blank rows; CSV separated by commas, semicolons or tabs.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from selfme_lib.runtime.files import ArchiveError, check_archive

from .faults import FaultyData, unreadable

_HEADER_WITHIN = 40  # rows
_LARGEST = 2**26  # bytes of XML: openpyxl makes fifty times as much of them in memory


def read_rows(
    path: Path, columns: Mapping[str, str], *, optional: Collection[str] = (), remedy: str = ""
) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row that is not blank: its number, as Excel counts, and its cells as text without surrounding blanks.

    Args:
        path: of an .xlsx workbook, whose first sheet is read, or of a CSV file.
        columns: what a cell is called here → the title of its column, regardless of blanks and case.
        optional: those of `columns` that may be missing; their cells are then empty.
        remedy: what to do if others are missing; by default, to name them.

    Raises:
        DataError: the file cannot be read, or a column is missing or occurs twice.
    """
    sheet = _first_sheet(path) if path.suffix.lower() == ".xlsx" else _csv_rows(path)
    header_row, place = _find_columns(path, sheet, columns, optional, remedy)
    for number, row in enumerate(sheet[header_row:], start=header_row + 1):
        cells = {name: _text(row[place[name]]) if place.get(name, len(row)) < len(row) else "" for name in columns}
        if any(cells.values()):
            yield number, cells


def _first_sheet(path: Path) -> list[tuple[Any, ...]]:
    import openpyxl  # slow to import

    try:
        check_archive(path, _LARGEST)
        workbook = openpyxl.load_workbook(path, data_only=True)
        return list(workbook.worksheets[0].iter_rows(values_only=True))
    except (PermissionError, FileNotFoundError) as error:
        raise unreadable(path, error) from None
    except Exception as error:  # a damaged archive fails in a dozen ways, all of which mean the same to the user
        reason = error if isinstance(error, ArchiveError) else type(error).__name__
        problem = f"not a readable .xlsx workbook ({reason})"
        raise FaultyData(path, problem, "copy the file again or save it as .xlsx") from None


def _csv_rows(path: Path) -> list[list[str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        separator = max(",;\t", key=text.splitlines()[0].count) if text.strip() else ","
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except OSError as error:
        raise unreadable(path, error) from None
    except (UnicodeDecodeError, csv.Error) as error:
        problem = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"not CSV ({error})"
        raise FaultyData(path, problem, "save it again as CSV (UTF-8)") from None


def _find_columns(
    path: Path, sheet: Sequence[Sequence[Any]], columns: Mapping[str, str], optional: Collection[str], remedy: str
) -> tuple[int, dict[str, int]]:
    """The number of rows up to and including the header, and the position of each column."""
    titles = {_plain(title): title for title in columns.values()}
    required = {_plain(title) for name, title in columns.items() if name not in optional}
    best, nearest = set[str](), 0  # the row that looks most like a header
    for number, row in enumerate(sheet[:_HEADER_WITHIN], start=1):
        header = [_plain(_text(cell)) for cell in row]
        found = [title for title in header if title in titles]
        if twice := next((title for title in found if found.count(title) > 1), None):
            raise FaultyData(path, f"two columns are called {titles[twice]}", "remove one of them", row=number)
        if required <= set(found):
            place = {name: header.index(_plain(title)) for name, title in columns.items() if _plain(title) in found}
            return number, place
        if len(found) > len(best):
            best, nearest = set(found), number
    problem = f"no column {', '.join(title for plain, title in titles.items() if plain in required - best)}"
    if path.suffix.lower() == ".xlsx":
        problem += " in its first sheet"
    if nearest:
        problem += f"; its columns are {', '.join(filter(None, map(_text, sheet[nearest - 1])))}"
    by_default = f"name its columns {', '.join(title for name, title in columns.items() if name not in optional)}"
    raise FaultyData(path, problem, remedy or by_default, row=nearest or None)


def _plain(title: str) -> str:
    return re.sub(r"\s", "", title).lower()


def _text(cell: object) -> str:
    """A cell as text without surrounding blanks; whole floats lose their ".0", as in Excel."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()
