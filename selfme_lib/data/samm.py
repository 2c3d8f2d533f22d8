"""SAMM (Davison et al., IEEE TAFFC 2018): 32 subjects, 200 frames a second, in shades of grey.

    SAMM_Micro_FACS_Codes_v2.xlsx                       13 rows of words, then the header; Duration is a formula
    006/006_1_2/006_05562.jpg                           as recorded: the head and the wall behind it

Six clips pad their numbers with zeros in another way than the rest: names are compared as numbers. The frames are
recordings; faces are cut out of them before motion is measured (`alignment`).

MEGC 2019 uses 133 clips of 28 subjects: anger, contempt, disgust, fear and sadness are negative, happiness is positive,
surprise surprise; only `other` is left out.
"""

import re
from pathlib import Path

from .clips import THREE_CLASSES, FaultyData, Reading
from .coding import Scheme, canonical, read_coding
from .labelled import FramesOnDisk, bring_together
from .tree import choose_folder, find_label_file, folders_of_subjects, is_marked_cropped, list_folder, subject_folders

EMOTIONS = {
    **dict.fromkeys(("anger", "contempt", "disgust", "fear", "sadness"), "negative"),
    "happiness": "positive",
    "surprise": "surprise",
    **dict.fromkeys(("other", "others"), None),
}
"""SAMM's emotions and their class in the MEGC 2019 protocol; `None` is left out by it."""

SCHEME = Scheme(
    columns={
        "subject": "Subject",
        "folder": "Filename",
        "onset": "Onset Frame",
        "apex": "Apex Frame",
        "offset": "Offset Frame",
        "action_units": "Action Units",
        "emotion": "Estimated Emotion",
    },
    subject=re.compile(r"([0-9]{1,4})"),
    digits=3,
    folder=re.compile(r"([0-9]{1,4})_([0-9]{1,4})_([0-9]{1,4})"),
    classes=EMOTIONS,
)
_FRAME = re.compile(r"(?P<kind>[0-9]{1,4})_(?P<number>[0-9]{1,12})\.(?:jpg|jpeg|bmp|png)", re.IGNORECASE)
_LABEL_FILE = re.compile(r"samm.*cod.*", re.IGNORECASE)


def read(root: Path, *, dataset: str = "samm", fps: float = 200.0) -> Reading:
    """Read SAMM, or a data set that lies on disk as SAMM does.

    Args:
        root: the data set's folder, or the folder that holds `006`, `007`, …
        dataset: the name that the clips get.
        fps: their frame rate.

    Raises:
        DataError: no frames or no label file, one that is useless as a whole, or two folders for one clip. What is
            wrong with single rows and clips is returned as faults.
    """
    found = [folder for folder in folders_of_subjects(root, SCHEME.subject) if _holds_clips(folder)]
    if not found:
        problem = "no folders such as 006 with clips such as 006_1_2 in it or up to two levels below"
        raise FaultyData(file=root, problem=problem, remedy="give the folder of SAMM")
    folder, notes = choose_folder(root, found, preferred=())
    label_file = find_label_file(root, folder, _LABEL_FILE, example="SAMM_Micro_FACS_Codes_v2.xlsx")
    subjects, strays = subject_folders(folder, SCHEME.subject, SCHEME.digits)
    clips: dict[tuple[str, str], Path] = {}
    for subject, path in subjects.items():
        folders, files = list_folder(path)
        strays += files
        for clip in folders:
            match = SCHEME.folder.fullmatch(clip.name)
            name = clip.name if match is None else canonical(match, SCHEME.digits)
            if match is not None and int(match[1]) != int(subject):
                problem = f"a clip of subject {match[1]} in the folder of subject {subject}"
                raise FaultyData(file=clip, problem=problem, remedy="move it to its own subject")
            if (subject, name) in clips:
                problem = f"the same clip as {clips[subject, name].name}"
                raise FaultyData(file=clip, problem=problem, remedy="keep one of them")
            clips[subject, name] = clip
    disk = FramesOnDisk(
        folder=folder,
        subjects=subjects,
        clips=clips,
        strays=[path for path in strays if not _LABEL_FILE.fullmatch(path.name)],
        naming=_FRAME,
        example="006_05562.jpg",
        notes=notes,
    )
    coding, cropped = read_coding(label_file, SCHEME), is_marked_cropped(folder)
    return bring_together(disk, coding, classes=THREE_CLASSES, dataset=dataset, fps=fps, cropped=cropped)


def _holds_clips(folder: Path) -> bool:
    """Whether the numbers in it are subjects: years and versions are numbers, too."""
    subjects = [path for path in list_folder(folder)[0] if SCHEME.subject.fullmatch(path.name)]
    return any(SCHEME.folder.fullmatch(clip.name) for path in subjects for clip in list_folder(path)[0])
