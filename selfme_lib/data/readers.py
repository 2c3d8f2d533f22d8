"""From the name of a data set and its folder to clips: `load_clips` and what it left out."""

from dataclasses import replace
from pathlib import Path

from selfme_lib.data import casme2, features, smic
from selfme_lib.data.clips import Clip, Fault, FaultyData, Reading, SelectionReport, count_classes
from selfme_lib.errors import DataError, UsageError
from selfme_lib.files import read_json

APEX_RULES = ("label", "middle")


def load_clips(dataset: str, root: Path | str, *, apex_rule: str = "label") -> list[Clip]:
    """The clips of the three-class protocol, sorted by subject and name.

    Args:
        dataset: "casme2", "smic", "features" (see `features`) or "synthme", which is read by the reader whose layout it was
            written in.
        root: the data set's folder, or the folder that holds the subjects' folders.
        apex_rule: "label" takes the apex of the label file (SMIC has none: `apex` is None); "middle" the frame half-way
            between onset and offset. The rule does not change which clips are used.

    Raises:
        UsageError: unknown data set or rule.
        DataError: the first thing that is wrong with the data; `doctor.examine` lists all of them.
    """
    if apex_rule not in APEX_RULES:
        raise UsageError(f"unknown apex_rule {apex_rule!r}; use one of {', '.join(APEX_RULES)}")
    clips = _read_without_fault(dataset, root).clips
    return [replace(clip, apex=clip.middle) for clip in clips] if apex_rule == "middle" else list(clips)


def selection_report(dataset: str, root: Path | str) -> SelectionReport:
    """How many clips of each class `load_clips` uses, and every clip that it leaves out, with the reason.

    Raises:
        UsageError, DataError: as `load_clips`.
    """
    reading = _read_without_fault(dataset, root)
    return SelectionReport(
        dataset=dataset,
        subjects=len({clip.subject for clip in reading.clips}),
        per_class=count_classes(reading.clips),
        left_out=reading.left_out,
    )


def read(dataset: str, root: Path | str) -> Reading:
    """Everything there is to know about a folder, faults included.

    Raises:
        UsageError: unknown data set.
        DataError: the folder is useless as a whole.
    """
    if dataset not in _READERS:
        supported = ", ".join(_READERS)
        raise UsageError(f"data set {dataset!r} is not supported; use one of {supported}")
    reading = _READERS[dataset](Path(root))
    if not reading.clips and not any(fault.severity == "error" for fault in reading.faults):
        raise FaultyData(
            file=Path(root),
            problem="no clip of the three classes negative, positive, surprise",
            remedy="check that the whole data set was copied",
        )
    return reading


def _read_without_fault(dataset: str, root: Path | str) -> Reading:
    reading = read(dataset, root)
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


_LAYOUTS = {"casme2": casme2.read, "smic": smic.read}
_READERS = {**_LAYOUTS, "synthme": _read_synthme, "features": features.read}
