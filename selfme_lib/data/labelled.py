"""Data sets with a label file: its rows and the folders on disk, brought together.

CASME II, SAMM and CAS(ME)³ differ in names, columns and emotions; what has to fit is the same. Each row needs its
folder, in it the onset and the apex; each folder should have a row; a subject that is there for no row is missing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .clips import Clip, Fault, FaultyData, LeftOut, Reading
from .coding import Coding, CodingRow
from .tree import FrameFolder, ignored, list_frames


@dataclass(frozen=True, kw_only=True)
class FramesOnDisk:
    """Where the frames lie.

    Attributes:
        folder: that holds the subjects.
        subjects: subject → its folder.
        clips: subject and name of a folder, as the label file writes it → the folder.
        strays: what lies between and is none of them.
        naming: of a frame, see `tree.list_frames`.
        example: the name of a frame, to be told.
        notes: on which of several folders was chosen.
    """

    folder: Path
    subjects: Mapping[str, Path]
    clips: Mapping[tuple[str, str], Path]
    strays: Sequence[Path]
    naming: re.Pattern
    example: str
    notes: Sequence[Fault] = ()


def bring_together(
    disk: FramesOnDisk, coding: Coding, *, classes: Sequence[str], dataset: str, fps: float, cropped: bool | None
) -> Reading:
    """The clips of a data set, what was left out of it, and what does not fit.

    Args:
        disk: what lies there.
        coding: what is labelled.
        classes: those of the protocol; a clip's label is an index into them.
        dataset: the name that the clips get.
        fps: their frame rate.
        cropped: whether frames show the face alone; `None`: those called `reg_…` do.
    """
    faults = [*disk.notes, *coding.faults]
    clips, left_out, incomplete, strays = [], [], [], set(disk.strays)
    listed: dict[Path, FrameFolder] = {}
    gone: dict[str, list[int]] = {}
    for row in coding.rows:
        if reason := _reason_to_leave_out(row):
            left_out.append(LeftOut(subject=row.subject, name=row.name, reason=reason))
            continue
        if row.subject not in disk.subjects:
            gone.setdefault(row.subject, []).append(row.row)
            continue
        folder = disk.clips.get((row.subject, row.folder), disk.subjects[row.subject] / row.folder)
        try:
            if folder not in listed:
                listed[folder] = _frames(folder, row.subject, disk)
            frames = listed[folder]
            _check_moments(folder, frames, row)
        except FaultyData as error:
            faults.append(replace(error.fault, problem=f"{error.fault.problem} (label file, row {row.row})"))
            continue
        strays.update(frames.strays)
        if missing := frames.missing(row.onset, row.offset):
            incomplete.append((folder, len(missing)))
        shown = frames.kind.startswith("reg_") if cropped is None else cropped
        clips.append(_clip(row, frames, classes, dataset, fps, shown, whole=row.folder == row.name))
    for subject, name in sorted(set(disk.clips) - coding.named):
        left_out.append(LeftOut(subject=subject, name=name, reason="frames but no label"))

    faults += [
        Fault(
            severity="error",
            file=disk.folder,
            problem=f"subject {subject} is missing: no folder for {len(rows)} labelled clips (label file, row {rows[0]})",
            remedy="copy the subject, or remove its rows if you mean to do without it",
        )
        for subject, rows in sorted(gone.items())
    ]
    faults += [
        Fault(
            severity="note",
            file=folder,
            problem=f"{count} of the frames between onset and offset are not there, onset and apex are",
            remedy="nothing to do, or copy the clip again",
        )
        for folder, count in incomplete
    ]
    faults += ignored(disk.folder, sorted(strays))
    return Reading(
        clips=tuple(sorted(clips, key=lambda clip: (clip.subject, clip.name))),
        left_out=tuple(sorted(left_out, key=lambda clip: (clip.subject, clip.name))),
        faults=tuple(faults),
    )


def _reason_to_leave_out(row: CodingRow) -> str | None:
    """Why the protocol has no place for this row."""
    if row.kind is None:
        return f"emotion {row.emotion!r} belongs to none of the classes"
    if row.apex is None:
        return "no apex frame in the label file"
    if row.apex == row.onset:
        return "the apex is the onset: no motion"
    return None


def _frames(folder: Path, subject: str, disk: FramesOnDisk) -> FrameFolder:
    if not folder.is_dir():
        remedy = "copy the clip, or remove its row if you mean to do without it"
        raise FaultyData(file=folder, problem="labelled, but its folder is not there", remedy=remedy)
    frames = list_frames(folder, disk.naming)
    if not frames.numbers:
        raise FaultyData(file=folder, problem=f"no frames named like {disk.example}", remedy="copy the clip again")
    if frames.kind.isdigit() and int(frames.kind) != int(subject):
        problem = f"frames of subject {frames.kind} in a clip of subject {subject}"
        raise FaultyData(file=folder, problem=problem, remedy="move them to their own clip")
    return frames


def _check_moments(folder: Path, frames: FrameFolder, row: CodingRow) -> None:
    for moment, number in (("onset", row.onset), ("apex", row.apex)):
        if number not in frames.numbers:
            raise FaultyData(
                file=folder,
                problem=f"no {moment} frame {number}, only {frames.numbers[0]} to {frames.numbers[-1]}",
                remedy="copy the clip again or correct its row",
            )


def _clip(
    row: CodingRow,
    frames: FrameFolder,
    classes: Sequence[str],
    dataset: str,
    fps: float,
    cropped: bool,
    *,
    whole: bool,
) -> Clip:
    """`whole`: all frames of the folder are the clip's; else those from onset to offset, of a long recording."""
    inside = [whole or row.onset <= number <= row.offset for number in frames.numbers]
    return Clip(
        dataset=dataset,
        subject=row.subject,
        name=row.name,
        frames=tuple(path for path, its in zip(frames.paths, inside) if its),
        frame_numbers=tuple(number for number, its in zip(frames.numbers, inside) if its),
        onset=row.onset,
        apex=row.apex,
        offset=row.offset,
        emotion=row.emotion,
        label=classes.index(row.kind),
        action_units=row.action_units,
        fps=fps,
        cropped=cropped,
    )
