"""SMIC-HS (Li et al., FG 2013): 16 subjects, 100 frames a second, labels in the names of the folders.

    SMIC_all_cropped/HS/s1/micro/positive/s1_po_01/reg_image036237.bmp
    SMIC_HS_E/s20/s20_ne_01/image17581039.jpg           as recorded

`ne`, `po` and `su(r)` are the three classes. There is no label file and no apex: a clip runs from onset to offset, and
its apex comes from a rule (`apex_rule="middle"`). `non_micro` beside `micro` and the other cameras' `NIR` and `VIS`
beside `HS` are not read. Subjects are `s3` in one release and `s03` in the next. The official list has 164 clips.
"""

import re
from pathlib import Path

from .clips import THREE_CLASSES, Clip, DatasetContents, by_subject
from .faults import Fault, FaultyData
from .tree import Subjects, find_frames, ignored, is_marked_cropped, list_folder, list_frames, subject_folders

_SUBJECTS = Subjects(
    name=re.compile(r"s([0-9]{1,4})", re.IGNORECASE),
    examples="s1, s2, …",
    preferred=("cropped",),
    unwanted=("nir", "vis"),
    remedy="give the folder of SMIC-HS, such as SMIC_all_cropped/HS",
)
_CLIP = re.compile(r"s([0-9]{1,4})_(ne|po|su)[a-z]*_([0-9]+)", re.IGNORECASE)
_EMOTIONS = {"ne": "negative", "po": "positive", "su": "surprise"}
_NOT_MICRO = {"non_micro", "nonmicro", "non-micro"}
_LONGEST = 58  # frames of the longest clip in SMIC-HS
_DEPTH = 3  # micro/positive/s1_po_01


def read_smic(root: Path, *, dataset: str = "smic", fps: float = 100.0) -> DatasetContents:
    """Read SMIC-HS, or a data set that lies on disk as SMIC-HS does.

    Args:
        root: the data set's folder, or the folder that holds `s1`, `s2`, …
        dataset: the name that the clips get.
        fps: their frame rate.

    Raises:
        DataError: there are no folders `s1`, `s2`, …, or two of them belong to one subject. Whatever is wrong with
            single clips is returned as faults.
    """
    frames_folder, faults = find_frames(root, _SUBJECTS)
    clips: dict[tuple[str, str, int], Clip] = {}
    incomplete, long = [], []
    marked = is_marked_cropped(frames_folder)
    subjects, strays = subject_folders(frames_folder, _SUBJECTS)
    for subject, subject_folder in subjects.items():
        folders, files = _clip_folders(subject_folder)
        strays += files
        for folder in folders:
            try:
                emotion, number = _parse_name(folder, subject, subject_folder)
                if (subject, emotion, number) in clips:
                    first = clips[subject, emotion, number].frames[0].parent
                    raise FaultyData(folder, f"the same clip as {first}", "keep one of them")
                frames = list_frames(folder)
                if len(frames.numbers) < 2:
                    problem = f"{len(frames.numbers)} frames named like reg_image1.bmp or image1.jpg; motion needs two"
                    raise FaultyData(folder, problem, "copy the clip again or remove its folder")
            except FaultyData as error:
                faults.append(error.fault)
                continue
            clips[subject, emotion, number] = Clip(
                dataset=dataset,
                subject=subject,
                name=folder.name.strip(),
                frames=frames.paths,
                frame_numbers=frames.numbers,
                onset=frames.numbers[0],
                apex=None,
                offset=frames.numbers[-1],
                emotion=emotion,
                label=THREE_CLASSES.index(emotion),
                action_units="",
                fps=fps,
                cropped=marked or frames.kind.startswith("reg_"),
            )
            strays += frames.strays
            incomplete += [folder] if frames.missing(frames.numbers[0], frames.numbers[-1]) else []
            long += [folder] if len(frames.numbers) > _LONGEST else []

    for some, problem, remedy in (
        (incomplete, "have gaps in their frame numbers", "nothing to do, or copy them again"),
        (long, f"are longer than {_LONGEST} frames, as none in SMIC-HS is", "extended clips start before the onset"),
    ):
        if some:
            problem = f"{len(some)} clips {problem}, the first is {some[0].name}"
            faults.append(Fault("note", frames_folder, problem, remedy))
    faults += ignored(frames_folder, strays)
    return DatasetContents(clips=tuple(sorted(clips.values(), key=by_subject)), faults=tuple(faults))


def _clip_folders(folder: Path, depth: int = _DEPTH) -> tuple[list[Path], list[Path]]:
    """Folders below `folder` that are named like a clip or hold frames, and files where only folders belong."""
    folders, files = list_folder(folder)
    found = [
        path for path in files if _CLIP.fullmatch(path.name.strip())
    ]  # a clip that is a file: listing it will say so
    strays = [path for path in files if path not in found]
    for child in folders:
        if child.name.lower() in _NOT_MICRO:
            continue
        if _CLIP.fullmatch(child.name.strip()) or list_frames(child).numbers:
            found.append(child)
        elif depth > 1:
            deeper, files_below = _clip_folders(child, depth - 1)
            found += deeper
            strays += files_below
    return found, strays


def _parse_name(folder: Path, subject: str, subject_folder: Path) -> tuple[str, int]:
    """The class and the number of a clip from its folder's name, which the folders around it must confirm."""
    match = _CLIP.fullmatch(folder.name.strip())
    if match is None:
        problem = "holds frames but is not named like s1_po_01 (ne, po or sur)"
        raise FaultyData(folder, problem, "restore its name or remove it")
    if int(match[1]) != int(subject):
        problem = f"a clip of subject {int(match[1])} in the folder of subject {int(subject)}"
        raise FaultyData(folder, problem, "move it to its own subject")
    emotion = _EMOTIONS[match[2].lower()]
    around = {part.lower() for part in folder.relative_to(subject_folder).parts[:-1]} & set(THREE_CLASSES)
    if around - {emotion}:
        raise FaultyData(folder, f"named {emotion} but lies in a folder {min(around)}", "move it where it belongs")
    return emotion, int(match[3])
