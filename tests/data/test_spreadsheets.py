"""Sheets as people and programs leave them: read as they are meant, or refused quickly in one line."""

import csv
import time
import zipfile

import openpyxl
import pytest
import trees

from selfme_lib.data import load_clips
from selfme_lib.data.spreadsheets import read_rows
from selfme_lib.runtime.errors import DataError

COLUMNS = {"subject": "Subject", "apex": "Apex"}


def sheet(path, *rows):
    workbook = openpyxl.Workbook()
    for row in (("Subject", "Apex"), *rows):
        workbook.active.append(row)
    workbook.save(path)
    return path


def give_values(path, values):
    """What Excel does when it saves a workbook: beside each formula stands its value."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    for value in values:
        parts[name] = (
            parts[name]
            .replace(b"</f><v />", b"</f><v>%s</v>" % value, 1)
            .replace(b"</f><v/>", b"</f><v>%s</v>" % value, 1)
        )
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)


def read(path):
    return [(number, *cells.values()) for number, cells in read_rows(path, COLUMNS)]


@pytest.mark.parametrize("formula", ["=1+1", '=HYPERLINK("http://x","59")', "=B2"])
def test_a_formula_without_its_value_is_named_and_one_with_its_value_is_read(tmp_path, formula):
    path = sheet(tmp_path / "a.xlsx", ("01", 59), ("02", formula))
    with pytest.raises(
        DataError, match=r"row 3: Apex is a formula, =.*, whose value is not in the file; open it in Excel"
    ):
        read(path)
    give_values(path, [b"60"])
    assert read(path) == [(2, "01", "59"), (3, "02", "60")]


def test_a_row_of_nothing_but_formulas_is_not_taken_for_a_blank_one(tmp_path):
    with pytest.raises(DataError, match="row 3: Subject is a formula"):
        read(sheet(tmp_path / "a.xlsx", ("01", 59), ("=A2", "=B2")))


@pytest.mark.parametrize("cell", ["XFD1048576", "B1048576", "XFD2"])
def test_a_blank_cell_at_the_far_end_costs_neither_memory_nor_time(tmp_path, cell):
    workbook = openpyxl.Workbook()
    for row in (("Subject", "Apex"), ("01", 59)):
        workbook.active.append(row)
    workbook.active[cell].number_format = "0.00"
    workbook.save(tmp_path / "a.xlsx")
    start = time.perf_counter()
    assert read(tmp_path / "a.xlsx") == [(2, "01", "59")]
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_millions_of_rows_are_refused_before_they_are_read(tmp_path, suffix):
    path = sheet(tmp_path / "a.xlsx", ("01", 59)) if suffix == ".xlsx" else tmp_path / "a.csv"
    if suffix == ".xlsx":
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/worksheets/sheet2.xml", b"<row r='1'></row>" * 8_000_000)
    else:
        with path.open("wb") as file:
            file.truncate(100 * 2**20)
    start = time.perf_counter()
    with pytest.raises(DataError, match=r"(unpacks to|far more than labels need).* keep its header"):
        read(path)
    assert time.perf_counter() - start < 2


def test_a_row_beyond_the_last_of_excel_is_refused(tmp_path):
    path = sheet(tmp_path / "a.xlsx", ("01", 59))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    parts[name] = parts[name].replace(
        b"</sheetData>", b'<row r="900000000"><c r="A900000000"><v>1</v></c></row></sheetData>'
    )
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    with pytest.raises(DataError, match="more than 1,048,576 rows"):
        read(path)


@pytest.mark.parametrize("sign", [";", "\t", ","])
def test_the_sign_that_separates_is_found_behind_a_preamble_full_of_commas(tmp_path, sign):
    lines = ["Codes, version 2, of 2014, as csv", f"Subject{sign}Apex", f"01{sign}59", f'"0,2"{sign}60']
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8")
    if sign == ",":
        lines.pop()
    assert read(tmp_path / "a.csv")[:1] == [(3, "01", "59")]


def test_cells_that_keep_their_zeros_as_formulas_of_text(tmp_path):
    (tmp_path / "a.csv").write_text('Subject,Apex\n"=""006""",59\n=1+1,60\n', encoding="utf-8")
    assert read(tmp_path / "a.csv") == [(2, "006", "59"), (3, "=1+1", "60")]


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_duplicate_columns_are_refused(tmp_path, suffix):
    workbook = openpyxl.Workbook()
    workbook.active.append(["Subject", "Apex", " apex"])
    workbook.save(tmp_path / "a.xlsx")
    (tmp_path / "a.csv").write_text("Subject,Apex, apex\n01,1,2\n")
    with pytest.raises(DataError, match="two columns are called Apex; remove one of them"):
        read(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("dataset", "build", "name"), [("casme2", trees.casme2, trees.LABEL_FILE), ("samm", trees.samm, trees.SAMM_FILE)]
)
def test_sheets_of_casme2_and_samm_may_be_csv(tmp_path, sign, dataset, build, name):
    by_workbook = load_clips(dataset, build(tmp_path))
    rows = openpyxl.load_workbook(tmp_path / name).active.iter_rows(values_only=True)
    with (tmp_path / name).with_suffix(".csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=sign).writerows(rows)
    assert load_clips(dataset, tmp_path) == by_workbook  # of both, the workbook is read
    (tmp_path / name).unlink()
    assert load_clips(dataset, tmp_path) == by_workbook
