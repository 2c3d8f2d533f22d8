"""Clips from the data sets of the field, and a doctor that says what is wrong with a copy of one.

    from selfme_lib.data import load_clips, load_onset_apex
    clips = load_clips("casme2", root)
    onset, apex = load_onset_apex(clips, size=224)

Begin with `clips` (what a reader returns), then `readers` (one per data set: `casme2`, `smic`, …, on top of `tree`, `coding`
and `labelled`), `images`, `doctor`. `long_videos` has the videos in which expressions are to be found (`casme2_long`,
`samm_long`). `alignment`, `faces` and `frame_cache` crop recordings; `recording` streams them, and `face_stream` holds the
face still (`stabilisation`); `video` and `voxceleb` read faces for pre-training. This room imports only `runtime`.
"""

from .clips import (
    FIVE_CLASSES,
    THREE_CLASSES,
    Clip,
    LeftOut,
    SelectionReport,
    count_classes,
    dataset_fingerprint,
)
from .doctor import Examination, examine
from .faults import Fault
from .images import frame_size, load_onset_apex, read_clip_frame, read_frame
from .readers import DATASETS, load_clips, selection_report

__all__ = [
    "DATASETS",
    "FIVE_CLASSES",
    "THREE_CLASSES",
    "Clip",
    "Examination",
    "Fault",
    "LeftOut",
    "SelectionReport",
    "count_classes",
    "dataset_fingerprint",
    "examine",
    "frame_size",
    "load_clips",
    "load_onset_apex",
    "read_clip_frame",
    "read_frame",
    "selection_report",
]
