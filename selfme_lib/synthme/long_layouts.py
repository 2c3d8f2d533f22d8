"""Where long videos and their labels lie: as in CAS(ME)² or SAMM Long Videos, so that their readers read them.

    CAS(ME)^2code_synthme.xlsx                           no header; two more sheets map its subjects and videos to folders
    rawpic/s15/15_0101disgustingteeth/img001.jpg         with H.264: rawvideo/s15/15_0101disgustingteeth.avi

    SAMM_LongVideos_synthme.xlsx                         the header in row 10, Duration is a formula
    SAMM_Micro_FACS_Codes_synthme.xlsx                   SAMM's own sheet, which has the emotions of the micro-expressions
    SAMM_longvideos/001_1/001_1_0001.jpg                 grey

Frames count from 1 (Qu et al., IEEE TAFFC 2018; Yap et al., FG 2020). Coders leave a moment out here and there: an offset is 0 in
44 of CAS(ME)²'s 357 rows, an apex is -1 in SAMM Long Videos.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from openpyxl import Workbook

from .action_units import CLASS_OF_EMOTION
from .layouts import save_workbook, write_label_sheet
from .sensor import encode

LongLayoutName = Literal["casme2-long", "samm-long"]


@dataclass(frozen=True)
class LongLayout:
    """The conventions of one data set: frames a second, and templates as in `layouts.Layout`; `video` is empty if it has frames
    only; `first` is the number of the first subject."""

    fps: int
    subject: str
    folder: str
    frame: str
    video: str = ""
    first: int = 1
    grey: bool = False


LONG_LAYOUTS: dict[LongLayoutName, LongLayout] = {
    "casme2-long": LongLayout(
        fps=30,
        subject="{person:02d}",
        folder="rawpic/s{subject}/{name}",
        frame="img{number:03d}.jpg",
        video="rawvideo/s{subject}/{name}.avi",
        first=15,
    ),
    "samm-long": LongLayout(
        fps=200,
        subject="{person:03d}",
        folder="SAMM_longvideos/{name}",
        frame="{name}_{number:04d}.jpg",
        grey=True,
    ),
}
# what the people of CAS(ME)² saw: number and name of the folder, name in the labels
STIMULI = (
    ("0101", "disgustingteeth", "disgust1"), ("0102", "eatingworms", "disgust2"), ("0401", "girlcrashing", "anger1"),
    ("0402", "beatingpregnantwoman", "anger2"), ("0502", "funnyerrors", "happy1"), ("0503", "unnyfarting", "happy2"),
    ("0505", "funnyinnovations", "happy3"), ("0507", "climbingthewall", "happy4"), ("0508", "funnydunkey", "happy5"),
)  # fmt: skip
MOST_VIDEOS = len(STIMULI)
LONG_COLUMNS = (
    "Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type", "Action Units", "Notes",
)  # fmt: skip
LONG_PREAMBLE = ("SynthME in the layout of SAMM Long Videos. Rendered faces, no recordings.", "Frames count from 1.")
LONG_HEADER_ROW = 10
CASME2_SHEET, SAMM_SHEET = "CAS(ME)^2code_synthme.xlsx", "SAMM_LongVideos_synthme.xlsx"
SAMM_EMOTIONS = "SAMM_Micro_FACS_Codes_synthme.xlsx"


@dataclass(frozen=True)
class VideoFiles:
    """The files of one video: whose it is, which of the person's (from 0), and whether it is stored as a video."""

    layout: LongLayoutName
    person: int
    video: int
    as_video: bool

    @property
    def subject(self) -> str:
        layout = LONG_LAYOUTS[self.layout]
        return layout.subject.format(person=self.person + layout.first)

    @property
    def name(self) -> str:
        """Of the folder or file."""
        ending = str(self.video + 1) if self.layout == "samm-long" else "".join(STIMULI[self.video][:2])
        return f"{self.subject}_{ending}"

    @property
    def place(self) -> Path:
        """The folder of frames, or the video file, below the root."""
        layout = LONG_LAYOUTS[self.layout]
        return Path((layout.video if self.as_video else layout.folder).format(subject=self.subject, name=self.name))

    def frame_name(self, number: int) -> str:
        return LONG_LAYOUTS[self.layout].frame.format(name=self.name, number=number)

    def encode(self, picture: np.ndarray, quality: int) -> bytes:
        return encode(picture, ".jpg", quality, grey=LONG_LAYOUTS[self.layout].grey)


@dataclass(frozen=True)
class Label:
    """A row of a label sheet: the `number`-th expression (from 1) of a video. A moment is None if no coder names it."""

    files: VideoFiles
    number: int
    kind: str
    onset: int
    apex: int | None
    offset: int | None
    action_units: str
    emotion: str


def sheets_of(layout: LongLayoutName) -> tuple[str, ...]:
    """Names of the label files."""
    return (CASME2_SHEET,) if layout == "casme2-long" else (SAMM_SHEET, SAMM_EMOTIONS)


def write_long_sheets(root: Path, layout: LongLayoutName, files: Sequence[VideoFiles], labels: Sequence[Label]) -> None:
    """Write the label files of a data set; the same labels give the same bytes."""
    if layout == "casme2-long":
        _write_casme2(root / CASME2_SHEET, files, labels)
    else:
        _write_samm(root / SAMM_SHEET, labels)
        micro = [_with_emotion(label) for label in labels if label.kind == "micro"]
        write_label_sheet(root / SAMM_EMOTIONS, "samm", micro)


def _cell(units: str) -> int | str:
    return int(units) if units.isdigit() else units


def _write_casme2(path: Path, files: Sequence[VideoFiles], labels: Sequence[Label]) -> None:
    book = Workbook()
    coding = book.active
    coding.title = "CASFEcode_final"
    for label in labels:
        name = f"{STIMULI[label.files.video][2]}_{label.number}"
        moments = (label.onset, label.apex or 0, label.offset or 0)
        kind, emotion = CLASS_OF_EMOTION.get(label.emotion, label.emotion), label.emotion
        units = _cell(label.action_units)
        coding.append((label.files.person + 1, name, *moments, units, kind, f"{label.kind}-expression", emotion))
    subjects, videos = book.create_sheet("naming rule1"), book.create_sheet("naming rule2")
    for person, subject in sorted({(one.person + 1, one.subject) for one in files}):
        subjects.append((int(subject), f"s{subject}", person))
    for number, _, name in STIMULI:
        videos.append((number, name))
    save_workbook(book, path)


def _write_samm(path: Path, labels: Sequence[Label]) -> None:
    book = Workbook()
    sheet = book.active
    sheet.title = "FACS_Movement_Only"
    for row, line in enumerate(LONG_PREAMBLE, start=1):
        sheet.cell(row, 1, line)
    for column, title in enumerate(LONG_COLUMNS, start=1):
        sheet.cell(LONG_HEADER_ROW, column, title)
    for row, label in enumerate(labels, LONG_HEADER_ROW + 1):
        files = label.files
        moments = (label.onset, label.apex or -1, label.offset, f"=F{row}-D{row}+1")
        kind = {"micro": "Micro - 1/2", "macro": "Macro"}[label.kind]
        name = f"{files.name}_{label.number}"
        sheet.append((files.subject, name, files.video + 1, *moments, kind, _cell(label.action_units), None))
    save_workbook(book, path)


def _with_emotion(label: Label) -> tuple:
    """A row of SAMM's own sheet, which counts frames from the beginning of a longer recording."""
    files = label.files
    before = 1000 * (files.video + 1) + 37 * files.person
    apex = label.apex or (label.onset + (label.offset or 0)) // 2
    moments = (before + label.onset, before + apex, before + (label.offset or 0))
    units = _cell(label.action_units)
    return (files.subject, f"{files.name}_{label.number}", *moments, units, label.emotion)
