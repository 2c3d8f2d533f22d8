"""Where the files of a data set lie: as in CASME II, SMIC-HS or SAMM, so that the readers for the real ones read this one.

CASME II   `Cropped/sub01/EP02_01f/reg_img46.jpg` and a coding sheet; frame numbers without leading zeros.
SMIC-HS    `HS/s1/micro/positive/s1_po_01/reg_image000046.bmp`; no sheet, the folders are the labels.
SAMM       `006/006_1_2/006_00046.jpg` in grey, and a sheet with 13 rows of words before its header.
"""

import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from openpyxl import Workbook

from selfme_lib.runtime.files import atomic_path

from .action_units import CLASS_OF_EMOTION
from .sensor import encode_bmp, encode_grey_jpeg, encode_jpeg

LAYOUTS = ("casme2", "smic", "samm")
CODING_SHEET = "CASME2-coding-synthme.xlsx"
FACS_SHEET = "SAMM_Micro_FACS_Codes_synthme.xlsx"
# the header of CASME2-coding-20140508.xlsx; the two blank columns are in the original
CODING_COLUMNS = (
    "Subject",
    "Filename",
    None,
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    None,
    "Action Units",
    "Estimated Emotion",
)
# the header of SAMM_Micro_FACS_Codes_v2.xlsx, in its row 14
FACS_COLUMNS = (
    "Subject",
    "Filename",
    "Inducement Code",
    "Onset Frame",
    "Apex Frame",
    "Offset Frame",
    "Duration",
    "Micro",
    "Action Units",
    "Estimated Emotion",
    "Objective Classes",
    "Notes",
)
FACS_PREAMBLE = (
    "SynthME in the layout of SAMM. Rendered faces, no recordings.",
    "Onset, apex and offset are numbers of frames.",
    "Duration counts frames, both ends included.",
)
FACS_HEADER_ROW = 14
FACS_EMOTIONS = {"repression": "contempt"}  # SAMM does not know the one, CASME II not the other
CLASS_COUNTS = {
    "casme2": {"negative": 88, "positive": 32, "surprise": 25},
    "smic": {"negative": 70, "positive": 51, "surprise": 43},
    "samm": {"negative": 92, "positive": 26, "surprise": 15},
}


@dataclass(frozen=True)
class ClipFiles:
    """The files of one clip: its folder below the root and a name for each frame number."""

    subject: str
    name: str
    folder: Path
    frame_name: Callable[[int], str]
    encode: Callable[[np.ndarray, int], bytes]


def casme2_clip(subject: int, clip: int, emotion: str, count: int) -> ClipFiles:
    name = f"EP{clip // 4 + 1:02d}_{clip % 4 + 1:02d}f"
    return ClipFiles(
        subject=f"{subject:02d}",
        name=name,
        folder=Path("Cropped") / f"sub{subject:02d}" / name,
        frame_name=lambda number: f"reg_img{number}.jpg",
        encode=encode_jpeg,
    )


def smic_clip(subject: int, clip: int, emotion: str, count: int) -> ClipFiles:
    kind = CLASS_OF_EMOTION[emotion]
    name = f"s{subject}_{kind[:2]}_{count:02d}"
    return ClipFiles(
        subject=f"{subject:02d}",
        name=name,
        folder=Path("HS") / f"s{subject}" / "micro" / kind / name,
        frame_name=lambda number: f"reg_image{number:06d}.bmp",
        encode=lambda picture, quality: encode_bmp(picture),
    )


def samm_clip(subject: int, clip: int, emotion: str, count: int) -> ClipFiles:
    name = f"{subject:03d}_{clip // 4 + 1}_{clip % 4 + 1}"
    return ClipFiles(
        subject=f"{subject:03d}",
        name=name,
        folder=Path(f"{subject:03d}") / name,
        frame_name=lambda number: f"{subject:03d}_{number:05d}.jpg",
        encode=encode_grey_jpeg,
    )


def clip_files(layout: str, subject: int, clip: int, emotion: str, count: int) -> ClipFiles:
    """Files of a clip.

    Args:
        layout: one of `LAYOUTS`.
        subject: from 1.
        clip: number within the subject, from 0.
        emotion: of the clip.
        count: this is the subject's count-th clip of its class, from 1.
    """
    return {"casme2": casme2_clip, "smic": smic_clip, "samm": samm_clip}[layout](subject, clip, emotion, count)


def write_coding_sheet(root: Path, rows: Sequence[tuple]) -> None:
    """Write CASME II's label file, rows in the order of `CODING_COLUMNS`; the same rows give the same bytes.

    The subject is text ('01'); a single action unit is a number, several are text ('4+7'), as in the original.
    """
    book = Workbook()
    sheet = book.active
    sheet.title = "Sheet1"
    sheet.append(CODING_COLUMNS)
    for row in rows:
        sheet.append(row)
    _save(book, root / CODING_SHEET)


def write_facs_sheet(root: Path, rows: Sequence[tuple]) -> None:
    """Write SAMM's label file from rows in the order of `CODING_COLUMNS`; the same rows give the same bytes.

    With the traps of the original: words before the header, and a Duration that is a formula.
    """
    book = Workbook()
    sheet = book.active
    for number, line in enumerate(FACS_PREAMBLE, start=1):
        sheet.cell(number, 1, line)
    for column, title in enumerate(FACS_COLUMNS, start=1):
        sheet.cell(FACS_HEADER_ROW, column, title)
    for number, (subject, name, _, onset, apex, offset, _, units, emotion) in enumerate(rows, FACS_HEADER_ROW + 1):
        duration = f"=F{number}-D{number}+1"
        emotion = FACS_EMOTIONS.get(emotion, emotion).capitalize()
        sheet.append((subject, name, None, onset, apex, offset, duration, None, units, emotion))
    _save(book, root / FACS_SHEET)


def _save(book: Workbook, path: Path) -> None:
    """Write a workbook of which every byte depends on its cells alone."""
    buffer = BytesIO()
    book.save(buffer)
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(buffer) as source,
        zipfile.ZipFile(temporary, "w") as target,
    ):
        for entry in source.infolist():  # an xlsx file is a zip archive, and keeps the time of writing in two places
            content = source.read(entry)
            if entry.filename == "docProps/core.xml":
                content = re.sub(rb">[^<]*Z</dcterms", b">2014-05-08T00:00:00Z</dcterms", content)
            target.writestr(zipfile.ZipInfo(entry.filename), content, zipfile.ZIP_DEFLATED)


def action_units_cell(action_units: str) -> int | str:
    """'12' -> 12, '6+12' stays text."""
    return int(action_units) if action_units.isdigit() else action_units
