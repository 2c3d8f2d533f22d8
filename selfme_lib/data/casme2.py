"""CASME II (Yan et al., PLOS ONE 2014): 26 subjects, 200 frames a second, labels in one Excel file.

    CASME2-coding-20140508.xlsx                         or a later one
    Cropped/sub01/EP02_01f/reg_img46.jpg                cropped and registered by the authors
    Cropped-updated/Cropped/sub01/EP02_01f/…            the same in a later release
    CASME2_RAW_selected/sub01/EP02_01f/img46.jpg        as recorded

Three classes of the MEGC 2019 protocol: disgust and repression are negative, happiness positive, surprise surprise. It
uses 145 clips of 24 subjects: without a clip that has no apex (sub04/EP12_01f) and one whose apex is its onset
(sub05/EP09_05f). Two clips have frames and no label (sub09/EP02_02f, sub24/EP02_07). In the cropped release
sub16/EP01_08 ends at frame 96, before its offset 110: its apex is there, so it is used.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .clips import FIVE_CLASSES, THREE_CLASSES, Fault, FaultyData, Reading
from .coding import Scheme, read_coding
from .labelled import FramesOnDisk, bring_together
from .tree import (
    FRAME,
    choose_folder,
    find_label_file,
    folders_of_subjects,
    is_marked_cropped,
    list_folder,
    subject_folders,
)

EMOTIONS = {
    "disgust": "negative",
    "repression": "negative",
    "happiness": "positive",
    "surprise": "surprise",
    "others": None,
    "sadness": None,
    "fear": None,
}
"""CASME II's emotions and their class in the MEGC 2019 protocol; `None` is left out by it."""

SCHEME = Scheme(
    columns={
        "subject": "Subject",
        "folder": "Filename",
        "onset": "OnsetFrame",
        "apex": "ApexFrame",
        "offset": "OffsetFrame",
        "action_units": "Action Units",
        "emotion": "Estimated Emotion",
    },
    subject=re.compile(r"(?:sub)?([0-9]{1,4})", re.IGNORECASE),
    digits=2,
    folder=re.compile(r"[\w-][\w. -]*"),
    classes=EMOTIONS,
)
_SUBJECT = re.compile(r"sub([0-9]{1,4})", re.IGNORECASE)
_LABEL_FILE = re.compile(r"casme.*coding.*", re.IGNORECASE)


def read(root: Path, *, dataset: str = "casme2", fps: float = 200.0, classes: Sequence[str] = THREE_CLASSES) -> Reading:
    """Read CASME II, or a data set that lies on disk as CASME II does.

    Args:
        root: the data set's folder, or the folder that holds `sub01`, `sub02`, …
        dataset: the name that the clips get.
        fps: their frame rate.
        classes: the three of MEGC 2019, or `FIVE_CLASSES`: emotions as they are, sadness and fear left out.

    Raises:
        DataError: no frames or no label file, or one that is useless as a whole. What is wrong with single rows and
            clips is returned as faults.
    """
    folder, notes = _find_frames(root)
    scheme = SCHEME
    if classes == FIVE_CLASSES:
        scheme = replace(SCHEME, classes={emotion: emotion if emotion in classes else None for emotion in EMOTIONS})
    label_file = find_label_file(root, folder, _LABEL_FILE, example="CASME2-coding-….xlsx")
    subjects, strays = subject_folders(folder, _SUBJECT)
    found = {}
    for subject, path in subjects.items():
        folders, files = list_folder(path)
        found |= {(subject, clip.name): clip for clip in folders}
        strays += files
    disk = FramesOnDisk(
        folder=folder,
        subjects=subjects,
        clips=found,
        strays=[path for path in strays if not _LABEL_FILE.fullmatch(path.name)],
        naming=FRAME,
        example="reg_img1.jpg or img1.jpg",
        notes=notes,
    )
    cropped = True if is_marked_cropped(folder) else None  # else their names tell
    coding = read_coding(label_file, scheme)
    return bring_together(disk, coding, classes=classes, dataset=dataset, fps=fps, cropped=cropped)


def _find_frames(root: Path) -> tuple[Path, list[Fault]]:
    found = folders_of_subjects(root, _SUBJECT)
    if not found:
        raise FaultyData(
            file=root,
            problem="no folders sub01, sub02, … in it or up to two levels below",
            remedy="give the folder of CASME II, which holds Cropped or CASME2_RAW_selected",
        )
    return choose_folder(root, found, preferred=("updated", "cropped"))
