"""From the name of a data set and its folder to clips: `load_clips`, and what it left out."""

import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_json

from . import casme3
from .apex_list import read_apex_list
from .checks import check_frames
from .clips import PROTOCOLS, THREE_CLASSES, Clip, DatasetContents, SelectionReport, count_classes
from .composite import PARTS, read_composite
from .faults import Fault, FaultyData
from .features import read_features
from .labelled import read_labelled
from .listed import FOLDER, FOURDME, MMEW, read_listed
from .long_videos import LONG_DATASETS

logger = logging.getLogger(__name__)

APEX_RULES = ("label", "middle", "list")


def load_clips(
    dataset: str,
    root: Path | str,
    *,
    apex_rule: str = "label",
    apex_list: Path | str | None = None,
    classes: int = len(THREE_CLASSES),
    skip_broken: bool = False,
) -> list[Clip]:
    """The clips of a protocol, sorted by subject and name.

    Args:
        dataset: one of `DATASETS`; "synthme" is read by the reader whose layout it was written in.
        root: the data set's folder, or the folder that holds the subjects' folders.
        apex_rule: "label" takes the apex of the label file (SMIC has none: `Clip.apex` is None); "middle" the frame
            half-way between onset and offset; "list" the one in `apex_list`. In the composite a rule applies only to
            SMIC's clips, which have no label. The rule does not change which clips are used. One more rule, the frame
            of the largest motion, needs a motion method: `selfme_lib.study.apex`.
        apex_list: for "list": CSV with the columns subject, clip, apex.
        classes: 3, or a number of classes in the data set's `PROTOCOLS`.
        skip_broken: do without clips that cannot be read, and without rows that cannot be understood; a warning counts
            them. Otherwise the first of them is an error.

    Raises:
        UsageError: unknown data set, rule or number of classes.
        DataError: the first thing that is wrong with the data; `doctor.examine` lists all of them.
    """
    if apex_rule not in APEX_RULES:
        raise UsageError(f"unknown apex_rule {apex_rule!r}; use one of {', '.join(APEX_RULES)}")
    if (apex_rule == "list") != (apex_list is not None):
        raise UsageError('apex_rule "list" and a file of apex frames belong together; give both or neither')
    clips = list(read_sound(dataset, root, classes=classes, skip_broken=skip_broken).clips)
    if apex_rule == "label":
        return clips
    without = without_apex(dataset, clips)
    if apex_list is not None:
        return with_apexes(clips, read_apex_list(Path(apex_list), without))
    return with_apexes(clips, {clip.key: clip.middle for clip in without})


def without_apex(dataset: str, clips: list[Clip]) -> list[Clip]:
    """The clips whose apex a rule chooses: all of them, but in the composite only those without a label."""
    return [clip for clip in clips if clip.apex is None] if dataset == "composite" else clips


def with_apexes(clips: list[Clip], apexes: Mapping[str, int]) -> list[Clip]:
    """The same clips; those whose key is in `apexes` get that apex."""
    return [replace(clip, apex=apexes.get(clip.key, clip.apex)) for clip in clips]


def selection_report(dataset: str, root: Path | str, *, classes: int = len(THREE_CLASSES)) -> SelectionReport:
    """How many clips of each class `load_clips` uses, and every clip that it leaves out, with the reason.

    Raises:
        UsageError, DataError: as `load_clips`.
    """
    contents = read_sound(dataset, root, classes=classes)
    return SelectionReport(
        dataset=dataset,
        subjects=len({clip.subject for clip in contents.clips}),
        per_class=count_classes(contents.clips, class_names(dataset, classes)),
        left_out=contents.left_out,
    )


def class_names(dataset: str, classes: int) -> tuple[str, ...]:
    """The classes of a protocol.

    Raises:
        UsageError: the data set has no protocol with this number of classes.
    """
    protocols = {len(names): names for names in (THREE_CLASSES, *PROTOCOLS.get(dataset, ()))}
    if classes in protocols:
        return protocols[classes]
    others = ", ".join(
        f"{name} also {' and '.join(str(len(names)) for names in own)}" for name, own in PROTOCOLS.items()
    )
    raise UsageError(f"{dataset} in {classes} classes: every data set has 3, {others}")


def read_dataset(dataset: str, root: Path | str, *, classes: int = len(THREE_CLASSES)) -> DatasetContents:
    """Everything that can be found out about a folder, faults included.

    Raises:
        UsageError: unknown data set or number of classes.
        DataError: the folder cannot be used at all.
    """
    if dataset not in DATASETS:
        raise UsageError(f"data set {dataset!r} is not supported; use one of {', '.join(DATASETS)}")
    names = class_names(dataset, classes)
    reader = partial(_READERS[dataset], classes=names) if dataset in PROTOCOLS else _READERS[dataset]
    contents = reader(Path(root))
    if not contents.clips and not contents.errors:
        problem = f"no clip of the {classes} classes {', '.join(names)}"
        raise FaultyData(Path(root), problem, "check that the whole data set was copied")
    return contents


def read_sound(dataset: str, root: Path | str, *, classes: int, skip_broken: bool = False) -> DatasetContents:
    """What can be used of a folder. Arguments and errors as in `load_clips`."""
    contents = read_dataset(dataset, root, classes=classes)
    if skip_broken:
        return _without_broken(dataset, Path(root), contents)
    for fault in contents.errors:
        raise FaultyData(fault.file, fault.problem, fault.remedy, row=fault.row)
    return contents


def _without_broken(dataset: str, root: Path, contents: DatasetContents) -> DatasetContents:
    """The same without clips whose frames have errors; all errors become `broken`."""
    errors = [[fault for fault in faults if fault.severity == "error"] for faults in check_frames(contents.clips)]
    clips = tuple(clip for clip, of_clip in zip(contents.clips, errors) if not of_clip)
    broken = (*contents.errors, *(fault for of_clip in errors for fault in of_clip))
    gone = {clip.dataset for clip in contents.clips} - {clip.dataset for clip in clips}
    if dataset == "composite":
        gone = set(PARTS) - {clip.dataset for clip in clips}
    if gone or not clips:
        first = f"; the first error: {broken[0].line}" if broken else ""
        raise FaultyData(root, f"no sound clip of {', '.join(sorted(gone)) or dataset}", f"copy it again{first}")
    if broken:
        logger.warning("%d clips, rows or files are broken and left out, the first: %s", len(broken), broken[0].line)
    notes = tuple(fault for fault in contents.faults if fault.severity == "note")
    return replace(contents, clips=clips, faults=notes, broken=broken)


def _read_synthme(root: Path) -> DatasetContents:
    """Read SynthME with the reader of the data set whose layout it has, and check that all its clips are there."""
    files = [folder / "synthme.json" for folder in (root, *Path(os.path.realpath(root)).parents[:2])]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise FaultyData(root, "no synthme.json in it: not SynthME", "give a folder that `selfme synth` made")
    try:
        description = read_json(file)
        if description["layout"] in LONG_DATASETS:
            layout = description["layout"]
            raise FaultyData(file, "long videos, which are no clips", f"examine them as {layout}; see data.long_videos")
        reader, fps = PARTS[description["layout"]], float(description["fps"])
        config = description.get("config")
        if not 0 < fps < math.inf:
            raise ValueError(f"{description['fps']} frames a second")
        promised = None if config is None else int(config["subjects"]) * int(config["clips"])
        if promised is not None:
            promised -= int(description.get("others", 0))  # clips that fit no class
    except FaultyData:
        raise
    except (OSError, ValueError, KeyError, TypeError, DataError) as error:
        raise FaultyData(file, f"damaged, {type(error).__name__}: {error}", "generate the data set again") from None
    contents = reader(root, dataset="synthme", fps=fps)
    if promised is None or len(contents.clips) == promised:
        return contents
    remedy = "finish or repeat the generation with `selfme synth`"
    incomplete = Fault("error", file, f"{promised} clips should be there, {len(contents.clips)} can be used", remedy)
    return replace(contents, faults=(*contents.faults, incomplete))


_READERS: dict[str, Callable[..., DatasetContents]] = {
    **PARTS,
    "casme3": partial(read_labelled, layout=casme3.LAYOUT),
    "mmew": partial(read_listed, listing=MMEW),
    "4dme": partial(read_listed, listing=FOURDME),
    "folder": partial(read_listed, listing=FOLDER),
    "composite": read_composite,
    "synthme": _read_synthme,
    "features": read_features,
}
DATASETS = tuple(_READERS)
"""What can be read."""
