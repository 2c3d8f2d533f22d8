"""Motion that somebody has computed already: a folder of pictures and a CSV that labels them.

    labels.csv                   subject,clip,label[,image]     label: negative, positive, surprise, or 0, 1, 2
    sub01/EP02_01f.png           SUBJECT/CLIP, or SUBJECT_CLIP, or CLIP where that is unique; or what `image` says
    sub01/EP03_02f.png

Red, green and blue of a picture are u, v and optical strain from onset to apex, as many repositories of this field keep them,
28 px a side or more. In u and v the grey of 128 is no motion; in strain it is 0. (OpenCV writes channels as blue, green,
red: an array [u, v, strain] that it has saved comes back in the opposite order and has to be saved again.) A picture whose
channels were stretched to their own least and greatest value has lost the strength of the motion and where its zero was:
networks may still learn from it, directions of motion (Bi-WOOF) and mirrored faces mean little.

There are no frames, so what needs them (LBP-TOP, CapsuleNet, TCAE, motion by any method) cannot be had.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from .clips import THREE_CLASSES, Clip, Fault, FaultyData, Reading
from .images import frame_size, read_frame
from .tree import list_folder

COLUMNS = ("subject", "clip", "label")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
LEAST = 28  # px


def read(root: Path) -> Reading:
    """Read the CSV and find a picture for each of its rows.

    Raises:
        DataError: no CSV, or one that cannot be read as a whole. What is wrong with single rows is returned as faults.
    """
    file = _find_csv(root)
    table = _read_csv(file)
    pictures = _pictures(root)
    clips: dict[tuple[str, str], Clip] = {}
    faults = []
    for number, line in enumerate(table.to_dict("records"), start=2):
        try:
            clip = _clip(root, file, number, line, pictures)
            if (clip.subject, clip.name) in clips:
                problem = f"subject {clip.subject} clip {clip.name} for the second time"
                raise FaultyData(file=file, problem=problem, remedy="keep one row for each clip", row=number)
            _check_picture(clip.frames[0])
        except FaultyData as error:
            faults.append(error.fault)
            continue
        clips[clip.subject, clip.name] = clip
    lossy = [clip for clip in clips.values() if clip.frames[0].suffix.lower() in (".jpg", ".jpeg")]
    if lossy:
        problem = f"{len(lossy)} pictures are JPEG, which blurs u, v and strain into each other"
        faults.append(Fault(severity="note", file=root, problem=problem, remedy="save them as PNG if you still can"))
    found = tuple(sorted(clips.values(), key=lambda clip: (clip.subject, clip.name)))
    return Reading(clips=found, left_out=(), faults=tuple(faults))


def load_features(clips: Sequence[Clip], size: int) -> Float[Tensor, "n 3 s s"]:
    """u and v in [-1, 1], 0 for no motion, and strain in [0, 1], at `size`."""
    pictures = torch.stack([read_frame(clip.frames[0], size) for clip in clips]) * 255
    flow, strain = pictures[:, :2], pictures[:, 2:]
    return torch.cat([((flow - 128) / 127).clamp(-1, 1), strain / 255], dim=1)


def _find_csv(root: Path) -> Path:
    found = [path for path in list_folder(root)[1] if path.suffix.lower() == ".csv"]
    if len(found) == 1:
        return found[0]
    if not found:
        remedy = f"put one there with the columns {', '.join(COLUMNS)}"
        raise FaultyData(file=root, problem="no CSV of labels in it", remedy=remedy)
    named = [path for path in found if path.stem.lower() == "labels"]
    if len(named) != 1:
        problem = f"{len(found)} CSV files ({', '.join(path.name for path in found[:3])}, …)"
        raise FaultyData(file=root, problem=problem, remedy="call the one with the labels labels.csv")
    return named[0]


def _read_csv(file: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (ValueError, OSError) as error:  # pandas' parser errors and UnicodeDecodeError are ValueErrors
        reason = str(error).splitlines()[0]
        raise FaultyData(
            file=file, problem=f"cannot be read as CSV ({reason})", remedy="save it as CSV, UTF-8"
        ) from None
    table.columns = [str(column).strip().lower() for column in table.columns]
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        problem = f"no column {missing[0]}; its columns are {', '.join(table.columns)}"
        raise FaultyData(file=file, problem=problem, remedy=f"name them {', '.join(COLUMNS)}")
    return table


def _pictures(root: Path) -> dict[str, list[Path]]:
    """Every picture in the folder and below by the names that a row may mean it by."""
    found: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            for name in (path.stem, f"{path.parent.name}/{path.stem}"):
                found.setdefault(name, []).append(path)
    return found


def _clip(root: Path, file: Path, row: int, line: dict[str, str], pictures: dict[str, list[Path]]) -> Clip:
    subject, name, text = (line[column].strip() for column in COLUMNS)
    if not subject or not name:
        raise FaultyData(file=file, problem="no subject or no clip", remedy="fill it in or take the row out", row=row)
    label = THREE_CLASSES.index(text.lower()) if text.lower() in THREE_CLASSES else {"0": 0, "1": 1, "2": 2}.get(text)
    if label is None:
        remedy = f"use {', '.join(THREE_CLASSES)}, or 0, 1, 2"
        raise FaultyData(file=file, problem=f"label {text!r} is not one of the three classes", remedy=remedy, row=row)
    given = line.get("image", "").strip()
    if given:
        path = root / given
    else:
        wanted = (f"{subject}/{name}", f"{subject}_{name}", name)
        matches = next((pictures[key] for key in wanted if key in pictures), [])
        if len(matches) != 1:
            problem = f"{len(matches)} pictures named {wanted[0]}, {wanted[1]} or {wanted[2]}"
            remedy = "name them so, or add a column image with their paths"
            raise FaultyData(file=file, problem=problem, remedy=remedy, row=row)
        path = matches[0]
    return Clip(
        dataset="features",
        subject=subject,
        name=name,
        frames=(path,),
        frame_numbers=(0,),
        onset=0,
        apex=0,
        offset=0,
        emotion=THREE_CLASSES[label],
        label=label,
        action_units="",
        fps=0.0,
    )


def _check_picture(path: Path) -> None:
    """By its header: large enough, and three channels."""
    width, height = frame_size(path)
    if min(width, height) < LEAST:
        problem = f"{width}x{height} pixels, fewer than {LEAST} a side"
        raise FaultyData(file=path, problem=problem, remedy="compute the motion at a larger size")
    with Image.open(path) as image:
        if image.mode not in ("RGB", "RGBA"):
            problem = f"one channel or a palette ({image.mode})"
            raise FaultyData(file=path, problem=problem, remedy="save u, v and strain as red, green and blue")
