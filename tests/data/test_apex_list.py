import openpyxl
import pytest
import trees

from selfme_lib.data import load_clips
from selfme_lib.runtime.errors import DataError, UsageError

LINES = ["1,s1_ne_01,36238", "s01,S1_PO_01,36240", "03,s3_po_02,36241", "3,s3_sur_01,36245", "20,s20_ne_01,36242"]


def load(tmp_path, lines, header="subject,clip,apex"):
    if not (tmp_path / "smic").exists():
        trees.smic_cropped(tmp_path / "smic")
    path = tmp_path / "apex.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return load_clips("smic", tmp_path / "smic", apex_rule="list", apex_list=path)


def test_a_list_of_apexes(tmp_path):
    clips = load(tmp_path, [*LINES, "", "9,s9_ne_01,5"])
    assert [clip.key for clip in clips] == trees.SMIC_KEYS
    assert [clip.apex for clip in clips] == [36238, 36240, 36241, 36245, 36242]


def test_columns_in_another_order(tmp_path):
    lines = [";".join(reversed(line.split(","))) for line in LINES]
    assert load(tmp_path, lines, header="Apex;Clip;Subject")[0].apex == 36238


def test_a_list_may_be_a_workbook(tmp_path):
    trees.smic_cropped(tmp_path / "smic")
    workbook = openpyxl.Workbook()
    for row in (["Subject ", "Clip", "Apex"], *(line.split(",") for line in LINES)):
        workbook.active.append(row)
    workbook.save(tmp_path / "apex.xlsx")
    clips = load_clips("smic", tmp_path / "smic", apex_rule="list", apex_list=tmp_path / "apex.xlsx")
    assert [clip.apex for clip in clips] == [36238, 36240, 36241, 36245, 36242]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (LINES[1:], "no row for 1 of 5 clips, the first is 01/s1_ne_01"),
        ([*LINES, LINES[0]], "row 7: 01/s1_ne_01 appears twice"),
        (["1,s1_ne_01,36237", *LINES[1:]], "none of its frames after the onset, 36238 to 36239"),
        (["1,s1_ne_01,middle", *LINES[1:]], "apex 'middle'"),
        (["1,s1_ne_01", *LINES[1:]], "row 2: apex '' of 01/s1_ne_01 is none of its frames"),
        ([], "no row for 5 of 5"),
    ],
)
def test_a_list_that_does_not_fit(tmp_path, lines, words):
    with pytest.raises(DataError, match=words):
        load(tmp_path, lines)


def test_a_list_without_its_columns_and_a_rule_without_its_list(tmp_path):
    with pytest.raises(DataError, match=r"apex\.csv, row 1: no column apex; its columns are subject, clip, peak"):
        load(tmp_path, LINES, header="subject,clip,peak")
    with pytest.raises(DataError, match="row 1: two columns are called apex"):
        load(tmp_path, LINES, header="apex,clip,apex")
    for options in ({"apex_rule": "list"}, {"apex_list": tmp_path / "apex.csv"}):
        with pytest.raises(UsageError, match="belong together"):
            load_clips("smic", tmp_path / "smic", **options)
    with pytest.raises(DataError, match="no such file"):
        load_clips("smic", tmp_path / "smic", apex_rule="list", apex_list=tmp_path / "nowhere.csv")
