"""CAS(ME)³, part A (Li et al., IEEE TPAMI 2023): recordings in colour and depth, 30 frames a second.

    cas(me)3_part_A_ME_label_….xlsx, or .csv            Subject, Filename, Onset, Apex, Offset, AU, Objective class, emotion
    spNO.1/b/color/175.jpg                              as recorded; depth/ lies beside it and is not read

A folder is a recording that may hold several micro-expressions. So a clip is a row: its name is the recording's with the
onset (`b_175`), its frames are those from onset to offset.

The three classes are chosen as for SAMM: anger, disgust, fear and sadness negative, happiness positive, surprise
surprise, others left out. There is no official list for this data set.
"""

import re

from .coding import COLUMNS, Scheme
from .labelled import Layout
from .tree import Subjects

EMOTIONS = {
    **dict.fromkeys(("anger", "disgust", "fear", "sad", "sadness"), "negative"),
    **dict.fromkeys(("happy", "happiness"), "positive"),
    "surprise": "surprise",
    **dict.fromkeys(("other", "others"), None),
}
"""The emotions of CAS(ME)³ and their class; those with `None` are left out."""

_TITLES = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "emotion")
_SUBJECT = re.compile(r"sp\.?NO\.?([0-9]{1,4})", re.IGNORECASE)

LAYOUT = Layout(
    dataset="casme3",
    fps=30.0,
    scheme=Scheme(
        columns=dict(zip(COLUMNS, _TITLES)),
        subject=_SUBJECT,
        folder=re.compile(r"[\w-][\w. -]*"),
        classes=EMOTIONS,
        recordings=True,
    ),
    label_file=re.compile(r"cas.?me.?3.*label.*", re.IGNORECASE),
    label_example="cas(me)3_part_A_ME_label_….xlsx",
    subjects=Subjects(
        name=_SUBJECT, digits=3, examples="spNO.1, spNO.2, …", remedy="give the folder of part A of CAS(ME)³"
    ),
    frame=re.compile(r"(?P<kind>)(?P<number>[0-9]{1,12})\.(?:jpg|jpeg|bmp|png)", re.IGNORECASE),
    frame_example="175.jpg",
    inner="color",
)
