"""From the name of a data set and its folder to clips: `load_clips` and what it left out."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_json

from . import casme2, casme3, composite, features, samm, smic
from .apex_list import read_apex_list
from .clips import (
    CLASS_NAMES,
    FIVE_CLASSES,
    THREE_CLASSES,
    Clip,
    Fault,
    FaultyData,
    Reading,
    SelectionReport,
    count_classes,
)

APEX_RULES = ("label", "middle", "list")


def load_clips(
    dataset: str,
    root: Path | str,
    *,
    apex_rule: str = "label",
    apex_list: Path | str | None = None,
    classes: int = len(THREE_CLASSES),
) -> list[Clip]:
    """The clips of a protocol, sorted by subject and name.

    Args:
        dataset: one of `DATASETS`; "synthme" is read by the reader whose layout it was written in.
        root: the data set's folder, or the folder that holds the subjects' folders.
        apex_rule: "label" takes the apex of the label file (SMIC has none: `study.apex` is None); "middle" the frame half-way
            between onset and offset; "list" the one in `apex_list`. In the composite a rule is for SMIC's clips, which
            have no label, alone. The rule does not change which clips are used. One more rule, the frame of the largest
            motion, needs a motion method: `selfme_lib.study.apex`.
        apex_list: for "list": CSV with the columns subject, clip, apex.
        classes: 3, or 5 for CASME II's emotions as they are (`FIVE_CLASSES`).

    Raises:
        UsageError: unknown data set, rule or number of classes.
        DataError: the first thing that is wrong with the data; `doctor.examine` lists all of them.
    """
    if apex_rule not in APEX_RULES:
        raise UsageError(f"unknown apex_rule {apex_rule!r}; use one of {', '.join(APEX_RULES)}")
    if (apex_rule == "list") != (apex_list is not None):
        raise UsageError('apex_rule "list" and a file of apex frames belong together; give both or none')
    clips = list(_read_without_fault(dataset, root, classes).clips)
    if apex_rule == "label":
        return clips
    without = without_apex(dataset, clips)
    if apex_rule == "middle":
        return with_apexes(clips, {clip.key: clip.middle for clip in without})
    return with_apexes(clips, read_apex_list(Path(apex_list), without))


def without_apex(dataset: str, clips: list[Clip]) -> list[Clip]:
    """The clips for which a rule chooses the apex: all of them, but in the composite those without a label only."""
    return [clip for clip in clips if clip.apex is None] if dataset == "composite" else clips


def with_apexes(clips: list[Clip], apexes: Mapping[str, int]) -> list[Clip]:
    """The same clips; those whose key is in `apexes` get that apex."""
    return [replace(clip, apex=apexes.get(clip.key, clip.apex)) for clip in clips]


def selection_report(dataset: str, root: Path | str, *, classes: int = len(THREE_CLASSES)) -> SelectionReport:
    """How many clips of each class `load_clips` uses, and every clip that it leaves out, with the reason.

    Raises:
        UsageError, DataError: as `load_clips`.
    """
    reading = _read_without_fault(dataset, root, classes)
    return SelectionReport(
        dataset=dataset,
        subjects=len({clip.subject for clip in reading.clips}),
        per_class=count_classes(reading.clips, class_names(dataset, classes)),
        left_out=reading.left_out,
    )


def class_names(dataset: str, classes: int) -> tuple[str, ...]:
    """The classes of a protocol.

    Raises:
        UsageError: the data set has no protocol of so many classes.
    """
    if classes == len(THREE_CLASSES) or (classes == len(FIVE_CLASSES) and dataset == "casme2"):
        return CLASS_NAMES[classes]
    raise UsageError(f"{dataset} in {classes} classes: every data set has 3, casme2 also {len(FIVE_CLASSES)}")


def read(dataset: str, root: Path | str, *, classes: int = len(THREE_CLASSES)) -> Reading:
    """Everything there is to know about a folder, faults included.

    Raises:
        UsageError: unknown data set or number of classes.
        DataError: the folder is useless as a whole.
    """
    if dataset not in DATASETS:
        raise UsageError(f"data set {dataset!r} is not supported; use one of {', '.join(DATASETS)}")
    names = class_names(dataset, classes)
    reader = partial(casme2.read, classes=names) if dataset == "casme2" else _READERS[dataset]
    reading = reader(Path(root))
    if not reading.clips and not any(fault.severity == "error" for fault in reading.faults):
        raise FaultyData(
            file=Path(root),
            problem=f"no clip of the {_COUNTED[classes]} classes {', '.join(names)}",
            remedy="check that the whole data set was copied",
        )
    return reading


def _read_without_fault(dataset: str, root: Path | str, classes: int) -> Reading:
    reading = read(dataset, root, classes=classes)
    for fault in reading.faults:
        if fault.severity == "error":
            raise FaultyData(file=fault.file, problem=fault.problem, remedy=fault.remedy, row=fault.row)
    return reading


def _read_synthme(root: Path) -> Reading:
    """Read SynthME by the reader of the data set whose layout it has; it knows how many clips there should be."""
    files = [folder / "synthme.json" for folder in (root, *root.resolve().parents[:2])]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        remedy = "give a folder that `selfme synth` made"
        raise FaultyData(file=root, problem="no synthme.json in it: not SynthME", remedy=remedy)
    try:
        description = read_json(file)
        reader, fps = _LAYOUTS[description["layout"]], float(description["fps"])
        config = description.get("config")
        promised = None if config is None else int(config["subjects"]) * int(config["clips"])
    except (OSError, ValueError, KeyError, TypeError, DataError) as error:
        problem = f"damaged, {type(error).__name__}: {error}"
        raise FaultyData(file=file, problem=problem, remedy="generate the data set again") from None
    reading = reader(root, dataset="synthme", fps=fps)
    if promised is None or len(reading.clips) == promised:
        return reading
    problem = f"{promised} clips were to be made, {len(reading.clips)} can be used"
    remedy = "finish or make the data set again with `selfme synth`"
    incomplete = Fault(severity="error", file=file, problem=problem, remedy=remedy)
    return replace(reading, faults=(*reading.faults, incomplete))


_COUNTED = {3: "three", 5: "five"}
_LAYOUTS = {"casme2": casme2.read, "smic": smic.read, "samm": samm.read}
_READERS = {
    **_LAYOUTS,
    "casme3": casme3.read,
    "composite": composite.read,
    "synthme": _read_synthme,
    "features": features.read,
}
DATASETS = tuple(_READERS)
"""What can be read: casme2, smic, samm, casme3, composite, synthme and features."""
