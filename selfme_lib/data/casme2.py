"""CASME II (Yan et al., PLOS ONE 2014): 26 subjects, 200 frames a second, labels in one Excel file.

    CASME2-coding-20140508.xlsx                         or a later one
    Cropped/sub01/EP02_01f/reg_img46.jpg                cropped and registered by the authors
    Cropped-updated/Cropped/sub01/EP02_01f/…            the same in a later release
    CASME2_RAW_selected/sub01/EP02_01f/img46.jpg        as recorded

In the three classes of the MEGC 2019 protocol disgust and repression are negative, happiness positive, surprise
surprise. It uses 145 clips of 24 subjects, leaving out a clip without an apex (sub04/EP12_01f) and one whose apex is its
onset (sub05/EP09_05f). Two clips have frames and no label (sub09/EP02_02f, sub24/EP02_07). In the cropped release
sub16/EP01_08 ends at frame 96, before its offset 110; since its apex is there, it is used.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .clips import FIVE_CLASSES, THREE_CLASSES, DatasetContents
from .coding import Scheme
from .labelled import Layout, read_labelled
from .tree import FRAME

EMOTIONS = {
    **dict.fromkeys(("disgust", "repression"), "negative"),
    "happiness": "positive",
    "surprise": "surprise",
    **dict.fromkeys(("others", "sadness", "fear"), None),
}
"""CASME II's emotions and their class in the MEGC 2019 protocol, which leaves out those with `None`."""

LAYOUT = Layout(
    scheme=Scheme(
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
    ),
    label_file=re.compile(r"casme.*coding.*", re.IGNORECASE),
    label_example="CASME2-coding-….xlsx",
    subject=re.compile(r"sub([0-9]{1,4})", re.IGNORECASE),
    subject_examples="sub01, sub02, …",
    preferred=("updated", "cropped"),
    frame=FRAME,
    frame_example="reg_img1.jpg or img1.jpg",
    remedy="give the folder of CASME II, which holds Cropped or CASME2_RAW_selected",
)


def read_casme2(
    root: Path, *, dataset: str = "casme2", fps: float = 200.0, classes: Sequence[str] = THREE_CLASSES
) -> DatasetContents:
    """Read CASME II, or a data set that lies on disk as CASME II does; see `labelled.read_labelled`.

    Args:
        root: the data set's folder, or the folder that holds `sub01`, `sub02`, …
        dataset: the name that the clips get.
        fps: their frame rate.
        classes: the three of MEGC 2019, or `FIVE_CLASSES`: emotions as labelled, without sadness and fear.

    Raises:
        DataError: as `read_labelled`.
    """
    layout = LAYOUT
    if classes == FIVE_CLASSES:
        own_class = {emotion: emotion if emotion in classes else None for emotion in EMOTIONS}
        layout = replace(LAYOUT, scheme=replace(LAYOUT.scheme, classes=own_class))
    return read_labelled(root, layout, classes=classes, dataset=dataset, fps=fps)
