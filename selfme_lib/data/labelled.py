"""Data sets with a label file: its rows are matched with the folders on disk.

CASME II, SAMM and CAS(ME)³ differ in names, columns and emotions, which a `Layout` describes; what has to match is the
same. Each row needs its folder, with the onset and the apex in it; each folder should have a row; a subject that is
labelled but has no folder is missing.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .clips import THREE_CLASSES, Clip, DatasetContents, LeftOut, by_subject, class_of
from .coding import CodingRow, Scheme, canonical, known_slip, read_coding
from .faults import Fault, FaultyData
from .spreadsheets import SUFFIXES
from .tree import (
    FrameFolder,
    Subjects,
    find_flat,
    find_frames,
    flat_folders,
    ignored,
    is_marked_cropped,
    list_folder,
    list_frames,
    subject_folders,
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a data set with a label file lies on disk."""

    dataset: str
    fps: float
    label_file: re.Pattern[str]  # its name
    label_example: str  # such a name, shown in error messages
    scheme: Scheme  # how the label file is written
    subjects: Subjects
    inner: str = "."  # where the frames are, in a clip's folder
    flat: re.Pattern[str] | None = (
        None  # a clip's folder where all lie side by side: the subject's number, the clip's name
    )
    frame: re.Pattern[str]  # the name of a frame; see `tree.list_frames`
    frame_example: str  # such a name, shown in error messages


def read_labelled(
    root: Path,
    layout: Layout,
    *,
    classes: Sequence[str] = THREE_CLASSES,
    dataset: str | None = None,
    fps: float | None = None,
) -> DatasetContents:
    """Read a data set with a label file.

    Args:
        root: the data set's folder, or the folder that holds the subjects' folders.
        layout: how it lies on disk.
        classes: of the protocol; a clip's label is an index into them.
        dataset: the name that the clips get instead of the layout's, if another data set lies on disk as this one does.
        fps: their frame rate, likewise.

    Raises:
        DataError: no frames, no label file, one that cannot be used at all, or two folders for one subject or clip.
            Whatever is wrong with single rows and clips is returned as faults.
    """
    known = layout.scheme.classes.items()
    scheme = replace(layout.scheme, classes={name: class_of(name, of_three, classes) for name, of_three in known})
    digits, flat = layout.subjects.digits, find_flat(root, layout.flat) if layout.flat else None
    if flat is None or layout.flat is None:
        frames_folder, faults = find_frames(root, layout.subjects)
        subjects, strange = subject_folders(frames_folder, layout.subjects)
        folders, stray_files = _clip_folders(subjects, layout)
        strange += stray_files
    else:
        frames_folder, faults = flat, []
        folders, strange = flat_folders(flat, layout.flat, digits)
        subjects = {subject: flat for subject, _ in folders}
    label_file = _find_label_file(root, frames_folder, layout)
    strays = {path for path in strange if not layout.label_file.fullmatch(path.name)}
    coding = read_coding(label_file, scheme, digits)
    faults += coding.faults

    marked = is_marked_cropped(frames_folder)
    labels: dict[str | None, int] = {name: label for label, name in enumerate(classes)}
    clips, left_out, incomplete = [], coding.left_out, []
    listed: dict[Path, FrameFolder] = {}
    missing_subjects: dict[str, list[int]] = {}
    for row in coding.rows:
        if reason := _reason_to_leave_out(row):
            left_out.append(LeftOut(subject=row.subject, name=row.name, reason=reason))
            continue
        if row.subject not in subjects:
            missing_subjects.setdefault(row.subject, []).append(row.row)
            continue
        place = next((key for name in (row.name, row.folder) if (key := (row.subject, name.lower())) in folders), None)
        folder = folders[place] if place else subjects[row.subject] / row.folder
        try:
            if folder not in listed:
                listed[folder] = _list_clip(folder, row.subject, layout)
            frames = listed[folder]
            _check_moments(folder, frames, row)
        except FaultyData as error:
            if row.row in scheme.slips and folder in listed:
                reason = known_slip(row.row, error.fault.problem)
                left_out.append(LeftOut(subject=row.subject, name=row.name, reason=reason))
            else:
                faults.append(replace(error.fault, problem=f"{error.fault.problem} (label file, row {row.row})"))
            continue
        strays.update(frames.strays)
        if missing := frames.missing(row.onset, row.offset):
            incomplete.append((folder, missing))
        inside = [not scheme.recordings or row.onset <= number <= row.offset for number in frames.numbers]
        clip = Clip(
            dataset=dataset or layout.dataset,
            subject=row.subject,
            name=row.name,
            frames=tuple(path for path, its in zip(frames.paths, inside) if its),
            frame_numbers=tuple(number for number, its in zip(frames.numbers, inside) if its),
            onset=row.onset,
            apex=row.apex,
            offset=row.offset,
            emotion=row.emotion,
            label=labels[row.class_name],
            action_units=row.action_units,
            fps=layout.fps if fps is None else fps,
            cropped=marked or frames.kind.startswith("reg_"),
        )
        clips.append(clip)
    for subject, name in set(folders) - coding.named:
        folder = folders[subject, name]
        name = (folder if layout.inner == "." or flat else folder.parent).name.strip()
        left_out.append(LeftOut(subject=subject, name=name, reason="frames but no label"))

    for subject, numbers in sorted(missing_subjects.items()):
        count, first = len(numbers), numbers[0]
        problem = f"subject {subject} is missing: no folder for {count} labelled clips (label file, row {first})"
        faults.append(Fault("error", frames_folder, problem, "copy the subject, or remove its rows to do without it"))
    for folder, count in incomplete:
        problem = f"{count} of the frames between onset and offset are missing; onset and apex are there"
        faults.append(Fault("note", folder, problem, "nothing to do, or copy the clip again"))
    faults += ignored(frames_folder, strays)
    return DatasetContents(
        clips=tuple(sorted(clips, key=by_subject)),
        left_out=tuple(sorted(left_out, key=by_subject)),
        faults=tuple(faults),
    )


def _find_label_file(root: Path, frames_folder: Path, layout: Layout) -> Path:
    """It lies on the way to the frames or up to two levels above `root`, or there in a folder `annotation`."""
    way = [folder for folder in (frames_folder, *frames_folder.parents) if folder.is_relative_to(root)]
    for folders in (way[::-1], *([folder] for folder in Path(os.path.realpath(root)).parents[:2])):
        inside = [child for folder in folders for child in list_folder(folder)[0] if "annotation" in child.name.lower()]
        files = [
            path
            for folder in (*folders, *inside)
            for path in list_folder(folder)[1]
            if layout.label_file.fullmatch(path.name)
        ]
        by_type = ([path for path in files if path.suffix.lower() == suffix] for suffix in SUFFIXES)
        usable = next(filter(None, by_type), [])
        if len(usable) > 1:
            names = ", ".join(os.path.relpath(path, root) for path in usable)
            raise FaultyData(folders[0], f"several label files: {names}", "keep one of them")
        if usable:
            return usable[0]
        if files:
            kinds = " or ".join(SUFFIXES)
            raise FaultyData(files[0], f"the label file is not {kinds}", f"save it as {kinds}")
    raise FaultyData(root, f"no label file {layout.label_example} beside the frames or above them", "copy it there")


def _clip_folders(subjects: dict[str, Path], layout: Layout) -> tuple[dict[tuple[str, str], Path], list[Path]]:
    """Subject and name of a folder, as the label file writes it but in lower case → its frames; and files beside such folders."""
    clips: dict[tuple[str, str], Path] = {}
    strays = []
    for subject, path in subjects.items():
        folders, files = list_folder(path)
        strays += files
        for folder in folders:
            match = layout.scheme.folder.fullmatch(folder.name.strip())
            name = (folder.name.strip() if match is None else canonical(match, layout.subjects.digits)).lower()
            if match and match.groups() and int(match[1]) != int(subject):
                problem = f"a clip of subject {match[1]} in the folder of subject {subject}"
                raise FaultyData(folder, problem, "move it to its own subject")
            if (subject, name) in clips:
                raise FaultyData(folder, f"the same clip as {clips[subject, name].name}", "keep one of them")
            clips[subject, name] = folder / layout.inner
    return clips, strays


def _reason_to_leave_out(row: CodingRow) -> str | None:
    """Why the protocol does not use this row."""
    if row.class_name is None:
        return f"emotion {row.emotion!r} belongs to none of the classes"
    if row.apex is None:
        return "no apex frame in the label file"
    if row.apex == row.onset:
        return "the apex is the onset: no motion"
    return None


def _list_clip(folder: Path, subject: str, layout: Layout) -> FrameFolder:
    if not folder.is_dir():
        remedy = "copy the clip, or remove its row to do without it"
        raise FaultyData(folder, "labelled, but the folder is missing", remedy)
    frames = list_frames(folder, layout.frame)
    if not frames.numbers:
        raise FaultyData(folder, f"no frames named like {layout.frame_example}", "copy the clip again")
    if frames.kind.isdigit() and int(frames.kind) != int(subject):
        problem = f"frames of subject {frames.kind} in a clip of subject {subject}"
        raise FaultyData(folder, problem, "move them to their own clip")
    return frames


def _check_moments(folder: Path, frames: FrameFolder, row: CodingRow) -> None:
    for moment, number in (("onset", row.onset), ("apex", row.apex)):
        if number not in frames.numbers:
            problem = f"no {moment} frame {number}, only {frames.numbers[0]} to {frames.numbers[-1]}"
            raise FaultyData(folder, problem, "copy the clip again or correct its row")
