"""What lies on disk: subject folders, clip folders and the frames in them.

The traps: frame numbers are not zero-padded (`img9.jpg` sorts behind `img10.jpg` by name), shortcuts and thumbnails
lie among the frames, and an archive unpacked twice nests its folder in one of the same name.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from .clips import Fault, FaultyData

FRAME = re.compile(r"(?P<kind>(?:reg_)?(?:img|image))(?P<number>[0-9]{1,12})\.(?:jpg|jpeg|bmp|png)", re.IGNORECASE)
"""A frame of CASME II or SMIC; `kind` tells cropped ones (`reg_img46.jpg`) from recordings (`img46.jpg`)."""

MARKS = ("aligned.json", "synthme.json")
"""Files that say: below, frames show the face alone. `selfme align` and `selfme synth` leave them."""

_OURS = (*MARKS, "truth")


@dataclass(frozen=True, kw_only=True)
class FrameFolder:
    """The frames of one folder by number, and the files in it that are no frames."""

    paths: tuple[Path, ...]
    numbers: tuple[int, ...]
    strays: tuple[Path, ...]
    kind: str = ""  # what comes before the number in their names

    def missing(self, first: int, last: int) -> list[int]:
        """Numbers in first..last (both included) that have no frame."""
        there = set(self.numbers)
        return [number for number in range(first, last + 1) if number not in there]


def list_folder(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders and the files in `folder`, each sorted by name, without hidden ones and pipes, which would block.

    Raises:
        DataError: there is no such folder, or it may not be read.
    """
    try:
        with os.scandir(folder) as entries:
            found = [
                (entry.is_dir(), folder / entry.name)
                for entry in entries
                if not entry.name.startswith(".") and (entry.is_dir() or entry.is_file() or entry.is_symlink())
            ]
    except FileNotFoundError:
        raise FaultyData(file=folder, problem="no such folder", remedy="check the path given as root") from None
    except NotADirectoryError:
        raise FaultyData(
            file=folder, problem="a file where a folder should be", remedy="copy it again or give another"
        ) from None
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise FaultyData(file=folder, problem=problem, remedy="check its permissions") from None
    folders = sorted(path for is_folder, path in found if is_folder)
    return folders, sorted(path for is_folder, path in found if not is_folder)


def list_frames(folder: Path, naming: re.Pattern = FRAME) -> FrameFolder:
    """The frames of a clip (`img46.jpg`, `reg_img46.jpg`, `image036237.bmp`), sorted by number.

    Args:
        folder: of the clip.
        naming: of its frames, with the groups `number` and `kind`, which must be the same in all of them.

    Raises:
        DataError: two frames have the same number, or raw and cropped frames are mixed.
    """
    frames: dict[int, Path] = {}
    namings: dict[str, Path] = {}
    strays = []
    for path in list_folder(folder)[1]:
        match = naming.fullmatch(path.name)
        if match is None:
            strays.append(path)
            continue
        number = int(match["number"])
        if number in frames:
            problem = f"{frames[number].name} and {path.name} are both frame {number}"
            raise FaultyData(file=folder, problem=problem, remedy="keep one of them")
        frames[number] = path
        namings[match["kind"].lower().lstrip("0")] = path
    if len(namings) > 1:  # such as raw and cropped ones
        first, second = sorted(path.name for path in namings.values())[:2]
        problem = f"frames of two kinds are mixed ({first}, {second})"
        raise FaultyData(file=folder, problem=problem, remedy="keep those of one kind")
    numbers = tuple(sorted(frames))
    return FrameFolder(
        paths=tuple(frames[number] for number in numbers),
        numbers=numbers,
        strays=tuple(strays),
        kind=next(iter(namings), ""),
    )


def subject_folders(folder: Path, naming: re.Pattern, digits: int = 2) -> tuple[dict[str, Path], list[Path]]:
    """Subject ("01") → its folder, and whatever else lies there. The first group of `naming` is the subject's number.

    Raises:
        DataError: two folders belong to one subject, such as `s3` and `s03`, or a subject is a file.
    """
    found: dict[str, Path] = {}
    others = []
    folders, files = list_folder(folder)
    for path in folders + files:
        match = naming.fullmatch(path.name)
        if match is None:
            others.append(path)
            continue
        if path in files:
            raise FaultyData(file=path, problem="a file, but subjects are folders", remedy="copy the subject again")
        subject = f"{int(match[1]):0{digits}d}"
        if subject in found:
            problem = f"{found[subject].name} and {path.name} are both subject {subject}"
            raise FaultyData(file=folder, problem=problem, remedy="keep one of them")
        found[subject] = path
    return found, others


def ignored(folder: Path, strays: list[Path]) -> list[Fault]:
    """A note on what lies among subjects, clips and frames and is none of them."""
    strays = [path for path in strays if path.name not in _OURS]
    if not strays:
        return []
    problem = f"{len(strays)} files or folders that are no frames, such as {min(strays).relative_to(folder)}"
    return [Fault(severity="note", file=folder, problem=problem, remedy="they are ignored")]


def folders_of_subjects(root: Path, naming: re.Pattern) -> list[Path]:
    """The folders that hold subjects with clips: `root` itself or up to two levels below it, the nearest first.

    A subject's clips are folders; subjects that hold only files, such as SynthME's truth, are something else.
    """
    level, found = [root], []
    for _ in range(3):
        below = []
        for folder in level:
            folders = list_folder(folder)[0]
            subjects = [path for path in folders if naming.fullmatch(path.name)]
            if any(list_folder(path)[0] for path in subjects):
                found.append(folder)
            elif not subjects:
                below += folders
        level = below
    return found


def choose_folder(root: Path, found: list[Path], *, preferred: tuple[str, ...]) -> tuple[Path, list[Fault]]:
    """One of several folders of frames: the first whose path below `root` holds a preferred word, with a note."""

    def rank(folder: Path) -> int:
        below = str(folder.relative_to(root)).lower()
        return next((place for place, word in enumerate(preferred) if word in below), len(preferred))

    first, *others = sorted(found, key=rank)
    if not others:
        return first, []
    problem = f"read, but not {', '.join(str(folder.relative_to(root)) for folder in others)}, which holds frames too"
    return first, [Fault(severity="note", file=first, problem=problem, remedy="give another as root to read it")]


def is_marked_cropped(folder: Path) -> bool:
    """Whether somebody has cut the faces out already, up to two levels above (see `MARKS`)."""
    return any((place / mark).is_file() for place in (folder, *folder.resolve().parents[:2]) for mark in MARKS)


def find_label_file(
    root: Path, frames_folder: Path, naming: re.Pattern, *, suffixes: tuple[str, ...] = (".xlsx",), example: str
) -> Path:
    """The label file: in `root` or on the way to the frames; if `root` holds the frames, up to two levels above it.

    Args:
        root: what the user gave.
        frames_folder: the folder of the subjects, in `root`.
        naming: of the file.
        suffixes: the kinds of file that can be read.
        example: its usual name, to be told.

    Raises:
        DataError: there is none, there are several, or it is of another kind.
    """
    if frames_folder == root:
        places = [[root], *([folder] for folder in root.resolve().parents[:2])]
    else:
        places = [[folder for folder in frames_folder.parents if folder.is_relative_to(root)] + [frames_folder]]
    for folders in places:
        files = [path for folder in folders for path in list_folder(folder)[1] if naming.fullmatch(path.name)]
        readable = [path for path in files if path.suffix.lower() in suffixes]
        if len(readable) > 1:
            names = ", ".join(os.path.relpath(path, root) for path in readable)
            raise FaultyData(file=folders[0], problem=f"several label files: {names}", remedy="keep one of them")
        if readable:
            return readable[0]
        if files:
            kinds = " or ".join(suffixes)
            raise FaultyData(file=files[0], problem=f"the label file is no {kinds}", remedy=f"save it as {suffixes[0]}")
    problem = f"no label file {example} beside the frames or above them"
    raise FaultyData(file=root, problem=problem, remedy="copy it there")
