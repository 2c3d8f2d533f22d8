"""Motion that has been computed already: a folder of pictures and a CSV file that labels them.

    labels.csv                   subject,clip,label[,image]     label: negative, positive, surprise, or 0, 1, 2
    sub01/EP02_01f.png           SUBJECT/CLIP, or SUBJECT_CLIP, or CLIP if no other subject has it; or what `image` says
    sub01/EP03_02f.png

Red, green and blue of a picture are u, v and optical strain from onset to apex, as many repositories of this field keep
them, 28 px a side or more. In u and v the grey of 128 means no motion; in strain, 0 does. (OpenCV writes channels as blue,
green, red: an array [u, v, strain] that it has saved comes back in the opposite order and has to be saved again.) Most of a
face does not move, so the median of each channel shows whether this is so. A picture
whose channels were stretched to their own minimum and maximum has lost the strength of the motion and its zero: networks
may still learn from it, but directions of motion (Bi-WOOF) and mirrored faces mean little.

There are no frames, so whatever needs them (LBP-TOP, CapsuleNet, TCAE, motion by any method) is unavailable.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from selfme_lib.runtime.paths import inside

from .clips import THREE_CLASSES, Clip, DatasetContents, by_subject
from .faults import Fault, FaultyData
from .images import frame_size, read_frame, read_pixels
from .lookup import Places, are_copies, by_name, matches, names_of
from .spreadsheets import read_rows
from .tree import IMAGES, list_folder, walk

COLUMNS = ("subject", "clip", "label")
SMALLEST = 28  # px
_ZERO, _NEAR = 128, 8  # levels of grey
_LABELS = {text: label for label, name in enumerate(THREE_CLASSES) for text in (name, str(label))}


def read_features(root: Path) -> DatasetContents:
    """Read the CSV file and find a picture for each of its rows.

    Raises:
        DataError: there is no CSV file, or it cannot be read. Whatever is wrong with single rows is returned as faults.
    """
    file = _find_csv(root)
    titles = {name: name for name in (*COLUMNS, "image")}
    rows = list(read_rows(file, titles, optional=["image"]))
    pictures = by_name(path for _, files in walk(root) for path in files if path.suffix.lower() in IMAGES)
    subjects = {cells["subject"] for _, cells in rows}
    clips: dict[tuple[str, str], Clip] = {}
    faults = []
    for number, cells in rows:
        try:
            clip = _clip(root, file, number, cells, pictures, subjects)
            if (clip.subject, clip.name) in clips:
                problem = f"subject {clip.subject}, clip {clip.name} appears twice"
                raise FaultyData(file, problem, "keep one row for each clip", row=number)
            _check_picture(clip.frames[0])
        except FaultyData as error:
            faults.append(error.fault)
            continue
        clips[clip.subject, clip.name] = clip
    if lossy := sum(clip.frames[0].suffix.lower() in (".jpg", ".jpeg") for clip in clips.values()):
        problem = f"{lossy} pictures are JPEG, which blurs u, v and strain into each other"
        faults.append(Fault("note", root, problem, "save them as PNG if you still can"))
    faults += _check_channels(root, [clip.frames[0] for clip in clips.values()])
    return DatasetContents(clips=tuple(sorted(clips.values(), key=by_subject)), faults=tuple(faults))


def load_features(clips: Sequence[Clip], size: int) -> Float[Tensor, "n 3 s s"]:
    """u and v in [-1, 1], where 0 is no motion, and strain in [0, 1], at `size`."""
    pictures = torch.stack([read_frame(clip.frames[0], size) for clip in clips]) * 255
    flow, strain = pictures[:, :2], pictures[:, 2:]
    return torch.cat([((flow - _ZERO) / 127).clamp(-1, 1), strain / 255], dim=1)


def _find_csv(root: Path) -> Path:
    found = [path for path in list_folder(root)[1] if path.suffix.lower() == ".csv"]
    if not found:
        raise FaultyData(root, "no CSV of labels in it", f"put one there with the columns {', '.join(COLUMNS)}")
    named = found if len(found) == 1 else [path for path in found if path.stem.lower() == "labels"]
    if len(named) != 1:
        problem = f"{len(found)} CSV files ({', '.join(path.name for path in found[:3])}, …)"
        raise FaultyData(root, problem, "call the one with the labels labels.csv")
    return named[0]


def _clip(
    root: Path, file: Path, row: int, cells: Mapping[str, str], pictures: Places, subjects: Collection[str]
) -> Clip:
    subject, name, text = (cells[column] for column in COLUMNS)
    if not subject or not name:
        raise FaultyData(file, "no subject or no clip", "fill it in or remove the row", row=row)
    label = _LABELS.get(text.lower())
    if label is None:
        remedy = f"use {', '.join(THREE_CLASSES)}, or 0, 1, 2"
        raise FaultyData(file, f"label {text!r} is not one of the three classes", remedy, row=row)
    if cells["image"]:
        try:
            path = inside(root, cells["image"])
        except ValueError as error:
            raise FaultyData(file, f"the image {error}", "keep the pictures below it", row=row) from None
    else:
        found, names = matches(pictures, root, subject, name, subjects), names_of(subject, name)
        if not found or (len(found) > 1 and not are_copies(found)):
            problem = f"{len(found)} pictures named {names[0]}, {names[1]} or {names[2]}"
            if not found and (elsewhere := pictures.get(name.casefold())):
                problem += f"; {elsewhere[0].relative_to(root).as_posix()} belongs to another subject"
            raise FaultyData(file, problem, "name them so, or add a column image with their paths", row=row)
        path = found[0]
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
    """From its header: large enough, and three channels."""
    width, height = frame_size(path)
    if min(width, height) < SMALLEST:
        problem = f"{width}x{height} pixels, fewer than {SMALLEST} a side"
        raise FaultyData(path, problem, "compute the motion at a larger size")
    with Image.open(path) as image:
        if image.mode not in ("RGB", "RGBA"):
            problem = f"one channel or a palette ({image.mode})"
            raise FaultyData(path, problem, "save u, v and strain as red, green and blue")


def _check_channels(root: Path, pictures: Sequence[Path]) -> list[Fault]:
    """Whether most pictures have the grey of 128 where nothing moves, in red and green, and little in blue."""
    medians = []
    for path in pictures:
        try:
            medians.append(np.median(read_pixels(path), axis=(0, 1)))  # (3,)
        except FaultyData as error:  # sound at both ends, as `_check_picture` has seen, and damaged between them
            return [error.fault]
    if not medians:
        return []
    red, green, blue = typical = np.median(medians, axis=0)
    still = (abs(np.array(medians)[:, :2] - _ZERO) <= _NEAR).all(1)
    if still.mean() >= 0.5:
        return []
    at = "/".join(f"{value:.0f}" for value in typical)
    low, high = np.percentile(medians, (25, 75), axis=0)[:, :2]
    if red < _ZERO / 2 < min(green, blue):
        problem = f"red looks like strain and blue like u (medians of red/green/blue: {at}): red and blue are exchanged"
        return [Fault("error", root, problem, "save u, v and strain as red, green and blue; OpenCV writes blue first")]
    if (high - low <= _NEAR).all():
        problem = f"where nothing moves, red/green/blue are {at}, but no motion is a grey of {_ZERO} in red and green"
        return [Fault("error", root, problem, f"save u and v again with their zero at {_ZERO}")]
    problem = "the grey of no motion differs from picture to picture: each was stretched to its own extremes"
    remedy = "networks may learn from them; directions (Bi-WOOF) and mirrored faces mean little"
    return [Fault("note", root, problem, remedy)]
