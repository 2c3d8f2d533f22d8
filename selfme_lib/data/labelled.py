"""Data sets with a label file: its rows are matched with the folders on disk.

CASME II, SAMM and CAS(ME)³ differ in names, columns and emotions, which a `Layout` describes; what has to match is the
same. Each row needs its folder, with the onset and the apex in it; each folder should have a row; a subject that is
labelled but has no folder is missing.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .clips import Clip, DatasetContents, LeftOut, by_subject
from .coding import CodingRow, Scheme, canonical, read_coding
from .faults import Fault, FaultyData
from .tree import (
    FrameFolder,
    find_frames,
    find_label_file,
    ignored,
    is_marked_cropped,
    list_folder,
    list_frames,
    subject_folders,
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a data set with a label file lies on disk.

    Attributes:
        scheme: how its label file is written.
        label_file: pattern of the label file's name.
        label_example: its usual name, shown in error messages.
        label_suffixes: the types of label file that can be read.
        subject: pattern of a subject's folder; the first group is its number.
        subject_examples: what such folders look like, shown in error messages.
        preferred: parts of a path that decide between several folders of frames, the best first.
        frame: pattern of a frame's name; see `tree.list_frames`.
        frame_example: such a name, shown in error messages.
        inner: folder in a clip's folder that holds its frames; by default the frames lie in the clip's folder itself.
        remedy: what to do if no subject is found.
    """

    scheme: Scheme
    label_file: re.Pattern[str]
    label_example: str
    label_suffixes: Collection[str] = (".xlsx",)
    subject: re.Pattern[str]
    subject_examples: str
    preferred: Collection[str] = ()
    frame: re.Pattern[str]
    frame_example: str
    inner: str = "."
    remedy: str


def read_labelled(root: Path, layout: Layout, *, classes: Sequence[str], dataset: str, fps: float) -> DatasetContents:
    """Read a data set with a label file.

    Args:
        root: the data set's folder, or the folder that holds the subjects' folders.
        layout: how it lies on disk.
        classes: those of the protocol; a clip's label is an index into them.
        dataset: the name that the clips get.
        fps: their frame rate.

    Raises:
        DataError: no frames, no label file, one that cannot be used at all, or two folders for one subject or clip.
            Whatever is wrong with single rows and clips is returned as faults.
    """
    scheme = layout.scheme
    frames_folder, faults = find_frames(
        root,
        layout.subject,
        clip=scheme.folder,
        preferred=layout.preferred,
        expected=layout.subject_examples,
        remedy=layout.remedy,
    )
    label_file = find_label_file(
        root, frames_folder, layout.label_file, suffixes=layout.label_suffixes, example=layout.label_example
    )
    subjects, others = subject_folders(frames_folder, layout.subject, scheme.digits)
    folders, stray_files = _clip_folders(subjects, layout)
    strays = {path for path in others + stray_files if not layout.label_file.fullmatch(path.name)}
    coding = read_coding(label_file, scheme)
    faults += coding.faults

    marked = is_marked_cropped(frames_folder)
    labels: dict[str | None, int] = {name: label for label, name in enumerate(classes)}
    clips, left_out, incomplete = [], [], []
    listed: dict[Path, FrameFolder] = {}
    missing_subjects: dict[str, list[int]] = {}
    for row in coding.rows:
        if reason := _reason_to_leave_out(row):
            left_out.append(LeftOut(subject=row.subject, name=row.name, reason=reason))
            continue
        if row.subject not in subjects:
            missing_subjects.setdefault(row.subject, []).append(row.row)
            continue
        folder = folders.get((row.subject, row.folder), subjects[row.subject] / row.folder)
        try:
            if folder not in listed:
                listed[folder] = _list_clip(folder, row.subject, layout)
            frames = listed[folder]
            _check_moments(folder, frames, row)
        except FaultyData as error:
            faults.append(replace(error.fault, problem=f"{error.fault.problem} (label file, row {row.row})"))
            continue
        strays.update(frames.strays)
        if missing := frames.missing(row.onset, row.offset):
            incomplete.append((folder, missing))
        inside = [not scheme.recordings or row.onset <= number <= row.offset for number in frames.numbers]
        clip = Clip(
            dataset=dataset,
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
            fps=fps,
            cropped=marked or frames.kind.startswith("reg_"),
        )
        clips.append(clip)
    for subject, name in set(folders) - coding.named:
        left_out.append(LeftOut(subject=subject, name=name, reason="frames but no label"))

    for subject, rows in sorted(missing_subjects.items()):
        problem = f"subject {subject} is missing: no folder for {len(rows)} labelled clips (label file, row {rows[0]})"
        remedy = "copy the subject, or remove its rows to do without it"
        faults.append(Fault(severity="error", file=frames_folder, problem=problem, remedy=remedy))
    for folder, count in incomplete:
        problem = f"{count} of the frames between onset and offset are missing; onset and apex are there"
        remedy = "nothing to do, or copy the clip again"
        faults.append(Fault(severity="note", file=folder, problem=problem, remedy=remedy))
    faults += ignored(frames_folder, strays)
    return DatasetContents(
        clips=tuple(sorted(clips, key=by_subject)),
        left_out=tuple(sorted(left_out, key=by_subject)),
        faults=tuple(faults),
    )


def _clip_folders(subjects: dict[str, Path], layout: Layout) -> tuple[dict[tuple[str, str], Path], list[Path]]:
    """Subject and name of a folder, as the label file writes it → where its frames lie; and files beside such folders."""
    clips: dict[tuple[str, str], Path] = {}
    strays = []
    for subject, path in subjects.items():
        folders, files = list_folder(path)
        strays += files
        for folder in folders:
            match = layout.scheme.folder.fullmatch(folder.name)
            name = folder.name if match is None else canonical(match, layout.scheme.digits)
            if match and match.groups() and int(match[1]) != int(subject):
                problem = f"a clip of subject {match[1]} in the folder of subject {subject}"
                raise FaultyData(file=folder, problem=problem, remedy="move it to its own subject")
            if (subject, name) in clips:
                problem = f"the same clip as {clips[subject, name].name}"
                raise FaultyData(file=folder, problem=problem, remedy="keep one of them")
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
        raise FaultyData(file=folder, problem="labelled, but the folder is missing", remedy=remedy)
    frames = list_frames(folder, layout.frame)
    if not frames.numbers:
        problem = f"no frames named like {layout.frame_example}"
        raise FaultyData(file=folder, problem=problem, remedy="copy the clip again")
    if frames.kind.isdigit() and int(frames.kind) != int(subject):
        problem = f"frames of subject {frames.kind} in a clip of subject {subject}"
        raise FaultyData(file=folder, problem=problem, remedy="move them to their own clip")
    return frames


def _check_moments(folder: Path, frames: FrameFolder, row: CodingRow) -> None:
    for moment, number in (("onset", row.onset), ("apex", row.apex)):
        if number not in frames.numbers:
            problem = f"no {moment} frame {number}, only {frames.numbers[0]} to {frames.numbers[-1]}"
            raise FaultyData(file=folder, problem=problem, remedy="copy the clip again or correct its row")
