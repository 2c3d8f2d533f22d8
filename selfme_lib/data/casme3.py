"""CAS(ME)³, part A (Li et al., IEEE TPAMI 2023): recordings in colour and depth, 30 frames a second.

    annotation/cas(me)3_part_A_ME_label_….xlsx          or .csv, or beside the frames: Subject, Filename, Onset, Apex, …, emotion
    spNO.1/b/color/175.jpg                              as recorded; depth/ lies beside it and is not read
    Part_A_ME_clip/frame/spNO.1_b_166/166.jpg           or cut into clips, named by subject, recording and onset

A folder is a recording that may hold several micro-expressions. So a clip is a row: its name is the recording's with the
onset (`b_175`), its frames are those from onset to offset.

The three classes are chosen as for SAMM: anger, disgust, fear and sadness negative, happiness positive, surprise
surprise, others left out; with four classes, others are the fourth; with seven, each emotion is a class. There is no official
list for this data set. Some rows are known to be wrong, and are left out where they cannot be right: in row 130 the apex comes
before the onset, in others the onset does not exist or the offset comes too early (MEB corrects the same rows). A few rows span
many seconds; the doctor counts them.
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
_SLIPS = frozenset({130, 710, 751, 752, 798, 800})  # rows of cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx

LAYOUT = Layout(
    dataset="casme3",
    fps=30.0,
    scheme=Scheme(
        columns=dict(zip(COLUMNS, _TITLES)),
        subject=_SUBJECT,
        folder=re.compile(r"[\w-][\w. -]*"),
        classes=EMOTIONS,
        recordings=True,
        slips=_SLIPS,
    ),
    label_file=re.compile(r"cas.?me.?3(?!.*_mae_).*label.*", re.IGNORECASE),  # MaE: macro-expressions
    label_example="cas(me)3_part_A_ME_label_….xlsx",
    subjects=Subjects(
        name=_SUBJECT, digits=3, examples="spNO.1, spNO.2, …", remedy="give the folder of part A of CAS(ME)³"
    ),
    frame=re.compile(r"(?P<kind>)(?P<number>[0-9]{1,12})\.(?:jpg|jpeg|bmp|png)", re.IGNORECASE),
    frame_example="175.jpg",
    inner="color",
    flat=re.compile(r"sp\.?NO\.?([0-9]{1,4})_(.+_[0-9]{1,9})", re.IGNORECASE),
)
