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

from .coding import COLUMNS, Scheme
from .labelled import Layout
from .tree import FRAME, Subjects

EMOTIONS = {
    **dict.fromkeys(("disgust", "repression"), "negative"),
    "happiness": "positive",
    "surprise": "surprise",
    **dict.fromkeys(("others", "sadness", "fear"), None),
}
"""CASME II's emotions and their class in the MEGC 2019 protocol, which leaves out those with `None`."""

_TITLES = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion")

LAYOUT = Layout(
    dataset="casme2",
    fps=200.0,
    scheme=Scheme(
        columns=dict(zip(COLUMNS, _TITLES)),
        subject=re.compile(r"(?:sub)?([0-9]{1,4})", re.IGNORECASE),
        folder=re.compile(r"[\w-][\w. -]*"),
        classes=EMOTIONS,
    ),
    label_file=re.compile(r"casme.*coding.*", re.IGNORECASE),
    label_example="CASME2-coding-….xlsx",
    subjects=Subjects(
        name=re.compile(r"sub([0-9]{1,4})", re.IGNORECASE),
        examples="sub01, sub02, …",
        preferred=("updated", "cropped"),
        remedy="give the folder of CASME II, which holds Cropped or CASME2_RAW_selected",
    ),
    frame=FRAME,
    frame_example="reg_img1.jpg or img1.jpg",
)
