"""What lies on disk: subject folders, clip folders and the frames in them.

The traps: frame numbers are not zero-padded (by name, `img9.jpg` sorts after `img10.jpg`), shortcuts and thumbnails lie
among the frames, and an archive that was unpacked twice nests its folder inside one of the same name.
"""

import os
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from .faults import Fault, FaultyData, unreadable

IMAGES = {".jpg", ".jpeg", ".png", ".bmp"}
"""File name suffixes of the images that can be read."""

FRAME = re.compile(r"(?P<kind>(?:reg_)?(?:img|image))(?P<number>[0-9]{1,12})\.(?:jpg|jpeg|bmp|png)", re.IGNORECASE)
"""A frame of CASME II or SMIC; `kind` distinguishes cropped frames (`reg_img46.jpg`) from recorded ones (`img46.jpg`)."""

MARKS = ("aligned.json", "synthme.json")
"""Files that `selfme align` and `selfme synth` leave: the frames below them show only the face."""


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """How the folders of a data set's subjects are recognised."""

    name: re.Pattern[str]  # of a subject's folder; the first group is the subject's number
    digits: int = 2  # of that number, zero-padded
    clip: re.Pattern[str] | None = None  # of a clip's folder; needed if a subject's name is a number, like a year's
    examples: str  # names of subjects' folders, shown in the error message
    preferred: Collection[str] = ()  # parts of a path, in lower case, that decide between several copies, best first
    unwanted: Collection[str] = ()  # names, in lower case, of folders that hold the subjects of another camera
    remedy: str  # what to do if there are none


@dataclass(frozen=True, kw_only=True)
class FrameFolder:
    """The frames of one folder, sorted by number, and its files that are not frames."""

    paths: tuple[Path, ...]
    numbers: tuple[int, ...]
    strays: tuple[Path, ...]
    kind: str = ""  # what precedes the number in their names

    def missing(self, first: int, last: int) -> int:
        """How many of the numbers from `first` to `last`, both included, have no frame."""
        return last - first + 1 - sum(first <= number <= last for number in self.numbers)


def list_folder(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders and the files in `folder`, each sorted by name; hidden ones and pipes, which would block, are left out.

    Raises:
        DataError: the folder does not exist or may not be read.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
        folders = [folder / entry.name for entry in found if entry.is_dir()]
        others = [entry for entry in found if not entry.is_dir() and (entry.is_file() or entry.is_symlink())]
        return folders, [folder / entry.name for entry in others]
    except FileNotFoundError:
        raise FaultyData(folder, "no such folder", "check the path") from None
    except NotADirectoryError:
        raise FaultyData(folder, "a file where a folder should be", "copy it again or give another folder") from None
    except OSError as error:
        raise unreadable(folder, error) from None


def walk(root: Path, *, skip: Callable[[Path], bool] = lambda folder: False) -> Iterator[tuple[Path, list[Path]]]:
    """Every folder from `root` down with the files in it; each folder once, even if links lead back to it.

    Raises:
        DataError: as `list_folder`.
    """
    seen, waiting = set(), [root]
    while waiting:
        folder = waiting.pop()
        if folder.resolve() not in seen:
            seen.add(folder.resolve())
            folders, files = list_folder(folder)
            yield folder, files
            waiting += [child for child in reversed(folders) if not skip(child)]


def by_number(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts `img9` before `img10`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", path.name)]


def list_images(files: Collection[Path]) -> list[Path]:
    """The images among `files`, sorted by the numbers in their names."""
    return sorted((path for path in files if path.suffix.lower() in IMAGES), key=by_number)


def list_frames(folder: Path, naming: re.Pattern[str] = FRAME) -> FrameFolder:
    """The frames of a clip (`img46.jpg`, `reg_img46.jpg`, `image036237.bmp`), sorted by number.

    Args:
        folder: of the clip.
        naming: of its frames, with the groups `number` and `kind`; `kind` must be the same in all of them.

    Raises:
        DataError: two frames have the same number, or raw and cropped frames are mixed.
    """
    frames: dict[int, Path] = {}
    kinds: dict[str, Path] = {}
    strays = []
    for path in list_folder(folder)[1]:
        match = naming.fullmatch(path.name)
        if match is None:
            strays.append(path)
            continue
        number = int(match["number"])
        if number in frames:
            problem = f"{frames[number].name} and {path.name} are both frame {number}"
            raise FaultyData(folder, problem, "keep one of them")
        frames[number] = path
        kinds[match["kind"].lower().lstrip("0")] = path
    if len(kinds) > 1:  # such as raw and cropped ones
        first, second = sorted(path.name for path in kinds.values())[:2]
        raise FaultyData(folder, f"frames of two kinds are mixed ({first}, {second})", "keep those of one kind")
    numbers = tuple(sorted(frames))
    paths = tuple(frames[number] for number in numbers)
    return FrameFolder(paths=paths, numbers=numbers, strays=tuple(strays), kind=next(iter(kinds), ""))


def subject_folders(folder: Path, subjects: Subjects) -> tuple[dict[str, Path], list[Path]]:
    """Subject ("01") → its folder, and everything else in `folder`.

    Raises:
        DataError: two folders belong to one subject, such as `s3` and `s03`, or a subject is a file.
    """
    found: dict[str, Path] = {}
    others = []
    folders, files = list_folder(folder)
    for path in folders + files:
        match = subjects.name.fullmatch(path.name)
        if match is None:
            others.append(path)
            continue
        if path in files:
            raise FaultyData(path, "a file, but subjects are folders", "copy the subject again")
        subject = f"{int(match[1]):0{subjects.digits}d}"
        if subject in found:
            problem = f"{found[subject].name} and {path.name} are both subject {subject}"
            raise FaultyData(folder, problem, "keep one of them")
        found[subject] = path
    return found, others


def ignored(folder: Path, strays: Collection[Path]) -> list[Fault]:
    """A note on the files and folders that are neither subjects, clips nor frames."""
    strays = [path for path in strays if path.name not in (*MARKS, "truth")]
    if not strays:
        return []
    problem = f"{len(strays)} files or folders that are not frames, such as {min(strays).relative_to(folder)}"
    return [Fault("note", folder, problem, "they are ignored")]


def find_frames(root: Path, subjects: Subjects) -> tuple[Path, list[Fault]]:
    """The folder that holds the subjects, and a note if there are others: `root` itself or up to two levels below it.

    A subject's clips are folders; subjects that hold only files, such as SynthME's truth, are something else.

    Raises:
        DataError: there is no such folder.
    """
    level, found = [root], []
    for _ in range(3):
        below = []
        for folder in level:
            folders = list_folder(folder)[0]
            candidates = [path for path in folders if subjects.name.fullmatch(path.name)]
            clips = (child for path in candidates for child in list_folder(path)[0])
            if any(subjects.clip is None or subjects.clip.fullmatch(child.name) for child in clips):
                found.append(folder)
            elif not candidates:
                below += folders
        level = below
    suitable = [folder for folder in found if folder.resolve().name.lower() not in subjects.unwanted]
    if not suitable:
        problem = f"no folders {subjects.examples} in it or up to two levels below"
        if found:
            problem = f"only frames of another camera ({found[0].name})"
        raise FaultyData(root, problem, subjects.remedy)

    def rank(folder: Path) -> int:
        below = str(folder.relative_to(root)).lower()
        places = (place for place, word in enumerate(subjects.preferred) if word in below)
        return next(places, len(subjects.preferred))

    first, *others = sorted(suitable, key=rank)
    if not others:
        return first, []
    problem = f"read, but not {', '.join(str(folder.relative_to(root)) for folder in others)}, which holds frames too"
    return first, [Fault("note", first, problem, "give another as root to read it")]


def is_marked_cropped(folder: Path) -> bool:
    """Whether the faces are known to be cropped already: one of `MARKS` lies in the folder or up to two levels above."""
    return any((place / mark).is_file() for place in (folder, *folder.resolve().parents[:2]) for mark in MARKS)
