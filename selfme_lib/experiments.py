"""The steps of a run, as the notebooks call them: data → motion → leave-one-subject-out → tables.

Each step takes the settings and the run folder, keeps what was expensive there, and does not compute it again:

    settings = profiles.load("quick")
    run = RunFolder("../runs/lab")
    clips = prepare_data(settings)
    results = [majority(settings, clips), *evaluate(settings, run, clips, tables.ablation_rows(settings))]
    record(settings, run, clips, results)
    run.save_table("06_ablation", tables.readable(results), title="…")
"""

import hashlib
import itertools
import json
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor
from tqdm import tqdm

from .data import Clip, dataset_fingerprint, load_clips, read_frame
from .errors import DataError, UsageError
from .evaluation import runs
from .evaluation.loso import process_pool, run_loso
from .extraction import extract
from .files import atomic_path, read_json, write_json
from .grids import resize_flow
from .motion import checkpoint
from .motion.learner import LearnerConfig, MotionLearner
from .motion.pairs import FramePairs
from .motion.training import TrainingConfig, train
from .profiles import Profile, to_dict
from .results import RunFolder
from .synthme import VERSION, SynthConfig, fingerprint, render_pairs, write_dataset
from .tables import Result, Row

PACKAGE = Path(__file__).resolve().parent
DATA = PACKAGE.parent / "data"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def prepare_data(settings: Profile) -> list[Clip]:
    """The clips of the profile; SynthME is rendered first when it is not there.

    Raises:
        UsageError: a data set that must be brought, without its folder.
        DataError: something is wrong with the data.
    """
    data = settings.data
    return load_clips(data.dataset, data_root(settings), apex_rule=data.apex_rule)


def data_root(settings: Profile) -> Path:
    """The folder of the data set; for SynthME it exists afterwards, complete."""
    data = settings.data
    if data.root:
        return Path(data.root)
    if data.dataset != "synthme":
        raise UsageError(f"data.root: {data.dataset} does not come with this project; say where it is (--root DIR)")
    config = SynthConfig(
        subjects=data.subjects,
        clips=data.clips,
        size=data.render_size,
        seed=data.seed,
        layout=data.layout,
        first_identity=data.first_identity,
    )
    return write_dataset(DATA / f"{VERSION}-{fingerprint(config)}", config)


def with_truth(settings: Profile) -> Profile:
    """The same settings on SynthME, for what needs true motion when the profile's data set has none."""
    if settings.data.dataset == "synthme":
        return settings
    return replace(settings, data=replace(settings.data, dataset="synthme", root="", apex_rule="label"))


def motion_learner(settings: Profile, run: RunFolder, clips: list[Clip]) -> MotionLearner:
    """The motion learner of the profile, fine-tuned if the profile says so; a killed fine-tuning goes on."""
    return checkpoint.load(motion_checkpoint(settings, run, clips), device=DEVICE)


def motion_checkpoint(settings: Profile, run: RunFolder, clips: list[Clip]) -> Path:
    """The file of `motion_learner`; it exists afterwards."""
    motion = settings.motion
    if not motion.steps:
        return Path(motion.checkpoint) if motion.checkpoint else checkpoint.SHIPPED
    path = run.checkpoints / f"motion-{_learner_key(settings, clips)}.safetensors"
    if not path.exists():
        if motion.frames == "clips":
            warnings.warn("transductive: fine-tuning sees frames of the subjects that are held out later", stacklevel=2)
        learner, pairs = checkpoint.load(motion.checkpoint or None), training_pairs(settings, clips)
        _train_into(
            path, learner, pairs, _training(settings), f"fine-tuned for {motion.steps} steps on {motion.frames}"
        )
    return path


def from_scratch(settings: Profile, run: RunFolder, learner: LearnerConfig, training: TrainingConfig) -> MotionLearner:
    """A motion learner of any form, trained from random weights on the profile's rendered faces; computed once a run."""
    cause = {"learner": asdict(learner), "training": asdict(training), "code": code_hash("motion", "grids.py")}
    cause["faces"] = [settings.motion.persons, settings.motion.pairs, settings.data.size]
    path = run.checkpoints / f"scratch-{digest(cause)}.safetensors"
    if not path.exists():
        faces = replace(settings, motion=replace(settings.motion, frames="rendered"))
        torch.manual_seed(training.seed)
        origin = f"{training.steps} steps from random weights"
        _train_into(path, MotionLearner(learner), training_pairs(faces, []), training, origin)
    return checkpoint.load(path, device=DEVICE)


def _train_into(path: Path, learner: MotionLearner, pairs: FramePairs, config: TrainingConfig, origin: str) -> None:
    """Train a motion learner and keep it, with its curve beside it; a killed training goes on."""
    state = path.with_suffix(".state")
    fabric = Fabric(devices=1)
    fabric.launch()
    curve = train(learner, pairs, config, fabric=fabric, state=state, every=max(1, config.steps // 20))
    write_json(path.with_suffix(".json"), curve)
    checkpoint.save(learner, path, origin=origin)
    state.unlink(missing_ok=True)


def training_curve(settings: Profile, run: RunFolder, clips: list[Clip]) -> pd.DataFrame:
    """Losses during the fine-tuning of `motion_learner`, by step; empty without fine-tuning."""
    path = run.checkpoints / f"motion-{_learner_key(settings, clips)}.json"
    return pd.DataFrame(read_json(path) if settings.motion.steps else [])


def training_pairs(settings: Profile, clips: list[Clip]) -> FramePairs:
    """What the motion learner is fine-tuned on: see `MotionProfile.frames`."""
    motion, size = settings.motion, settings.data.size
    if motion.frames == "rendered":
        path = DATA / f"faces-{VERSION}-{motion.persons}x{motion.pairs}-{size}px.npy"
        render_pairs(path, range(motion.persons), pairs_per_identity=motion.pairs, size=size)
        return FramePairs.from_rendered(path)
    path = DATA / f"frames-{dataset_fingerprint(clips)}-{size}px.npy"
    starts = [0, *itertools.accumulate(len(clip.frames) for clip in clips)]
    if not path.exists():
        with atomic_path(path) as temporary:
            frames = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(starts[-1], size, size, 3))
            files = [file for clip in clips for file in clip.frames]
            for index, file in enumerate(tqdm(files, desc="frames", unit="frame", disable=None)):
                frames[index] = (read_frame(file, size) * 255).round().byte().permute(1, 2, 0).numpy()
            frames.flush()
    return FramePairs(np.load(path, mmap_mode="r"), starts)


def motion_fields(
    settings: Profile,
    run: RunFolder,
    clips: list[Clip],
    method: str,
    *,
    bspline: bool = True,
    gamma: float = 1.0,
) -> Float[Tensor, "n 2 s s"]:
    r"""The motion of every clip from onset to apex, at the profile's size; computed once and kept in `run.fields`.

    The learned motion is amplified before B-spline and exponential. Other motions have neither: $\gamma$ multiplies.
    """
    learned = method == "selfme"
    path = fields_file(settings, run, clips, method, bspline=bspline, gamma=gamma)
    if not path.exists():
        motion = extract(
            method,
            clips,
            size=settings.data.size,
            learner=motion_learner(settings, run, clips) if learned else None,
            bspline=bspline,
            gamma=gamma if learned else 1.0,
            root=data_root(settings) if method == "truth" else None,
        )
        with atomic_path(path) as temporary:
            np.save(temporary, motion.numpy())
    motion = torch.from_numpy(np.load(path))
    return motion if learned else gamma * motion


def fields_file(
    settings: Profile, run: RunFolder, clips: list[Clip], method: str, *, bspline: bool, gamma: float
) -> Path:
    """Where `motion_fields` keeps a motion: under a hash of all that determines it. The file needs not exist."""
    cause = {
        "clips": dataset_fingerprint(clips),
        "size": settings.data.size,
        "code": code_hash("extraction.py", "flow.py", "diffeo.py", "grids.py", "motion"),
        "torch": torch.__version__,
    }
    if method == "selfme":
        cause |= {"bspline": bspline, "gamma": gamma, "learner": _learner_key(settings, clips)}
    return run.fields / f"{method}-{digest(cause)}.npy"


@contextmanager
def executor(settings: Profile) -> Iterator[Executor | None]:
    """Where folds are trained: this process, processes of one thread each, or a Dask cluster. Results are the same."""
    if settings.evaluation.cluster:
        try:
            from distributed import Client
        except ImportError:
            raise UsageError("--cluster needs Dask: pip install distributed") from None
        with Client(settings.evaluation.cluster) as client:
            yield client.get_executor()
    elif settings.evaluation.workers > 1:
        with process_pool(settings.evaluation.workers) as pool:
            yield pool
    else:
        yield None


def evaluate(settings: Profile, run: RunFolder, clips: list[Clip], rows: Sequence[Row]) -> list[Result]:
    """Leave-one-subject-out for every row; finished folds are taken from `run.folds`."""
    with executor(settings) as pool:
        return [loso_row(settings, run, clips, row, executor=pool) for row in rows]


def loso_row(
    settings: Profile, run: RunFolder, clips: list[Clip], row: Row, *, executor: Executor | None = None
) -> Result:
    """Leave-one-subject-out for one row and every seed of the profile."""
    config = row.classifier(settings.classifier)
    motion = classifier_inputs(settings, run, clips, row)
    predictions = [
        run_loso(
            config,
            motion,
            [clip.label for clip in clips],
            [clip.subject for clip in clips],
            [clip.name for clip in clips],
            seed=seed,
            store=run.folds,
            executor=executor,
            device=DEVICE,
            title=row.name,
        )
        for seed in range(settings.seed, settings.seed + settings.evaluation.seeds)
    ]
    return _result(settings, row, predictions)


def classifier_inputs(settings: Profile, run: RunFolder, clips: list[Clip], row: Row) -> Float[Tensor, "n 2 s s"]:
    """The motion of every clip as the classifier of a row takes it: `motion_fields` at the classifier's size."""
    motion = motion_fields(settings, run, clips, row.motion, bspline=row.bspline, gamma=row.gamma)
    return resize_flow(motion, (settings.classifier.image_size, settings.classifier.image_size))


def majority(settings: Profile, clips: list[Clip]) -> Result:
    """The lower bound: always the class that is most frequent among the other subjects."""
    labels = np.array([clip.label for clip in clips])
    subjects = np.array([clip.subject for clip in clips])
    guesses = [int(np.bincount(labels[subjects != subject], minlength=3).argmax()) for subject in subjects]
    predictions = pd.DataFrame(
        {"subject": subjects, "clip": [clip.name for clip in clips], "label": labels, "prediction": guesses}
    )
    row = Row(name="majority class", motion="none", bspline=False, sc=False, gamma=1.0)
    return _result(settings, row, [predictions])


def record(settings: Profile, run: RunFolder, clips: list[Clip], results: Sequence[Result]) -> Path:
    """Add results to `metrics.json`; a row with the same name and seed takes the place of the earlier one."""
    rows = {(item["name"], item["seed"]): item for result in results for item in result.records}
    seconds = {
        (item["name"], item["seed"]): time
        for result in results
        for item, time in zip(result.records, result.fold_seconds)
    }
    if run.metrics.exists():
        earlier = read_json(run.metrics)
        keys = [(item["name"], item["seed"]) for item in earlier["rows"]]
        rows = dict(zip(keys, earlier["rows"])) | rows
        seconds = dict(zip(keys, earlier["times"]["rows"])) | seconds
    write_json(
        run.metrics,
        runs.run_record(
            profile=to_dict(settings),
            dataset=settings.data.dataset,
            fingerprint=dataset_fingerprint(clips),
            seed=settings.seed,
            rows=list(rows.values()),
            fold_seconds=[seconds[key] for key in rows],
            wall_seconds=sum(sum(folds.values()) for folds in seconds.values()),
            device=DEVICE,
        ),
    )
    return run.metrics


def _result(settings: Profile, row: Row, predictions: list[pd.DataFrame]) -> Result:
    """Scores of a row; `predictions` are those of the profile's seeds, in order."""
    plain = {key: value for key, value in asdict(row).items() if key != "name"}
    draws = settings.evaluation.bootstrap
    records = [
        runs.loso_row(row.name, frame, seed=settings.seed + index, settings=plain, bootstrap=draws)
        for index, frame in enumerate(predictions)
    ]
    seconds = [frame.attrs.get("seconds", {}) for frame in predictions]
    return Result(row=row, records=tuple(records), fold_seconds=tuple(seconds))


def _training(settings: Profile) -> TrainingConfig:
    motion = settings.motion
    return TrainingConfig(
        steps=motion.steps, batch_size=motion.batch_size, lr=motion.lr, schedule=motion.schedule, seed=settings.seed
    )


def _learner_key(settings: Profile, clips: list[Clip]) -> str:
    """Hash of everything that determines the motion learner."""
    motion = settings.motion
    start = Path(motion.checkpoint) if motion.checkpoint else checkpoint.SHIPPED
    if not start.is_file():
        raise DataError(f"{start}: no such checkpoint of a motion learner; set motion.checkpoint to one")
    cause: dict[str, Any] = {"checkpoint": hashlib.sha256(start.read_bytes()).hexdigest()}
    if motion.steps:
        cause |= {
            "training": asdict(_training(settings)),
            "size": settings.data.size,
            "code": code_hash("motion", "grids.py"),
        }
        cause["frames"] = [motion.persons, motion.pairs] if motion.frames == "rendered" else dataset_fingerprint(clips)
    return digest(cause)


def code_hash(*names: str) -> str:
    """Hash of some of the package's files and folders: what computed something is part of what determines it."""
    paths = [PACKAGE / name for name in names]
    files = [file for path in paths for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def digest(cause: dict[str, Any]) -> str:
    """A short hash of everything that determines something, to store it under."""
    return hashlib.sha256(json.dumps(cause, sort_keys=True).encode()).hexdigest()[:16]
