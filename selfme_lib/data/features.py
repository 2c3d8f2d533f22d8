"""Motion that has been computed already: a folder of pictures and a CSV file that labels them.

    labels.csv                   subject,clip,label[,image]     label: negative, positive, surprise, or 0, 1, 2
    sub01/EP02_01f.png           SUBJECT/CLIP, or SUBJECT_CLIP, or CLIP where that is unique; or what `image` says
    sub01/EP03_02f.png

Red, green and blue of a picture are u, v and optical strain from onset to apex, as many repositories of this field keep
them, 28 px a side or more. In u and v the grey of 128 means no motion; in strain, 0 does. (OpenCV writes channels as blue,
green, red: an array [u, v, strain] that it has saved comes back in the opposite order and has to be saved again.) A picture
whose channels were stretched to their own minimum and maximum has lost the strength of the motion and its zero: networks
may still learn from it, but directions of motion (Bi-WOOF) and mirrored faces mean little.

There are no frames, so whatever needs them (LBP-TOP, CapsuleNet, TCAE, motion by any method) is unavailable.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from .clips import THREE_CLASSES, Clip, DatasetContents, by_subject
from .faults import Fault, FaultyData
from .images import frame_size, read_frame
from .spreadsheets import read_rows
from .tree import IMAGES, list_folder

COLUMNS = ("subject", "clip", "label")
SMALLEST = 28  # px
_LABELS = {text: label for label, name in enumerate(THREE_CLASSES) for text in (name, str(label))}


def read_features(root: Path) -> DatasetContents:
    """Read the CSV file and find a picture for each of its rows.

    Raises:
        DataError: there is no CSV file, or it cannot be read. Whatever is wrong with single rows is returned as faults.
    """
    file = _find_csv(root)
    titles = {name: name for name in (*COLUMNS, "image")}
    rows = list(read_rows(file, titles, optional=["image"]))
    pictures = _pictures(root)
    clips: dict[tuple[str, str], Clip] = {}
    faults = []
    for number, cells in rows:
        try:
            clip = _clip(root, file, number, cells, pictures)
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
    return DatasetContents(clips=tuple(sorted(clips.values(), key=by_subject)), faults=tuple(faults))


def load_features(clips: Sequence[Clip], size: int) -> Float[Tensor, "n 3 s s"]:
    """u and v in [-1, 1], where 0 is no motion, and strain in [0, 1], at `size`."""
    pictures = torch.stack([read_frame(clip.frames[0], size) for clip in clips]) * 255
    flow, strain = pictures[:, :2], pictures[:, 2:]
    return torch.cat([((flow - 128) / 127).clamp(-1, 1), strain / 255], dim=1)


def _find_csv(root: Path) -> Path:
    found = [path for path in list_folder(root)[1] if path.suffix.lower() == ".csv"]
    if not found:
        raise FaultyData(root, "no CSV of labels in it", f"put one there with the columns {', '.join(COLUMNS)}")
    named = found if len(found) == 1 else [path for path in found if path.stem.lower() == "labels"]
    if len(named) != 1:
        problem = f"{len(found)} CSV files ({', '.join(path.name for path in found[:3])}, …)"
        raise FaultyData(root, problem, "call the one with the labels labels.csv")
    return named[0]


def _pictures(root: Path) -> dict[str, list[Path]]:
    """Every picture in the folder and below, by the names under which a row may refer to it."""
    found: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in IMAGES and path.is_file():
            for name in (path.stem, f"{path.parent.name}/{path.stem}"):
                found.setdefault(name, []).append(path)
    return found


def _clip(root: Path, file: Path, row: int, cells: Mapping[str, str], pictures: Mapping[str, list[Path]]) -> Clip:
    subject, name, text = (cells[column] for column in COLUMNS)
    if not subject or not name:
        raise FaultyData(file, "no subject or no clip", "fill it in or remove the row", row=row)
    label = _LABELS.get(text.lower())
    if label is None:
        remedy = f"use {', '.join(THREE_CLASSES)}, or 0, 1, 2"
        raise FaultyData(file, f"label {text!r} is not one of the three classes", remedy, row=row)
    path = root / cells["image"]
    if not cells["image"]:
        wanted = (f"{subject}/{name}", f"{subject}_{name}", name)
        matches = next((pictures[key] for key in wanted if key in pictures), [])
        if len(matches) != 1:
            problem = f"{len(matches)} pictures named {wanted[0]}, {wanted[1]} or {wanted[2]}"
            raise FaultyData(file, problem, "name them so, or add a column image with their paths", row=row)
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
    """From its header: large enough, and three channels."""
    width, height = frame_size(path)
    if min(width, height) < SMALLEST:
        problem = f"{width}x{height} pixels, fewer than {SMALLEST} a side"
        raise FaultyData(path, problem, "compute the motion at a larger size")
    with Image.open(path) as image:
        if image.mode not in ("RGB", "RGBA"):
            problem = f"one channel or a palette ({image.mode})"
            raise FaultyData(path, problem, "save u, v and strain as red, green and blue")
