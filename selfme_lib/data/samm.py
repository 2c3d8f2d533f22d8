"""SAMM (Davison et al., IEEE TAFFC 2018): 32 subjects, 200 frames a second, in shades of grey.

    SAMM_Micro_FACS_Codes_v2.xlsx                       a preamble of 13 rows, then the header; Duration is a formula
    006/006_1_2/006_05562.jpg                           as recorded: the head and the wall behind it

Six clips zero-pad their numbers differently, so names are compared as numbers. The frames are recordings; faces are
cropped before motion is measured (`alignment`).

MEGC 2019 uses 133 clips of 28 subjects: anger, contempt, disgust, fear and sadness are negative, happiness is positive,
surprise surprise; only `other` is left out.
"""

import re

from .coding import COLUMNS, Scheme
from .labelled import Layout
from .tree import Subjects

EMOTIONS = {
    **dict.fromkeys(("anger", "contempt", "disgust", "fear", "sadness"), "negative"),
    "happiness": "positive",
    "surprise": "surprise",
    **dict.fromkeys(("other", "others"), None),
}
"""SAMM's emotions and their class in the MEGC 2019 protocol, which leaves out those with `None`."""

_TITLES = ("Subject", "Filename", "Onset Frame", "Apex Frame", "Offset Frame", "Action Units", "Estimated Emotion")
_SUBJECT = re.compile(r"([0-9]{1,4})")
_CLIP = re.compile(r"([0-9]{1,4})_([0-9]{1,4})_([0-9]{1,4})")

LAYOUT = Layout(
    dataset="samm",
    fps=200.0,
    scheme=Scheme(columns=dict(zip(COLUMNS, _TITLES)), subject=_SUBJECT, folder=_CLIP, classes=EMOTIONS),
    label_file=re.compile(r"samm.*cod.*", re.IGNORECASE),
    label_example="SAMM_Micro_FACS_Codes_v2.xlsx",
    subjects=Subjects(
        name=_SUBJECT,
        digits=3,
        clip=_CLIP,
        examples="such as 006 with clips such as 006_1_2",
        remedy="give the folder of SAMM",
    ),
    frame=re.compile(r"(?P<kind>[0-9]{1,4})_(?P<number>[0-9]{1,12})\.(?:jpg|jpeg|bmp|png)", re.IGNORECASE),
    frame_example="006_05562.jpg",
)
