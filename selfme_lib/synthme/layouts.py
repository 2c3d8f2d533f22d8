"""Where the files of a data set lie: as in CASME II, SMIC-HS or SAMM, so that the readers for the real ones read this one."""

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from openpyxl import Workbook

from selfme_lib.runtime.files import atomic_path

from .sensor import encode


@dataclass(frozen=True)
class Layout:
    """The conventions of one data set: templates for names of subjects, clips, clips' folders and frames; how many clips of each
    class, and of none, the real data set has; and whether its frames are grey."""

    subject: str
    name: str
    folder: str
    frame: str
    class_counts: Mapping[str, int]
    others: int = 0
    grey: bool = False


LAYOUTS = {
    "casme2": Layout(
        subject="{person:02d}",
        name="EP{session:02d}_{take:02d}f",
        folder="Cropped/sub{subject}/{name}",
        frame="reg_img{number}.jpg",
        class_counts={"negative": 88, "positive": 32, "surprise": 25},
        others=99,
    ),
    "smic": Layout(
        subject="{person:02d}",
        name="s{person}_{kind:.2}_{count:02d}",
        folder="HS/s{person}/micro/{kind}/{name}",
        frame="reg_image{number:06d}.bmp",
        class_counts={"negative": 70, "positive": 51, "surprise": 43},
    ),
    "samm": Layout(
        subject="{person:03d}",
        name="{subject}_{session}_{take}",
        folder="{subject}/{name}",
        frame="{subject}_{number:05d}.jpg",
        class_counts={"negative": 92, "positive": 26, "surprise": 15},
        others=26,
        grey=True,
    ),
}


@dataclass(frozen=True)
class ClipFiles:
    """The files of one clip: subject and name as labels have them, and the folder below the root."""

    layout: str
    subject: str
    name: str
    folder: Path

    def frame_name(self, number: int) -> str:
        return LAYOUTS[self.layout].frame.format(subject=self.subject, number=number)

    def encode(self, picture: np.ndarray, quality: int) -> bytes:
        return encode(picture, Path(LAYOUTS[self.layout].frame).suffix, quality, grey=LAYOUTS[self.layout].grey)


def clip_files(layout: str, person: int, clip: int, kind: str, count: int) -> ClipFiles:
    """Files of a person's clip: persons count from 1, clips from 0; it is the person's `count`-th clip of the class `kind`."""
    conventions = LAYOUTS[layout]
    subject = conventions.subject.format(person=person)
    values = {"person": person, "subject": subject, "kind": kind, "count": count}
    name = conventions.name.format(session=clip // 4 + 1, take=clip % 4 + 1, **values)
    return ClipFiles(layout, subject, name, folder=Path(conventions.folder.format(name=name, **values)))


LABEL_SHEETS = {"casme2": "CASME2-coding-synthme.xlsx", "samm": "SAMM_Micro_FACS_Codes_synthme.xlsx"}
# the header of CASME2-coding-20140508.xlsx; the two blank columns are in the original
CODING_COLUMNS = (
    "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units", "Estimated Emotion",
)  # fmt: skip
# the header of SAMM_Micro_FACS_Codes_v2.xlsx
FACS_COLUMNS = (
    "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro",
    "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
)  # fmt: skip
FACS_PREAMBLE = (
    "SynthME in the layout of SAMM. Rendered faces, no recordings.",
    "Onset, apex and offset are numbers of frames.",
    "Duration counts frames, both ends included.",
)
FACS_HEADER_ROW = 14
FACS_EMOTIONS = {"repression": "contempt"}  # SAMM lacks the one, CASME II the other


def write_label_sheet(path: Path, layout: str, rows: Sequence[tuple]) -> None:
    """Write the label file of a layout in `LABEL_SHEETS`; the same rows give the same bytes.

    Rows are: subject, clip, frame numbers of onset, apex and offset, action units, emotion. SAMM's sheet has the traps of the
    original: text before the header, and a Duration that is a formula.
    """
    book = Workbook()
    sheet = book.active
    if layout == "casme2":
        sheet.title = "Sheet1"
        sheet.append(CODING_COLUMNS)
        for subject, clip, onset, apex, offset, units, emotion in rows:
            sheet.append((subject, clip, None, onset, apex, offset, None, units, emotion))
    else:
        for number, line in enumerate(FACS_PREAMBLE, start=1):
            sheet.cell(number, 1, line)
        for column, title in enumerate(FACS_COLUMNS, start=1):
            sheet.cell(FACS_HEADER_ROW, column, title)
        for number, (subject, clip, onset, apex, offset, units, emotion) in enumerate(rows, FACS_HEADER_ROW + 1):
            duration, emotion = f"=F{number}-D{number}+1", FACS_EMOTIONS.get(emotion, emotion).capitalize()
            sheet.append((subject, clip, None, onset, apex, offset, duration, None, units, emotion))
    save_workbook(book, path)


def save_workbook(book: Workbook, path: Path) -> None:
    """Write a workbook of which every byte depends on its cells alone."""
    buffer = BytesIO()
    book.save(buffer)
    with atomic_path(path) as temporary, zipfile.ZipFile(buffer) as source, zipfile.ZipFile(temporary, "w") as target:
        for entry in source.infolist():  # an xlsx file is a zip archive, and keeps the time of writing in two places
            content = source.read(entry)
            if entry.filename == "docProps/core.xml":
                content = re.sub(rb">[^<]*Z</dcterms", b">2014-05-08T00:00:00Z</dcterms", content)
            target.writestr(zipfile.ZipInfo(entry.filename), content, zipfile.ZIP_DEFLATED)
