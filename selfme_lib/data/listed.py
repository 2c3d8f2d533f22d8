"""Data sets whose table names each clip's folder: MMEW, 4DME, and any folder of your own.

    ROOT/labels.csv                              subject,clip,onset,apex,offset,label[,frames,fps,action_units]; or .xlsx
    ROOT/SUBJECT/CLIP/img_0001.jpg               or SUBJECT_CLIP, or CLIP if no other subject has it; or as `frames` says

    ROOT/MMEW_Micro_Exp.xlsx                     Subject, Filename, OnsetFrame, ApexFrame, OffsetFrame, …, Estimated Emotion
    ROOT/Micro_Expression/anger/S01-01-001/1.jpg

    ROOT/4DME_Labelling_Micro_release v1.xlsx    sub_ID, fold_name, Onset, Apex, Offset, AUs, Emotion
    ROOT/gray_micro_crop/1/…                     preferred to the recordings in gray_micro

A frame is an image whose name ends in its number; a clip's frames are those from its onset to its offset. Where a folder has just
as many frames and counts them from 0 or 1 instead, the first is the onset. Several rows may share a folder.

Labels are the three classes, as words or 0, 1, 2, or emotions: anger, contempt, disgust, fear, sadness and repression are
negative, happiness is positive. In 4DME repression is a class of its own and left out, as are clips with several emotions.
MMEW (Ben et al., IEEE TPAMI 2022; 90 frames a second) and 4DME (Li et al., IEEE TAFFC 2022; 60) have no official list of three
classes.
"""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from selfme_lib.runtime.paths import inside

from .clips import THREE_CLASSES, Clip, DatasetContents, LeftOut, by_subject
from .faults import Fault, FaultyData
from .lookup import Places, by_name, matches, names_of, same_person
from .spreadsheets import SUFFIXES, read_rows
from .tree import FrameFolder, ignored, is_marked_cropped, list_folder, list_frames, list_images, walk

EMOTIONS: Mapping[str, str | None] = {
    **{text: name for number, name in enumerate(THREE_CLASSES) for text in (name, str(number))},
    **dict.fromkeys(("anger", "contempt", "disgust", "fear", "sad", "sadness", "repression"), "negative"),
    **dict.fromkeys(("happy", "happiness"), "positive"),
    **dict.fromkeys(("other", "others", "neutral"), None),
}
"""Labels and their class of the three; those with `None` are left out."""

_FRAME = re.compile(r"(?P<kind>.*?)(?P<number>[0-9]{1,12})\.(?:jpg|jpeg|bmp|png)", re.IGNORECASE)
_COLUMNS = ("subject", "clip", "onset", "apex", "offset", "label")
_OPTIONAL = ("frames", "fps", "action_units")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """How the table of such a data set is written."""

    dataset: str
    titles: Mapping[str, str]  # of `_COLUMNS` and `_OPTIONAL` → the column's title
    table: re.Pattern[str]  # its name
    example: str  # such a name, shown in error messages
    classes: Mapping[str, str | None]  # label, in lower case → its class of the three, or None
    fps: float = 0.0  # unknown, unless a column says it
    digits: int = 0  # subjects are numbers of so many digits; 0: they are called as the table calls them
    cropped: Collection[str] = ()  # parts of a path, in lower case, that tell crops of the face from recordings


FOLDER = Listing(
    dataset="folder",
    titles={name: name for name in (*_COLUMNS, *_OPTIONAL)},
    table=re.compile(r"labels\.(csv|xlsx)", re.IGNORECASE),
    example="labels.csv",
    classes=EMOTIONS,
)
MMEW = Listing(
    dataset="mmew",
    titles=dict(zip(_COLUMNS, ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Estimated Emotion")))
    | {"action_units": "Action Units"},
    table=re.compile(r"mmew.*micro.*", re.IGNORECASE),
    example="MMEW_Micro_Exp.xlsx",
    classes=EMOTIONS,
    fps=90.0,
    digits=2,
    cropped=("micro_expression",),
)
FOURDME = Listing(
    dataset="4dme",
    titles=dict(zip(_COLUMNS, ("sub_ID", "fold_name", "Onset", "Apex", "Offset", "Emotion"))) | {"action_units": "AUs"},
    table=re.compile(r"4dme.*label.*", re.IGNORECASE),
    example="4DME_Labelling_Micro_release v1.xlsx",
    classes={**EMOTIONS, "repression": None},
    fps=60.0,
    digits=2,
    cropped=("crop",),
)


def read_listed(root: Path, listing: Listing) -> DatasetContents:
    """Read the table and find the frames of each of its rows.

    Raises:
        DataError: there is no table, or it cannot be read. Whatever is wrong with single rows is returned as faults.
    """
    table = _find_table(root, listing)
    optional = [name for name in (*_OPTIONAL, "apex") if name in listing.titles]
    rows = list(read_rows(table, listing.titles, optional=optional))
    places = by_name(folder for folder, files in walk(root) if list_images(files))
    subjects = {cells["subject"] for _, cells in rows}
    labels_apex = any(cells["apex"] not in ("", "/") for _, cells in rows)
    marked = is_marked_cropped(root)
    clips: dict[tuple[str, str], Clip] = {}
    left_out, faults, recounted, strays = [], [], [], set[Path]()
    for number, cells in rows:
        try:
            subject, clip = _names(table, number, cells, listing)
            if (subject, clip) in clips:
                raise FaultyData(table, f"subject {subject}, {clip} appears twice", "keep one row", row=number)
            if reason := _reason_to_leave_out(cells, listing, labels_apex):
                left_out.append(LeftOut(subject=subject, name=clip, reason=reason))
                continue
            onset, apex, offset = _moments(table, number, cells)
            frames, again = _frames(root, table, number, cells, places, subjects, listing, (onset, apex, offset))
        except FaultyData as error:
            faults.append(error.fault)
            continue
        recounted += [clip] if again else []
        strays.update(frames.strays)
        within = [(path, at) for path, at in zip(frames.paths, frames.numbers) if onset <= at <= offset]
        emotion = cells["label"].lower()
        class_name = listing.classes[emotion]
        folder = frames.paths[0].parent.relative_to(root).as_posix().lower()
        crops = any(part in folder for part in listing.cropped) or frames.kind.startswith("reg_")
        clips[subject, clip] = Clip(
            dataset=listing.dataset,
            subject=subject,
            name=clip,
            frames=tuple(path for path, _ in within),
            frame_numbers=tuple(at for _, at in within),
            onset=onset,
            apex=apex,
            offset=offset,
            emotion=class_name if emotion.isdigit() and class_name else emotion,
            label=THREE_CLASSES.index(str(class_name)),
            action_units=cells.get("action_units", ""),
            fps=float(cells.get("fps") or listing.fps),
            cropped=marked or crops,
        )
    if recounted:
        problem = f"{len(recounted)} clips count their frames anew, the first is {recounted[0]}: their first frame is the onset"
        faults.append(Fault("note", table, problem, "nothing to do"))
    if clips and not labels_apex:
        faults.append(Fault("note", table, "no apex is labelled", "choose one by a rule: middle, largest or a list"))
    faults += ignored(root, strays)
    return DatasetContents(
        clips=tuple(sorted(clips.values(), key=by_subject)),
        left_out=tuple(sorted(left_out, key=by_subject)),
        faults=tuple(faults),
    )


def _find_table(root: Path, listing: Listing) -> Path:
    """In `root`, a folder in it, or the folder above it; a workbook before a CSV file."""
    folders, files = list_folder(root)
    for place in (
        files,
        *(list_folder(folder)[1] for folder in folders),
        list_folder(Path(os.path.realpath(root)).parent)[1],
    ):
        found = [path for path in place if listing.table.fullmatch(path.name) and path.suffix.lower() in SUFFIXES]
        if len({path.suffix.lower() for path in found}) < len(found):
            raise FaultyData(root, f"several tables: {', '.join(path.name for path in found)}", "keep one of them")
        if found:
            return max(found, key=lambda path: path.suffix.lower() == ".xlsx")
    titles = ", ".join(listing.titles[name] for name in _COLUMNS)
    raise FaultyData(root, f"no {listing.example} in it", f"put a table there with the columns {titles}")


def _names(table: Path, row: int, cells: Mapping[str, str], listing: Listing) -> tuple[str, str]:
    subject, clip = cells["subject"], cells["clip"]
    if not subject or not clip:
        raise FaultyData(table, "no subject or no clip", "fill it in or remove the row", row=row)
    if listing.digits:
        number = same_person(subject)
        if not number.isdigit():
            raise FaultyData(table, f"subject {subject!r} is not a number", "correct or remove this row", row=row)
        subject = number.zfill(listing.digits)
    return subject, clip


def _reason_to_leave_out(cells: Mapping[str, str], listing: Listing, labels_apex: bool) -> str | None:
    emotion = cells["label"].lower()
    if "+" in emotion or "/" in emotion:
        return f"several emotions: {emotion}"
    if listing.classes.get(emotion, "") is None:
        return f"emotion {emotion!r} belongs to none of the classes"
    if labels_apex and cells["apex"] in ("", "/"):
        return "no apex frame in the label file"
    if cells["apex"] and cells["apex"] == cells["onset"]:
        return "the apex is the onset: no motion"
    return None


def _moments(table: Path, row: int, cells: Mapping[str, str]) -> tuple[int, int | None, int]:
    """Onset, apex and offset, in this order; the label and the frame rate are checked, too."""
    problem = ""
    if not (label := cells["label"].lower()) or label not in EMOTIONS:
        problem = f"label {cells['label']!r} is not one of {', '.join(EMOTIONS)}"
    elif cells.get("fps") and not re.fullmatch(r"[0-9]{1,4}(\.[0-9]+)?", cells["fps"]):
        problem = f"fps {cells['fps']!r} is not a number of frames a second"
    for name in ("onset", "apex", "offset"):
        if not re.fullmatch("[0-9]{1,9}", cells[name]) and not (name == "apex" and cells[name] in ("", "/")):
            problem = problem or f"{name} {cells[name]!r} is not a frame number"
    if problem:
        raise FaultyData(table, problem, "correct or remove this row", row=row)
    onset, offset = int(cells["onset"]), int(cells["offset"])
    apex = int(cells["apex"]) if cells["apex"].isdigit() else None
    if not onset < (offset if apex is None else apex) <= offset:
        problem = f"onset {onset}, apex {cells['apex'] or '–'}, offset {offset} are not in order"
        raise FaultyData(table, problem, "correct or remove this row", row=row)
    return onset, apex, offset


def _frames(
    root: Path,
    table: Path,
    row: int,
    cells: Mapping[str, str],
    places: Places,
    subjects: Collection[str],
    listing: Listing,
    moments: tuple[int, int | None, int],
) -> tuple[FrameFolder, bool]:
    """The frames of a row's folder, and whether they are counted anew; onset and apex are among them."""
    subject, clip = cells["subject"], cells["clip"]
    if cells.get("frames"):
        try:
            folder = inside(root, cells["frames"])
        except ValueError as error:
            raise FaultyData(table, f"the folder {error}", "keep the frames below it", row=row) from None
    else:
        found = matches(places, root, subject, clip, subjects)
        crops = [path for path in found if any(part in str(path.relative_to(root)).lower() for part in listing.cropped)]
        if len(found := crops or found) != 1:
            one, other, alone = names_of(subject, clip)
            problem = f"{len(found)} folders with frames named {one}, {other} or {alone}"
            remedy = "name it so, or add a column frames with their paths"
            raise FaultyData(table, problem, remedy, row=row)
        folder = found[0]
    frames = list_frames(folder, _FRAME)
    onset, apex, offset = moments
    own = tuple(range(onset, offset + 1))
    if frames.numbers != own and frames.numbers in (tuple(range(len(own))), tuple(range(1, len(own) + 1))):
        return replace(frames, numbers=own), True
    for moment, number in (("onset", onset), ("apex", apex)):
        if number is not None and number not in frames.numbers:
            held = f"only {frames.numbers[0]} to {frames.numbers[-1]}" if frames.numbers else "no frame at all"
            problem = f"no {moment} frame {number}, {held} (table, row {row})"
            raise FaultyData(folder, problem, "copy the clip again or correct its row")
    return frames, False
