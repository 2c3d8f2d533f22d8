"""Small data sets with the traps of the real ones, drawn from noise: no frame of a real subject is needed or used."""

import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import openpyxl
from PIL import Image

HEADER = [
    "Subject", "Filename", None, "OnsetFrame ", "ApexFrame", "OffsetFrame", None, "Action Units", "Estimated Emotion  ",
]  # fmt: skip
LABEL_FILE = "CASME2-coding-20140508.xlsx"


@dataclass(frozen=True)
class Row:
    """A row of the label file and the frames on disk that go with it."""

    subject: object
    name: str
    onset: object
    apex: object
    offset: object
    action_units: object
    emotion: str
    frames: range = field(default=range(0))

    @property
    def folder(self) -> str:
        return f"sub{int(self.subject):02d}/{self.name}"

    def cells(self) -> list[object]:
        return [
            self.subject,
            self.name,
            None,
            self.onset,
            self.apex,
            self.offset,
            None,
            self.action_units,
            self.emotion,
        ]


ROWS = (
    Row("01", "EP02_01f", 46, 59, 61, "4+7", "disgust", range(46, 62)),
    Row("01", "EP19_05f", 8, 11, 14, 12, "happiness", range(8, 15)),
    Row(2, "EP01_11f", 96, 101, 104, "R2+15", "repression", range(96, 105)),
    Row("2", "EP03_02f ", 1, 4, 12, "?", " Surprise", range(1, 13)),
    Row(2, "EP08_04", 1, 4, 6, None, "others", range(1, 7)),
    Row("04", "EP12_01f", 261, "/", 265, 4, "repression", range(261, 266)),
    Row("05", "EP09_05f", 7, 7, 10, "4", "disgust", range(7, 11)),
    Row(11.0, "EP15_01f", "3", " 5 ", 9.0, "L14", "happiness", range(3, 10)),
    Row("16", "EP01_08", 73, 75, 80, "15", "repression", range(73, 78)),  # cut off before its offset
    Row("20", "EP01_03", 1, 2, 3, "1", "sadness"),  # labelled, unused, no frames
)
USED = ("01/EP02_01f", "01/EP19_05f", "02/EP01_11f", "02/EP03_02f", "11/EP15_01f", "16/EP01_08")


def write_image(path: Path, *, size: tuple[int, int] = (20, 24), seed: object = 0, grey: bool = False) -> None:
    """Noise that depends on the seed, a number or any text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed if isinstance(seed, int) else zlib.crc32(str(seed).encode()))
    Image.fromarray(generator.integers(0, 256, size[::-1] if grey else (*size[::-1], 3), dtype=np.uint8)).save(path)


def write_label_file(path: Path, rows=ROWS, header=HEADER) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    workbook = openpyxl.Workbook()
    workbook.active.append(header)
    for row in rows:
        workbook.active.append(row.cells() if isinstance(row, Row) else list(row))
    workbook.save(path)


def casme2(root: Path, *, rows=ROWS, frames: str = "Cropped", prefix: str = "reg_", label_folder: str = ".") -> Path:
    """A small CASME II with its traps; six of its clips are used."""
    write_label_file(root / label_folder / LABEL_FILE, rows)
    for row in rows:
        for number in row.frames:
            write_image(root / frames / row.folder.strip() / f"{prefix}img{number}.jpg", seed=number)
    for number in range(3):
        write_image(root / frames / f"sub09/EP02_02f/{prefix}img{number + 1}.jpg")  # frames without a label
    (root / frames / "sub01/Desktop - Shortcut.lnk").write_bytes(b"L\0")
    (root / frames / "sub01/EP02_01f/Thumbs.db").write_bytes(b"\xd0\xcf")
    (root / frames / f"sub01/EP02_01f/._{prefix}img46.jpg").write_bytes(b"\0")
    return root


SMIC_CLIPS = {"s1_po_01": 4, "s1_ne_01": 3, "s3_sur_01": 12, "s3_po_02": 5, "s20_ne_01": 6}
SMIC_KEYS = ["01/s1_ne_01", "01/s1_po_01", "03/s3_po_02", "03/s3_sur_01", "20/s20_ne_01"]
_FOLDERS = {"po": "positive", "ne": "negative", "sur": "surprise"}


def smic_cropped(root: Path, *, folder: str = "SMIC_all_cropped", first: int = 36237) -> Path:
    """A small SMIC-HS as cropped by its authors, with the folders of the other cameras beside it."""
    for name, count in SMIC_CLIPS.items():
        subject, emotion, _ = name.split("_")
        for number in range(first, first + count):
            path = root / folder / f"HS/{subject}/micro/{_FOLDERS[emotion]}/{name}/reg_image{number:06d}.bmp"
            write_image(path, seed=f"{name} {number}")
    write_image(root / folder / "HS/s1/non_micro/s1_non_01/reg_image000001.bmp")
    write_image(root / folder / "NIR/s1/micro/positive/s1_po_09/reg_64773.bmp")
    (root / folder / "HS/s1/micro/Thumbs.db").write_bytes(b"\xd0\xcf")
    return root


def smic_raw(root: Path, *, folder: str = "SMIC_HS_E") -> Path:
    """A small SMIC-HS as recorded; subjects are `s01`, clips `s1_po_01`, numbers are not padded."""
    for name, count in SMIC_CLIPS.items():
        subject = int(name.split("_")[0][1:])
        for number in range(98, 98 + count):  # crosses 100
            write_image(root / folder / f"s{subject:02d}/{name}/image{number}.jpg", seed=f"{name} {number}")
    return root


SAMM_FILE = "SAMM_Micro_FACS_Codes_v2.xlsx"
SAMM_HEADER = [
    "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro",
    "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
]  # fmt: skip
SAMM_ROWS = (  # subject, clip, onset, apex, offset, action units, emotion
    ("006", "006_1_2", 9, 11, 14, "13 or A12", "Happiness"),
    (6, "006_1_3", 99, 102, 104, 4, "Anger"),
    ("007", "007_3_1", 5562, 5564, 5566, "L14", "Contempt"),
    ("007", "007_6_1", 7, 9, 12, "1+2", " Surprise"),
    ("7", "7_6_2", 1000, 1003, 1004, "4+7", "Disgust"),
    ("011", "011_1_1", 1, 2, 4, "17", "Other"),
)
SAMM_KEYS = ["006/006_1_2", "006/006_1_3", "007/007_3_1", "007/007_6_1", "007/007_6_2"]


def write_samm_file(path: Path, rows=SAMM_ROWS, header=SAMM_HEADER) -> None:
    """A preamble of 13 rows, the header in row 14, a Duration that is a formula."""
    path.parent.mkdir(parents=True, exist_ok=True)
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet["A1"], sheet["B5"], sheet["A9"] = "SAMM Micro-expression FACS codes", "Onset Frame: the first", "Subject"
    for column, title in enumerate(header, start=1):
        sheet.cell(14, column, title)
    for number, (subject, name, onset, apex, offset, units, emotion) in enumerate(rows, start=15):
        formula = f"=F{number}-D{number}+1"
        sheet.append([subject, name, "A", onset, apex, offset, formula, "Micro - 1/2", units, emotion, "I", None])
    workbook.save(path)


def samm(root: Path, *, rows=SAMM_ROWS) -> Path:
    """A small SAMM with its traps; five of its clips are used."""
    write_samm_file(root / SAMM_FILE, rows)
    for subject, name, onset, _, offset, _, _ in rows:
        digits = 4 if name == "007_6_1" else 5  # six clips of the real one pad their numbers in another way
        folder = root / f"{int(subject):03d}" / (name if name != "7_6_2" else "007_6_2")
        for number in range(onset, offset + 1):
            path = folder / f"{int(subject):03d}_{number:0{digits}d}.jpg"
            write_image(path, seed=f"{name} {number}", grey=True)
    return root


CASME3_FILE = "cas(me)3_part_A_ME_label_JpgIndex_v2"
CASME3_HEADER = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"]
CASME3_ROWS = (
    ("spNO.1", "b", 175, 178, 180, "4+7", 4, "Disgust"),
    ("spNO.1", "b", 184, 186, 188, 12, 1, "Happy"),  # the same recording
    ("spNO.1", "g", 9, 11, 12, "1+2", 2, "Surprise"),
    ("spNO.2", "a", 1, 3, 5, "15", 3, "sad"),
    ("spNO.2", "a", 1, 4, 6, "15", 3, "Others"),
)
CASME3_KEYS = ["001/b_175", "001/b_184", "001/g_9", "002/a_1"]


def write_casme3_file(root: Path, rows=CASME3_ROWS, *, suffix: str = ".xlsx") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    path = root / f"{CASME3_FILE}{suffix}"
    if suffix == ".csv":
        lines = [",".join(map(str, row)) for row in (CASME3_HEADER, *rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")  # as Excel writes it
        return path
    workbook = openpyxl.Workbook()
    for row in (CASME3_HEADER, *rows):
        workbook.active.append(row)
    workbook.save(path)
    return path


def casme3(root: Path, *, rows=CASME3_ROWS[:-1], suffix: str = ".xlsx") -> Path:
    """A small part A of CAS(ME)3: recordings in colour, with depth beside them."""
    write_casme3_file(root, rows, suffix=suffix)
    for subject, recording, first, last in (("1", "b", 170, 190), ("1", "g", 8, 13), ("2", "a", 1, 6)):
        for number in range(first, last + 1):
            folder = root / f"spNO.{subject}" / recording
            write_image(folder / f"color/{number}.jpg", seed=f"{subject} {recording} {number}")
        write_image(folder / "depth/175.png")
    return root


def write_table(path: Path, rows) -> Path:
    """A table as .xlsx, or as .csv with semicolons, as a European Excel writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        lines = [";".join("" if cell is None else str(cell) for cell in row) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
        return path
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    workbook.save(path)
    return path


MMEW_ROWS = (
    ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion", "remarks"),
    (1, "S01-01-001", 1, 3, 5, "4+7", "anger", None),
    ("S13", "S13-07-001", 2, 4, 5, "12", "Happiness", None),
    (13, "S13-05-002", 1, 4, 4, "1+2", "surprise", None),
    (13, "S13-02-003", 1, 2, 4, "9", "others", None),
    (2, "S02-02-003", 1, "/", 4, "9", "disgust", None),
)
MMEW_KEYS = ["01/S01-01-001", "13/S13-05-002", "13/S13-07-001"]


def mmew(root: Path) -> Path:
    """A small MMEW: clips in folders of their emotion, macro-expressions beside them."""
    write_table(root / "MMEW_Micro_Exp.xlsx", MMEW_ROWS)
    for _, name, _, _, offset, _, emotion, _ in MMEW_ROWS[1:]:
        for number in range(1, offset + 1):
            write_image(root / f"Micro_Expression/{emotion.lower()}/{name}/{number}.jpg", seed=f"{name} {number}")
    write_image(root / "Macro_Expression/S01/anger/S01-01-001.jpg")
    return root


FOURDME_ROWS = (
    ("sub_ID", "fold_name", "Onset", "Apex", "Offset", "AUs", "Emotion"),
    ("S01", "S01_1st_001_01", 2488, 2490, 2492, "AU4", "Negative"),
    ("S01", "S01_1st_002_01", 10, 11, 13, "AU12", "Positive"),
    ("S02", "S02_1st_001_01", 5, 6, 9, "AU1+2", "Surprise"),
    ("S02", "S02_1st_001_02", 5, 6, 9, "AU1+12", "Surprise+Positive"),
    ("S02", "S02_1st_001_03", 5, 6, 9, "AU14", "Repression"),
)
FOURDME_KEYS = ["01/S01_1st_001_01", "01/S01_1st_002_01", "02/S02_1st_001_01"]


def fourdme(root: Path) -> Path:
    """A small 4DME in shades of grey, recorded and cropped; the crops count their frames from 1."""
    write_table(root / "4DME_Labelling_Micro_release v1.xlsx", FOURDME_ROWS)
    for subject, name, onset, _, offset, _, _ in FOURDME_ROWS[1:]:
        for number in range(onset, offset + 1):
            write_image(root / f"gray_micro/{subject}/{name}/frame{number}.jpg", seed=f"{name} {number}", grey=True)
            crop = root / f"gray_micro_crop/{subject}/{name}/{number - onset + 1}.jpg"
            write_image(crop, seed=f"{name} {number}", grey=True)
    return root


FOLDER_ROWS = (
    ("Subject", "clip", "onset", "apex", "offset", "label", "action_units", "fps"),
    ("anna", "smile", 8, 10, 12, "positive", "12", 120),
    ("anna", "frown", 96, 99, 101, "anger", "4", 120),
    ("ben", "smile", 1, 2, 4, 1, "12", 60),
    ("ben", "start", 20, 23, 25, "Surprise", "1+2", 60),
    ("ben", "blink", 20, 23, 25, "other", "45", 60),
)
FOLDER_KEYS = ["anna/frown", "anna/smile", "ben/smile", "ben/start"]


def own_folder(root: Path, *, rows=FOLDER_ROWS, suffix: str = ".csv") -> Path:
    """Recordings of one's own; numbers are not padded, more frames are there than are labelled."""
    write_table(root / f"labels{suffix}", rows)
    for subject, name, first, last in (("anna", "smile", 7, 13), ("anna", "frown", 95, 102), ("ben", "smile", 1, 5)):
        for number in range(first, last + 1):
            write_image(root / f"{subject}/{name}/img_{number}.png", seed=f"{subject} {name} {number}")
    for number in range(20, 26):
        write_image(root / f"faces/start/{number}.bmp", seed=number)
        write_image(root / f"faces/blink/{number}.bmp", seed=-number % 99)
    return root


def composite(root: Path) -> Path:
    casme2(root / "CASME II")
    smic_cropped(root / "SMIC")
    samm(root / "samm")
    return root
