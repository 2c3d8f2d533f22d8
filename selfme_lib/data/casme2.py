"""CASME II (Yan et al., PLOS ONE 2014): 26 subjects, 200 frames a second, labels in one Excel file.

    CASME2-coding-20140508.xlsx
    Cropped/sub01/EP02_01f/reg_img46.jpg                cropped and registered by the authors
    Cropped-updated/Cropped/sub01/EP02_01f/…            the same in a later release
    CASME2_RAW_selected/sub01/EP02_01f/img46.jpg        as recorded

Three classes of the MEGC 2019 protocol: disgust and repression are negative, happiness positive, surprise surprise. It
uses 145 clips of 24 subjects: without a clip that has no apex (sub04/EP12_01f) and one whose apex is its onset
(sub05/EP09_05f). Two clips have frames and no label (sub09/EP02_02f, sub24/EP02_07). In the cropped release
sub16/EP01_08 ends at frame 96, before its offset 110: its apex is there, so it is used.
"""

import re
from dataclasses import replace
from pathlib import Path

from selfme_lib.data.clips import CLASSES, Clip, Fault, FaultyData, LeftOut, Reading
from selfme_lib.data.coding import EMOTIONS, CodingRow, read_coding
from selfme_lib.data.tree import (
    FrameFolder,
    choose_folder,
    folders_of_subjects,
    ignored,
    list_folder,
    list_frames,
    subject_folders,
)

_SUBJECT = re.compile(r"sub([0-9]{1,4})", re.IGNORECASE)
_LABEL_FILE = re.compile(r"casme.*coding.*", re.IGNORECASE)


def read(root: Path, *, dataset: str = "casme2", fps: float = 200.0) -> Reading:
    """Read CASME II, or a data set that lies on disk as CASME II does.

    Args:
        root: the data set's folder, or the folder that holds `sub01`, `sub02`, …
        dataset: the name that the clips get.
        fps: their frame rate.

    Raises:
        DataError: no frames or no label file, or one that is useless as a whole. What is wrong with single rows and
            clips is returned as faults.
    """
    frames_folder, faults = _find_frames(root)
    coding = read_coding(_find_label_file(root, frames_folder))
    faults += coding.faults
    clip_folders, strays = _clip_folders(frames_folder)

    clips, left_out, incomplete = [], [], []
    for row in coding.rows:
        if reason := _reason_to_leave_out(row):
            left_out.append(LeftOut(subject=row.subject, name=row.name, reason=reason))
            continue
        folder = clip_folders.get((row.subject, row.name), frames_folder / f"sub{row.subject}" / row.name)
        try:
            frames = _frames(folder, row)
        except FaultyData as error:
            faults.append(replace(error.fault, problem=f"{error.fault.problem} (label file, row {row.row})"))
            continue
        strays += frames.strays
        if missing := frames.missing(row.onset, row.offset):
            incomplete.append((folder, len(missing)))
        clips.append(_clip(row, frames, dataset, fps))
    for subject, name in sorted(set(clip_folders) - coding.named):
        left_out.append(LeftOut(subject=subject, name=name, reason="frames but no label"))

    faults += [
        Fault(
            severity="note",
            file=folder,
            problem=f"{count} of the frames between onset and offset are not there, onset and apex are",
            remedy="nothing to do, or copy the clip again",
        )
        for folder, count in incomplete
    ]
    faults += ignored(frames_folder, strays)
    return Reading(
        clips=tuple(sorted(clips, key=lambda clip: (clip.subject, clip.name))),
        left_out=tuple(sorted(left_out, key=lambda clip: (clip.subject, clip.name))),
        faults=tuple(faults),
    )


def _reason_to_leave_out(row: CodingRow) -> str | None:
    """Why the official list of 145 clips has no place for this row."""
    if not row.used:
        return f"emotion {row.emotion!r} belongs to none of the three classes"
    if row.apex is None:
        return "no apex frame in the label file"
    if row.apex == row.onset:
        return "the apex is the onset: no motion"
    return None


def _find_frames(root: Path) -> tuple[Path, list[Fault]]:
    found = folders_of_subjects(root, _SUBJECT)
    if not found:
        raise FaultyData(
            file=root,
            problem="no folders sub01, sub02, … in it or up to two levels below",
            remedy="give the folder of CASME II, which holds Cropped or CASME2_RAW_selected",
        )
    return choose_folder(root, found, preferred=("updated", "cropped"))


def _find_label_file(root: Path, frames_folder: Path) -> Path:
    """The label file: in `root` or on the way to the frames; if `root` holds the frames, up to two levels above it."""
    if frames_folder == root:
        places = [[root], *([folder] for folder in root.resolve().parents[:2])]
    else:
        places = [[folder for folder in frames_folder.parents if folder.is_relative_to(root)] + [frames_folder]]
    for folders in places:
        files = [path for folder in folders for path in list_folder(folder)[1] if _LABEL_FILE.fullmatch(path.name)]
        workbooks = [path for path in files if path.suffix.lower() == ".xlsx"]
        if len(workbooks) > 1:
            names = ", ".join(str(path.relative_to(folders[0])) for path in workbooks)
            raise FaultyData(file=folders[0], problem=f"several label files: {names}", remedy="keep one of them")
        if workbooks:
            return workbooks[0]
        if files:
            raise FaultyData(file=files[0], problem="the label file is no .xlsx", remedy="save it as .xlsx")
    problem = "no label file CASME2-coding-….xlsx beside the frames or above them"
    raise FaultyData(file=root, problem=problem, remedy="copy it there")


def _clip_folders(frames_folder: Path) -> tuple[dict[tuple[str, str], Path], list[Path]]:
    """(subject, clip) → folder, and what lies where only subjects and clips belong."""
    subjects, strays = subject_folders(frames_folder, _SUBJECT)
    found = {}
    for subject, folder in subjects.items():
        folders, files = list_folder(folder)
        found |= {(subject, path.name): path for path in folders}
        strays += files
    return found, [path for path in strays if not _LABEL_FILE.fullmatch(path.name)]


def _frames(folder: Path, row: CodingRow) -> FrameFolder:
    if not folder.is_dir():
        remedy = "copy the clip, or remove its row if you mean to do without it"
        raise FaultyData(file=folder, problem="labelled, but its folder is not there", remedy=remedy)
    frames = list_frames(folder)
    if not frames.numbers:
        raise FaultyData(file=folder, problem="no frames named reg_img1.jpg or img1.jpg", remedy="copy the clip again")
    for moment, number in (("onset", row.onset), ("apex", row.apex)):
        if number not in frames.numbers:
            raise FaultyData(
                file=folder,
                problem=f"no {moment} frame {number}, only {frames.numbers[0]} to {frames.numbers[-1]}",
                remedy="copy the clip again or correct its row",
            )
    return frames


def _clip(row: CodingRow, frames: FrameFolder, dataset: str, fps: float) -> Clip:
    return Clip(
        dataset=dataset,
        subject=row.subject,
        name=row.name,
        frames=frames.paths,
        frame_numbers=frames.numbers,
        onset=row.onset,
        apex=row.apex,
        offset=row.offset,
        emotion=row.emotion,
        label=CLASSES.index(EMOTIONS[row.emotion]),
        action_units=row.action_units,
        fps=fps,
    )
