"""The settings of a study: one frozen tree of dataclasses, filled from `notebooks/profiles/*.yaml`.

A profile file holds every value, so that no default is hidden; papermill reads the same file with `-f`. A file of your own needs
only what differs: `profile: quick` and the values to change. A name that does not exist is an error, and the message proposes the
nearest one that does: a misspelt option that is silently ignored has spoilt many an experiment.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from selfme_lib.baselines.settings import RivalsConfig
from selfme_lib.classifier.network import ClassifierConfig
from selfme_lib.data.readers import class_names
from selfme_lib.motion.pairs import Augmentation
from selfme_lib.motion.settings import FeatureName, Scales, TrainingConfig, Weight
from selfme_lib.motion.settings import Side as MotionSide
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.files import read_yaml
from selfme_lib.runtime.paths import CLONE, PROFILES
from selfme_lib.runtime.settings import STRICT, did_you_mean, from_plain, to_plain
from selfme_lib.synthme import SynthConfig
from selfme_lib.synthme.identity import Population
from selfme_lib.synthme.plan import VERSIONS, Version

Seed = Annotated[int, Field(ge=0, lt=2**63, description="random generators take 63 bits")]
Side = Annotated[int, Field(ge=32, le=2048, description="motion is measured and rendered in px; smaller shows no face")]


Method = Literal[
    "zero", "tvl1", "tvl1_tuned", "farneback", "farneback_tuned", "dis", "dis_tuned", "lucas_kanade", "selfme", "plus", "printed",
    "truth",
]  # fmt: skip


@dataclass(frozen=True, config=STRICT)
class DataProfile:
    """Which clips.

    Attributes:
        dataset: whose layout and labels are read; `folder` is any folder with a table of clips, `features` is motion computed
            elsewhere, for chapter 08 only.
        root: folder of the data set; for SynthME, empty means rendered on first use under `data/` of the project.
        size: side in px of the square frames on which motion is measured.
        classes: of the protocol: 3; 5 for CASME II's and SAMM's own emotions; 4 or 7 for CAS(ME)³.
        skip_broken: do without clips that cannot be read instead of stopping at the first.
        align: crop the faces out of recordings first; releases that are cropped already stay untouched.
        apex_rule: `label`; or for a data set without apex labels (SMIC, also in the composite) `middle` of the clip,
            `largest` motion, or `list`.
        apex_method: what measures motion for the rule `largest`.
        apex_list: for the rule `list`: CSV file with the columns subject, clip, apex.
        version: SynthME only: `synthme-2`, whose faces behave like faces, or `synthme-1`, the first one.
        population: SynthME only: whose clips, see `synthme.identity`; `fresh` only within the final tables.
        ends: SynthME only: of each clip only onset and apex, which is all that most rows look at.
        yaw: SynthME only: degrees by which every head is turned.
        grey: without colour.
        layout: SynthME only: the data set whose layout it has on disk.
        subjects: SynthME only: number of people.
        clips: SynthME only: labelled clips per person.
        render_size: SynthME only: side in px of the rendered frames.
        first_identity: SynthME only: number of the first person; the shipped motion learner has seen none of these.
        seed: SynthME only: seed of the rendering; the seed of the experiment does not change the data.
    """

    dataset: Literal["synthme", "casme2", "smic", "samm", "casme3", "mmew", "4dme", "folder", "composite", "features"]
    root: str
    size: Side
    classes: Literal[3, 4, 5, 7]
    skip_broken: bool
    align: bool
    apex_rule: Literal["label", "middle", "largest", "list"]
    apex_method: Literal["tvl1", "tvl1_fast", "farneback", "dis", "selfme"]
    apex_list: str
    version: Version
    population: Population
    ends: bool
    yaw: Annotated[float, Field(ge=-45, le=45, description="degrees; beyond 45 half of the face is hidden")]
    grey: bool
    layout: Literal["casme2", "smic", "samm"]
    subjects: Annotated[int, Field(ge=2, le=10_000, description="one is left out, and each takes a minute")]
    clips: Annotated[int, Field(ge=1, le=1_000, description="per person; each is a second of frames")]
    render_size: Side
    first_identity: Annotated[int, Field(ge=0, lt=2**31, description="people are numbered")]
    seed: Seed

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels."""
        return class_names(self.dataset, self.classes)

    @property
    def synthme(self) -> SynthConfig:
        """What to render."""
        return SynthConfig(
            subjects=self.subjects,
            clips=self.clips,
            size=self.render_size,
            seed=self.seed,
            layout=self.layout,
            first_identity=self.first_identity,
            population=self.population,
            ends=self.ends,
            yaw=self.yaw,
            fps=100 if self.layout == "smic" and self.version != "synthme-1" else 50,  # SMIC-HS's
            world="synthme-1" if self.version == "synthme-1" else "home",
            difficulty=VERSIONS[self.version],
        )


@dataclass(frozen=True, config=STRICT)
class MotionProfile:
    r"""The motion learner and what is done with its motion.

    Attributes:
        checkpoint: file to start from, with the form of its networks. Three come with the package and are known by name:
            `plus` is SelfME+, `printed` and `first-order` are the paper's own form.
        steps: of fine-tuning before motion is extracted; 0 uses the checkpoint unchanged.
        frames: what fine-tuning sees, never with labels: `rendered` faces of people who are not evaluated; frames of the
            data set in `folds`, a learner for each, which has not seen the held-out subject; or frames of all `clips`
            (transductive: the held-out subject has been seen).
        persons, pairs: number of rendered people, and of pairs of frames of each.
        batch_size: pairs of frames per step.
        lr, schedule, lambda_rec, lambda_eqv, lambda_dense, scales, sizes, perceptual, augmentation: see
            `motion.settings.TrainingConfig` (paper: 2e-6, multistep, no dense term, VGG-19, no augmentation).
        gamma: motion amplification $\gamma$ at inference (Eq 2; paper: 2).
        bspline: expand by cubic B-spline and exponential (Eq 9), else bilinearly.
        methods: what the learned motion is compared with.
    """

    checkpoint: Annotated[str, Field(min_length=1)]
    steps: Annotated[int, Field(ge=0, le=10_000_000, description="of the optimiser; more take months")]
    frames: Literal["rendered", "folds", "clips"]
    persons: Annotated[int, Field(ge=1, le=100_000, description="each takes a second to draw")]
    pairs: Annotated[int, Field(ge=1, le=10_000, description="per person, kept on disk")]
    batch_size: Annotated[int, Field(ge=1, le=4_096, description="pairs that are in memory at once")]
    lr: Annotated[float, Field(ge=0, le=1, description="a larger step of Adam diverges")]
    schedule: Literal["one-cycle", "constant", "multistep"]
    lambda_rec: Weight
    lambda_eqv: Weight
    lambda_dense: Weight
    scales: Scales
    sizes: tuple[MotionSide, ...]
    perceptual: FeatureName
    augmentation: Augmentation | None
    gamma: Annotated[float, Field(ge=0, le=1_000, description="beyond it the face leaves the frame")]
    bspline: bool
    methods: tuple[Method, ...]

    def training(self, seed: int) -> TrainingConfig:
        """Of the fine-tuning."""
        shared = {field.name for field in fields(TrainingConfig)} - {"seed"}
        return TrainingConfig(seed=seed, **{name: getattr(self, name) for name in shared})


@dataclass(frozen=True, config=STRICT)
class EvaluationProfile:
    """How results are made and how certain they are.

    Attributes:
        seeds: trainings of every fold, which differ in nothing else; tables show the mean over them.
        fresh: people on whom the protocol `fresh` tests what was trained on the study's own.
        bootstrap: resamples of the subjects for the 95 % intervals.
        workers: processes that train folds side by side, one thread each; 1 trains in this process.
        cluster: address of a Dask scheduler that takes the folds instead, or `local` for a Dask cluster of `workers`
            processes; empty for none.
        omegas, taus: values of ω and τ to compare (Fig 4).
        leaks: NOT FOR RESULTS: the habits of `evaluation.leaks` that rows are to have; their names will say so.
        rivals: settings of the other systems in Tables 2 and 3.
    """

    seeds: Annotated[int, Field(ge=1, le=1_000, description="each trains every fold again")]
    fresh: Annotated[int, Field(ge=1, le=200, description="more than 200 nobody has set aside")]
    bootstrap: Annotated[int, Field(ge=1, le=100_000, description="resamples are held in memory; 2,000 are usual")]
    workers: Annotated[int, Field(ge=1, le=1_024, description="each is a process")]
    cluster: str
    omegas: Annotated[tuple[Annotated[float, Field(ge=0, le=1000)], ...], Field(description="a weight of the loss")]
    taus: Annotated[tuple[Annotated[float, Field(gt=0, le=1000)], ...], Field(description="the loss divides by it")]
    leaks: tuple[Literal["epoch", "faces"], ...]
    rivals: RivalsConfig


@dataclass(frozen=True, config=STRICT)
class Profile:
    """Everything that determines a study. `name` is the file's name; `seed` is that of every training."""

    name: str
    seed: Seed
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


def names(folder: Path = PROFILES) -> list[str]:
    """The profiles that exist."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load(profile: str, *, seed: int | None = None, folder: Path = PROFILES, **sections: Any) -> Profile:
    """Read a profile and change some of its values.

    Args:
        profile: `smoke`, `quick`, `gpu`, `paper`, or a YAML file with `profile: NAME` and the values that differ from it.
        seed: seed of every training; the profile's own when None.
        sections: values to change: `load("quick", classifier={"epochs": 5})`.

    Raises:
        UsageError: an unknown profile, section or name, or a value of the wrong type or out of range.
    """
    own = profile.endswith((".yaml", ".yml"))
    changes = _read_own(Path(profile), folder) if own else {"profile": profile}
    base = changes.pop("profile")
    if base not in _known(folder):
        hint = "; a file of your own has a name that ends in .yaml"
        raise UsageError(f"profile {base} is unknown{did_you_mean(base, names(folder))}{hint}")
    values = read_yaml(folder / f"{base}.yaml")
    values["seed"] = changes.pop("seed", values["seed"]) if seed is None else seed
    for source in (changes, sections):
        values = _merged(values, source, where=f"{profile}: ")
    return _from_dict(values)


def changed(profile: Profile, *, seed: int | None = None, **sections: Mapping[str, Any]) -> Profile:
    """The same profile with other values: `changed(settings, evaluation={"seeds": 5})`. Raises as `load`."""
    values = to_dict(profile)
    return _from_dict(_merged(values, sections) | {"seed": values["seed"] if seed is None else seed})


def to_dict(profile: Profile) -> dict[str, Any]:
    """A profile as the parameters of a notebook: plain values under `profile`, `seed` and the sections."""
    values = to_plain(profile)
    return {"profile": values.pop("name"), **values}


def _from_dict(values: dict[str, Any]) -> Profile:
    named = {"name" if name == "profile" else name: value for name, value in values.items()}
    settings = from_plain(Profile, named, complete=True)
    _ = settings.data.class_names  # raises if the data set has no such protocol
    return settings


def _known(folder: Path) -> list[str]:
    """The profiles that exist; UsageError where there is none."""
    if not (known := names(folder)):
        raise UsageError(f"no profiles in {folder}, because a package installed without the project has none: {CLONE}")
    return known


def _read_own(path: Path, folder: Path) -> dict[str, Any]:
    if not path.is_file():
        raise UsageError(f"--profile {path}: no such file")
    values = read_yaml(path)
    if values.get("profile") not in (known := _known(folder)):
        raise UsageError(f"{path}: expected a line `profile: NAME` with one of {', '.join(known)}")
    return values


def _merged(values: dict[str, Any], sections: Mapping[Any, Any], *, where: str = "") -> dict[str, Any]:
    for section, changes in sections.items():
        if section not in SECTIONS:
            raise UsageError(f"{where}{section} is unknown{did_you_mean(str(section), list(SECTIONS))}")
        if not isinstance(changes, Mapping):
            raise UsageError(f"{where}{section}: expected names and values, got {changes!r}")
        values = {**values, section: _deeply_merged(values.get(section, {}), changes)}
    return values


def _deeply_merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Values with changes, nested mappings likewise: changing one rival's epochs leaves the others untouched."""
    nested = {
        name for name, value in changes.items() if isinstance(value, Mapping) and isinstance(values.get(name), Mapping)
    }
    return {**values, **changes, **{name: _deeply_merged(values[name], changes[name]) for name in nested}}
