"""The settings of a run: one frozen tree of dataclasses, filled from `notebooks/profiles/*.yaml`.

A profile file holds every value, so that nothing is hidden in a default; papermill reads the same file with `-f`.
A file of your own needs only what differs: `profile: quick` and the values to change. A name that does not exist is an
error that tells the nearest one that does: a misspelt option that is silently ignored has spoilt many an experiment.
"""

import difflib
import math
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from selfme_lib.baselines.rivals import RivalsConfig
from selfme_lib.classifier.network import ClassifierConfig
from selfme_lib.data.readers import class_names
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.paths import PROFILES


@dataclass(frozen=True)
class DataProfile:
    """Which clips.

    Attributes:
        dataset: whose layout and labels are read; `features` is motion that was computed elsewhere, for chapter 08 alone.
        root: folder of the data set; empty for SynthME means: rendered on first use under `data/` of the project.
        size: side in px of the square frames on which motion is measured.
        classes: of the protocol: 3, or 5 for CASME II's own emotions.
        align: cut the faces out of recordings first; releases that are cropped already are left as they are.
        apex_rule: `label`; or for a data set without apex labels (SMIC, also in the composite) `middle` of the clip,
            `largest` motion, or `list`.
        apex_method: what measures motion for the rule `largest`.
        apex_list: for the rule `list`: CSV file with the columns subject, clip, apex.
        layout: SynthME only: as which data set it lies on disk.
        subjects: SynthME only: number of people.
        clips: SynthME only: labelled clips a person.
        render_size: SynthME only: side in px of the rendered frames.
        first_identity: SynthME only: number of the first person; the shipped motion learner has seen none of these.
        seed: SynthME only: seed of the rendering; the seed of the experiment does not change the data.
    """

    dataset: Literal["synthme", "casme2", "smic", "samm", "casme3", "composite", "features"]
    root: str
    size: int
    classes: Literal[3, 5]
    align: bool
    apex_rule: Literal["label", "middle", "largest", "list"]
    apex_method: Literal["tvl1", "tvl1_fast", "farneback", "dis", "selfme"]
    apex_list: str
    layout: Literal["casme2", "smic", "samm"]
    subjects: int
    clips: int
    render_size: int
    first_identity: int
    seed: int

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the labels mean."""
        return class_names(self.dataset, self.classes)


@dataclass(frozen=True)
class MotionProfile:
    r"""The motion learner and what is done with its motion.

    Attributes:
        checkpoint: file to start from; empty means the one that comes with the package.
        steps: of fine-tuning before motion is extracted; 0 takes the checkpoint as it is.
        frames: what fine-tuning sees: `rendered` faces of people who are not evaluated, or frames of the `clips` that
            are, without their labels (transductive: the held-out subject has been looked at).
        persons, pairs: number of rendered faces, and of pairs of frames of each.
        batch_size: pairs of frames a step.
        lr, schedule: see `motion.training.TrainingConfig` (paper: 2e-6, multistep).
        gamma: motion amplification $\gamma$ at inference (Eq 2; paper: 2).
        bspline: expand by cubic B-spline and exponential (Eq 9), else bilinearly.
        methods: what is compared with the learned motion.
    """

    checkpoint: str
    steps: int
    frames: Literal["rendered", "clips"]
    persons: int
    pairs: int
    batch_size: int
    lr: float
    schedule: Literal["one-cycle", "constant", "multistep"]
    gamma: float
    bspline: bool
    methods: tuple[Literal["zero", "tvl1", "farneback", "dis", "selfme", "truth"], ...]


@dataclass(frozen=True)
class EvaluationProfile:
    """How results are made and how sure they are.

    Attributes:
        seeds: trainings of every fold, which differ in nothing else; tables show the mean over them.
        bootstrap: resamples of the subjects for the 95 % intervals.
        workers: processes that train folds side by side, one thread each; 1 trains in this process.
        cluster: address of a Dask scheduler that takes the folds instead, or `local` for a Dask cluster of `workers`
            processes; empty for none.
        omegas, taus: values of ω and τ that are compared (Fig 4).
        leaks: NOT FOR RESULTS: the habits of `evaluation.leaks` that rows are to have; their names will say so.
        rivals: settings of the other systems in Tables 2 and 3.
    """

    seeds: int
    bootstrap: int
    workers: int
    cluster: str
    omegas: tuple[float, ...]
    taus: tuple[float, ...]
    leaks: tuple[Literal["epoch", "faces"], ...]
    rivals: RivalsConfig


@dataclass(frozen=True)
class Profile:
    """Everything that determines a run. `name` is the file's name; `seed` is that of every training."""

    name: str
    seed: int
    data: DataProfile
    motion: MotionProfile
    classifier: ClassifierConfig
    evaluation: EvaluationProfile


SECTIONS = {
    "data": DataProfile,
    "motion": MotionProfile,
    "classifier": ClassifierConfig,
    "evaluation": EvaluationProfile,
}


_LEAST: dict[type, dict[str, float]] = {
    DataProfile: {"size": 32, "subjects": 2, "clips": 1, "render_size": 32, "first_identity": 0, "seed": 0},
    MotionProfile: {"steps": 0, "persons": 1, "pairs": 1, "batch_size": 1, "lr": 0, "gamma": 0},
    EvaluationProfile: {"seeds": 1, "bootstrap": 1, "workers": 1},
}
"""The smallest values that make sense; the classifier's are checked where it is defined."""


def names(folder: Path = PROFILES) -> list[str]:
    """The profiles that exist."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load(profile: str, *, seed: int | None = None, folder: Path = PROFILES, **sections: Any) -> Profile:
    """Read a profile and change some of its values.

    Args:
        profile: `smoke`, `quick`, `paper`, or a YAML file with `profile: NAME` and the values that differ from it.
        seed: seed of every training; the profile's own when None.
        sections: values to change: `load("quick", classifier={"epochs": 5})`.

    Raises:
        UsageError: an unknown profile, section or name, or a value of the wrong type.
    """
    values = _read(profile, folder)
    for section, changes in sections.items():
        _merge(values, section, changes, f"{profile}: ")
    unknown = sorted(set(values) - {"profile", "seed", *SECTIONS})
    if unknown:
        raise UsageError(f"profile {profile}: {_unknown(unknown[0], ['profile', 'seed', *SECTIONS])}")
    trees = {name: _build(kind, values.get(name, {}), name) for name, kind in SECTIONS.items()}
    _ = trees["data"].class_names  # there is such a protocol
    number = _convert(int, values["seed"] if seed is None else seed, "seed")
    return Profile(name=values["profile"], seed=number, **trees)


def to_dict(profile: Profile) -> dict[str, Any]:
    """A profile as the parameters of a notebook: plain values under `profile`, `seed` and the sections."""
    tree = {section: _lists(asdict(getattr(profile, section))) for section in SECTIONS}
    return {"profile": profile.name, "seed": profile.seed, **tree}


def _read(profile: str, folder: Path) -> dict[str, Any]:
    if profile.endswith((".yaml", ".yml")):
        path = Path(profile)
        if not path.is_file():
            raise UsageError(f"--profile {profile}: no such file")
        own = _parse(path)
        base = own.pop("profile", None)
        if base not in names(folder):
            raise UsageError(f"{profile}: expected a line `profile: NAME` with one of {', '.join(names(folder))}")
        values = _read(base, folder)
        values["seed"] = own.pop("seed", values["seed"])
        for section, changes in own.items():
            _merge(values, str(section), changes, f"{profile}: ")
        return values
    if profile not in names(folder):
        raise UsageError(f"profile {_unknown(profile, names(folder))}")
    return _parse(folder / f"{profile}.yaml")


def _parse(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        raise UsageError(f"{path}: not valid YAML{f' in line {where.line + 1}' if where else ''}") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected `name: value` lines")
    return values


def _merge(values: dict[str, Any], section: str, changes: Any, where: str) -> None:
    if section not in SECTIONS:
        raise UsageError(f"{where}{_unknown(section, list(SECTIONS))}")
    if not isinstance(changes, Mapping):
        raise UsageError(f"{where}{section}: expected names and values, got {changes!r}")
    values[section] = _merged(values[section], changes)


def _merged(values: Mapping, changes: Mapping) -> dict[str, Any]:
    """Values with changes, a mapping inside a mapping likewise: one rival's epochs leave the others as they are."""
    inside = {name for name, value in changes.items() if isinstance(value, Mapping)}
    inside = {name for name in inside if isinstance(values.get(name), Mapping)}
    return {**values, **changes, **{name: _merged(values[name], changes[name]) for name in inside}}


def _build(kind: type, values: Any, where: str) -> Any:
    hints = get_type_hints(kind)
    for name in values:
        if name not in hints:
            raise UsageError(_unknown(str(name), list(hints), f"{where}."))
    missing = [field.name for field in fields(kind) if field.name not in values]
    if missing:
        raise UsageError(f"{where}.{missing[0]}: no value given")
    converted = {name: _convert(hints[name], value, f"{where}.{name}") for name, value in values.items()}
    tree = kind(**converted)
    for name, least in _LEAST.get(kind, {}).items():
        if not least <= getattr(tree, name) < math.inf:
            raise UsageError(f"{where}.{name}: must be at least {least}, got {getattr(tree, name)}")
    return tree


def _convert(kind: Any, value: Any, where: str) -> Any:
    """`value` as an instance of `kind`, without guessing: an int may stand for a float, a list for a tuple, no more."""
    origin = get_origin(kind)
    if is_dataclass(kind) and isinstance(value, Mapping):
        return _build(kind, value, where)
    if origin is Literal:
        if value not in get_args(kind):
            raise UsageError(f"{where}: {_unknown(str(value), [str(option) for option in get_args(kind)])}")
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in get_args(kind):
            return None
        kind = next(option for option in get_args(kind) if option is not type(None))
        return _convert(kind, value, where)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_convert(get_args(kind)[0], item, where) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain = origin or kind
    if isinstance(value, plain) and not (plain is int and isinstance(value, bool)):
        return value
    expected = {int: "a whole number", float: "a number", bool: "true or false", str: "text", tuple: "a list"}
    hint = " (YAML reads 1e-4 as text: write 1.0e-4)" if kind is float and isinstance(value, str) else ""
    raise UsageError(f"{where}: expected {expected.get(plain, plain.__name__)}, got {value!r}{hint}")


def _unknown(name: str, known: list[str], prefix: str = "") -> str:
    near = max(known, key=lambda option: difflib.SequenceMatcher(None, option, name).ratio())
    return f"{prefix}{name} is unknown; did you mean {near}? There are {', '.join(known)}"


def _lists(tree: Any) -> Any:
    """Tuples as lists, all the way down: what YAML and JSON know."""
    if isinstance(tree, dict):
        return {name: _lists(value) for name, value in tree.items()}
    return [_lists(item) for item in tree] if isinstance(tree, list | tuple) else tree
