"""Tables that people have typed in, as .xlsx or .csv: rows by the titles of their columns.

The traps: headers with trailing blanks, columns without a header, a preamble before the header, columns of formulas,
numbers that Excel keeps as floats, blank rows; CSV separated by commas, semicolons or tabs, and cells such as `="006"`;
formulas whose values were never computed; a blank cell at the far end of a sheet, which is then a million rows long.
"""

import csv
import io
import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from selfme_lib.runtime.files import ArchiveError, check_archive
from selfme_lib.runtime.sheets import separator

from .faults import FaultyData, unreadable

SUFFIXES = (".xlsx", ".csv")
_HEADER_WITHIN = 40  # rows
_LARGEST = 2**26  # bytes of XML: openpyxl makes fifty times as much of them in memory
_MOST_ROWS = 2**20  # of a sheet, in Excel
_DELETE = "keep its header and its rows of labels, and delete the others, blank ones included"


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
    workbook = path.suffix.lower() == ".xlsx"
    sheet = _first_sheet(path) if workbook else _csv_rows(path, columns)
    head = list(itertools.islice(sheet, _HEADER_WITHIN))
    header_row, place = _find_columns(path, head, columns, optional, remedy)
    formulas = cache(lambda: _formulas(path) if workbook else {})
    for number, row in enumerate(itertools.chain(head[header_row:], sheet), start=header_row + 1):
        cells = {name: _text(row[place[name]]) if place.get(name, len(row)) < len(row) else "" for name in columns}
        for name, column in place.items() if row else ():
            if not cells[name] and (formula := formulas().get((number, column))):
                problem = f"{columns[name]} is a formula, {formula[:40]}, whose value is not in the file"
                remedy = "open it in Excel or LibreOffice, save it there, and copy it again"
                raise FaultyData(path, problem, remedy, row=number)
        if any(cells.values()):
            yield number, cells


def read_bare(path: Path, columns: Sequence[str], *, sheet: int = 0) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row that is not blank of a sheet without a header: as `read_rows`, with cells by their place.

    Args:
        path: of an .xlsx workbook.
        columns: what the cells are called here, from the first column on; cells beyond them are not read.
        sheet: which one, counted from 0.

    Raises:
        DataError: the file cannot be read, or has no such sheet.
    """
    for number, row in enumerate(_sheet(path, sheet), start=1):
        cells = dict(itertools.zip_longest(columns, map(_text, row[: len(columns)]), fillvalue=""))
        if any(cells.values()):
            yield number, cells


def _first_sheet(path: Path, *, values: bool = True) -> Iterator[tuple[Any, ...]]:
    """Its rows, up to the last cell of each, one after the other; values, or formulas as they were typed in."""
    return _sheet(path, 0, values=values)


def _sheet(path: Path, which: int, *, values: bool = True) -> Iterator[tuple[Any, ...]]:
    import openpyxl  # slow to import

    try:
        check_archive(path, _LARGEST)
        workbook = openpyxl.load_workbook(path, data_only=values, read_only=True)
        try:
            if which >= len(workbook.worksheets):
                raise FaultyData(path, f"no sheet {which + 1}", "use the file as it was distributed")
            sheet = workbook.worksheets[which]
            sheet.reset_dimensions()  # or every row is as wide as the one with a cell at the far end
            for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
                if number > _MOST_ROWS:
                    raise FaultyData(path, f"more than {_MOST_ROWS:,} rows", _DELETE)
                yield row
        finally:
            workbook.close()
    except FaultyData:
        raise
    except OSError as error:
        raise unreadable(path, error) from None
    except Exception as error:  # a damaged archive fails in a dozen ways, all of which mean the same to the user
        reason = error if isinstance(error, ArchiveError) else type(error).__name__
        remedy = "copy the file again or save it as .xlsx" + (f"; or {_DELETE}" if "unpacks" in str(error) else "")
        raise FaultyData(path, f"not a readable .xlsx workbook ({reason})", remedy) from None


def _formulas(path: Path) -> dict[tuple[int, int], str]:
    """The formulas of the first sheet, by row and column; rows count from 1, columns from 0."""
    return {
        (number, column): getattr(cell, "text", None) or str(cell)
        for number, row in enumerate(_first_sheet(path, values=False), start=1)
        for column, cell in enumerate(row)
        if hasattr(cell, "text") or (isinstance(cell, str) and cell.startswith("="))
    }


def _csv_rows(path: Path, columns: Mapping[str, str]) -> Iterator[list[str]]:
    try:
        if (size := path.stat().st_size) > _LARGEST:
            raise FaultyData(path, f"{size / 2**20:,.0f} MB, far more than labels need", _DELETE)
        text = path.read_bytes().decode("utf-8-sig")
        sign = separator(text[:100_000], [_plain(title) for title in columns.values()], within=_HEADER_WITHIN)
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
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
    for number, row in enumerate(sheet, start=1):
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
    """A cell as text without surrounding blanks; whole floats lose their ".0", as in Excel, and `="006"` its shell."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell).strip()
    shell = re.fullmatch(r'="([^"]*)"', text)
    return shell[1].strip() if shell else text
