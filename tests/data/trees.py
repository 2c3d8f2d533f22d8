"""Small data sets with the traps of the real ones, drawn from noise: no frame of a real subject is needed or used."""

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


def write_image(path: Path, *, size: tuple[int, int] = (20, 24), seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(path)


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
            write_image(root / folder / f"HS/{subject}/micro/{_FOLDERS[emotion]}/{name}/reg_image{number:06d}.bmp")
    write_image(root / folder / "HS/s1/non_micro/s1_non_01/reg_image000001.bmp")
    write_image(root / folder / "NIR/s1/micro/positive/s1_po_09/reg_64773.bmp")
    (root / folder / "HS/s1/micro/Thumbs.db").write_bytes(b"\xd0\xcf")
    return root


def smic_raw(root: Path, *, folder: str = "SMIC_HS_E") -> Path:
    """A small SMIC-HS as recorded; subjects are `s01`, clips `s1_po_01`, numbers are not padded."""
    for name, count in SMIC_CLIPS.items():
        subject = int(name.split("_")[0][1:])
        for number in range(98, 98 + count):  # crosses 100
            write_image(root / folder / f"s{subject:02d}/{name}/image{number}.jpg")
    return root
