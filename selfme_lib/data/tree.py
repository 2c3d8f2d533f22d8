"""What lies on disk: subject folders, clip folders and the frames in them.

The traps: frame numbers are not zero-padded (by name, `img9.jpg` sorts after `img10.jpg`), shortcuts and thumbnails lie
among the frames, an archive that was unpacked twice nests its folder inside one of the same name, and some names end in a
blank.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .faults import Fault, FaultyData, unreadable

IMAGES = {".jpg", ".jpeg", ".png", ".bmp"}
"""File name suffixes of the images that can be read."""

FOREIGN_IMAGES = {".tif", ".tiff", ".webp", ".heic", ".heif", ".avif", ".jp2", ".pgm", ".ppm"}
"""Those of images that cannot, and have to be saved in another format."""

VIDEOS = {".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm"}
"""File name suffixes of the videos that can be read."""

FOREIGN_VIDEOS = {".mpg", ".mpeg", ".wmv", ".asf", ".flv", ".ts", ".mts", ".m2ts", ".vob", ".ogv", ".rm"}
"""Those of videos that cannot: most of these formats do not tell a whole file from one that was cut off."""

_MAKE_FRAMES = (
    "get the release with frames; or run `selfme align` on it, if the labels count frames from a video's first"
)

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
        is_folder = [
            os.path.isdir(entry) if entry.is_symlink() else entry.is_dir() for entry in found
        ]  # a link may be a loop
        folders = [folder / entry.name for entry, its in zip(found, is_folder) if its]
        others = [entry for entry, its in zip(found, is_folder) if not its and (entry.is_symlink() or entry.is_file())]
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
        DataError: as `list_folder`, or a folder is named like an image.
    """
    seen, waiting = set(), [root]
    while waiting:
        folder = waiting.pop()
        if (place := os.path.realpath(folder)) not in seen:
            seen.add(place)
            folders, files = list_folder(folder)
            _refuse_folders(path for path in folders if path.suffix.lower() in IMAGES)
            yield folder, files
            waiting += [child for child in reversed(folders) if not skip(child)]


def by_number(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts `img9` before `img10`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", path.name)]


def _refuse_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        raise unreadable(folder, IsADirectoryError(), "an image")


def list_images(files: Collection[Path]) -> list[Path]:
    """The images among `files`, sorted by the numbers in their names.

    One in a foreign format is among them, so that whoever reads it says so, unless it lies there in another format as well.
    """
    return _list(files, IMAGES, FOREIGN_IMAGES)


def list_videos(files: Collection[Path]) -> list[Path]:
    """The videos among `files`, likewise."""
    return _list(files, VIDEOS, FOREIGN_VIDEOS)


def _list(files: Collection[Path], known: Collection[str], foreign: Collection[str]) -> list[Path]:
    found = [path for path in files if path.suffix.lower() in known]
    stems = {path.stem for path in found}
    others = [path for path in files if path.suffix.lower() in foreign and path.stem not in stems]
    return sorted(found + others, key=by_number)


def list_frames(folder: Path, naming: re.Pattern[str] = FRAME) -> FrameFolder:
    """The frames of a clip (`img46.jpg`, `reg_img46.jpg`, `image036237.bmp`), sorted by number.

    Args:
        folder: of the clip.
        naming: of its frames, with the groups `number` and `kind`; `kind` must be the same in all of them.

    Raises:
        DataError: two frames have the same number, raw and cropped frames are mixed, all are in a foreign format, or a folder is
            named like a frame.
    """
    frames: dict[int, Path] = {}
    kinds: dict[str, Path] = {}
    strays = []
    folders, files = list_folder(folder)
    _refuse_folders(path for path in folders if naming.fullmatch(path.name.strip()))
    for path in files:
        match = naming.fullmatch(path.name.strip())
        if match is None:
            strays.append(path)
            continue
        number = int(match["number"])
        if number in frames:
            problem = f"{frames[number].name} and {path.name} are both frame {number}"
            raise FaultyData(folder, problem, "keep one of them")
        frames[number] = path
        kinds[match["kind"].lower().lstrip("0")] = path
    if not frames and not folders:
        _refuse_foreign(folder, strays)
    if len(kinds) > 1:  # such as raw and cropped ones
        first, second = sorted(path.name for path in kinds.values())[:2]
        raise FaultyData(folder, f"frames of two kinds are mixed ({first}, {second})", "keep those of one kind")
    numbers = tuple(sorted(frames))
    paths = tuple(frames[number] for number in numbers)
    return FrameFolder(paths=paths, numbers=numbers, strays=tuple(strays), kind=next(iter(kinds), ""))


def _refuse_foreign(folder: Path, files: Collection[Path]) -> None:
    """Say so if a folder holds pictures or videos instead of frames that can be read."""
    for suffixes, kind, remedy in (
        (FOREIGN_IMAGES, "other pictures", "save them as PNG with 8 bits a colour"),
        (VIDEOS | FOREIGN_VIDEOS, "videos", _MAKE_FRAMES),
    ):
        if found := [path.name for path in files if path.suffix.lower() in suffixes]:
            raise FaultyData(folder, f"no JPEG, BMP or PNG frames, but {len(found)} {kind}, such as {found[0]}", remedy)


def subject_folders(folder: Path, subjects: Subjects) -> tuple[dict[str, Path], list[Path]]:
    """Subject ("01") → its folder, and everything else in `folder`.

    Raises:
        DataError: two folders belong to one subject, such as `s3` and `s03`, or a subject is a file.
    """
    found: dict[str, Path] = {}
    others = []
    folders, files = list_folder(folder)
    for path in folders + files:
        match = subjects.name.fullmatch(path.name.strip())
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
        DataError: there is no such folder, or the subjects hold videos.
    """
    level, found, videos = [root], [], []
    for _ in range(3):
        below = []
        for folder in level:
            folders = list_folder(folder)[0]
            candidates = [path for path in folders if subjects.name.fullmatch(path.name.strip())]
            clips = (child for path in candidates for child in list_folder(path)[0])
            if any(subjects.clip is None or subjects.clip.fullmatch(child.name.strip()) for child in clips):
                found.append(folder)
            elif candidates:
                videos += [
                    path for child in candidates for path in list_folder(child)[1] if path.suffix.lower() in VIDEOS
                ]
            else:
                below += folders
        level = below
    suitable = [
        folder for folder in found if os.path.basename(os.path.realpath(folder)).lower() not in subjects.unwanted
    ]
    if not suitable:
        problem = f"no folders {subjects.examples} in it or up to two levels below"
        if found:
            problem = f"only frames of another camera ({found[0].name})"
        elif videos:
            problem = f"{len(videos)} videos, such as {videos[0].relative_to(root)}, but no folders of frames"
            raise FaultyData(root, problem, _MAKE_FRAMES)
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


def find_flat(root: Path, clip: re.Pattern[str]) -> Path | None:
    """The folder, `root` or up to three levels below it, that holds clips of all subjects side by side; `frame` before others."""
    level, found = [root], []
    for _ in range(4):
        folders = {folder: list_folder(folder)[0] for folder in level}
        found += [folder for folder in level if any(clip.fullmatch(child.name.strip()) for child in folders[folder])]
        level = [child for folder in level if folder not in found for child in folders[folder]]
    frames = [folder for folder in found if folder.name.lower() not in ("depth", "video")]
    return min(frames, key=lambda folder: folder.name.lower() != "frame", default=None)


def flat_folders(folder: Path, clip: re.Pattern[str], digits: int) -> tuple[dict[tuple[str, str], Path], list[Path]]:
    """Subject and clip, in lower case → its folder in a folder of `find_flat`; and everything else that is in there.

    Raises:
        DataError: two folders belong to one clip.
    """
    found: dict[tuple[str, str], Path] = {}
    folders, others = list_folder(folder)
    for path in folders:
        match = clip.fullmatch(path.name.strip())
        if match is None:
            others.append(path)
            continue
        key = (f"{int(match[1]):0{digits}d}", match[2].lower())
        if key in found:
            raise FaultyData(path, f"the same clip as {found[key].name}", "keep one of them")
        found[key] = path
    return found, others


def is_marked_cropped(folder: Path) -> bool:
    """Whether the faces are known to be cropped already: one of `MARKS` lies in the folder or up to two levels above."""
    return any(
        (place / mark).is_file() for place in (folder, *Path(os.path.realpath(folder)).parents[:2]) for mark in MARKS
    )
