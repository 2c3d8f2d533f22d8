"""CAS(ME)³, part A (Li et al., IEEE TPAMI 2023): recordings in colour and depth, 30 frames a second.

    cas(me)3_part_A_ME_label_….xlsx, or .csv            Subject, Filename, Onset, Apex, Offset, AU, Objective class, emotion
    spNO.1/b/color/175.jpg                              as recorded; depth/ lies beside it and is not read

A folder is a recording that may hold several micro-expressions: a clip is a row, its name the recording's and its onset
(`b_175`), its frames those from onset to offset.

The three classes are chosen as for SAMM: anger, disgust, fear and sadness negative, happiness positive, surprise
surprise, others left out. There is no official list for this data set.
"""

import re
from pathlib import Path

from .clips import THREE_CLASSES, FaultyData, Reading
from .coding import Scheme, read_coding
from .labelled import FramesOnDisk, bring_together
from .tree import choose_folder, find_label_file, folders_of_subjects, is_marked_cropped, list_folder, subject_folders

EMOTIONS = {
    **dict.fromkeys(("anger", "disgust", "fear", "sad", "sadness"), "negative"),
    **dict.fromkeys(("happy", "happiness"), "positive"),
    "surprise": "surprise",
    **dict.fromkeys(("other", "others"), None),
}
"""The emotions of CAS(ME)³ and their class; `None` is left out."""

SCHEME = Scheme(
    columns={
        "subject": "Subject",
        "folder": "Filename",
        "onset": "Onset",
        "apex": "Apex",
        "offset": "Offset",
        "action_units": "AU",
        "emotion": "emotion",
    },
    subject=re.compile(r"sp\.?NO\.?([0-9]{1,4})", re.IGNORECASE),
    digits=3,
    folder=re.compile(r"[\w-][\w. -]*"),
    classes=EMOTIONS,
    recordings=True,
)
_FRAME = re.compile(r"(?P<kind>)(?P<number>[0-9]{1,12})\.(?:jpg|jpeg|bmp|png)", re.IGNORECASE)
_LABEL_FILE = re.compile(r"cas.?me.?3.*label.*", re.IGNORECASE)


def read(root: Path, *, dataset: str = "casme3", fps: float = 30.0) -> Reading:
    """Read part A of CAS(ME)³.

    Args:
        root: the data set's folder, or the folder that holds `spNO.1`, `spNO.2`, …
        dataset: the name that the clips get.
        fps: their frame rate.

    Raises:
        DataError: no frames or no label file, or one that is useless as a whole. What is wrong with single rows and
            clips is returned as faults.
    """
    found = folders_of_subjects(root, SCHEME.subject)
    if not found:
        problem = "no folders spNO.1, spNO.2, … in it or up to two levels below"
        raise FaultyData(file=root, problem=problem, remedy="give the folder of part A of CAS(ME)³")
    folder, notes = choose_folder(root, found, preferred=())
    label_file = find_label_file(
        root, folder, _LABEL_FILE, suffixes=(".xlsx", ".csv"), example="cas(me)3_part_A_ME_label_….xlsx"
    )
    subjects, strays = subject_folders(folder, SCHEME.subject, SCHEME.digits)
    recordings = {}
    for subject, path in subjects.items():
        folders, files = list_folder(path)
        strays += files
        recordings |= {(subject, recording.name): recording / "color" for recording in folders}
    disk = FramesOnDisk(
        folder=folder,
        subjects=subjects,
        clips=recordings,
        strays=[path for path in strays if not _LABEL_FILE.fullmatch(path.name)],
        naming=_FRAME,
        example="175.jpg",
        notes=notes,
    )
    coding, cropped = read_coding(label_file, SCHEME), is_marked_cropped(folder)
    return bring_together(disk, coding, classes=THREE_CLASSES, dataset=dataset, fps=fps, cropped=cropped)
