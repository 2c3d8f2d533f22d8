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
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from .data import Clip, dataset_fingerprint, load_clips
from .errors import UsageError
from .evaluation import runs
from .evaluation.loso import process_pool, run_loso
from .extraction import extract
from .files import atomic_path, read_json, write_json
from .grids import resize_flow
from .motion import checkpoint
from .motion.learner import MotionLearner
from .profiles import Profile, to_dict
from .results import RunFolder
from .synthme import VERSION, SynthConfig, fingerprint, write_dataset
from .tables import Result, Row

PACKAGE = Path(__file__).resolve().parent
DATA = PACKAGE.parent / "data"


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


def motion_learner(settings: Profile) -> MotionLearner:
    """The motion learner of the profile, ready to extract."""
    return checkpoint.load(settings.motion.checkpoint or None)


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
    cause = {
        "method": method,
        "clips": dataset_fingerprint(clips),
        "size": settings.data.size,
        "code": _code("extraction.py", "flow.py", "diffeo.py", "grids.py", "motion"),
        "torch": torch.__version__,
    }
    if learned:
        weights = Path(settings.motion.checkpoint) if settings.motion.checkpoint else checkpoint.SHIPPED
        cause |= {"bspline": bspline, "gamma": gamma, "weights": _digest(weights.read_bytes())}
    path = run.fields / f"{method}-{_digest(json.dumps(cause, sort_keys=True).encode())}.npy"
    if not path.exists():
        motion = extract(
            method,
            clips,
            size=settings.data.size,
            learner=motion_learner(settings) if learned else None,
            bspline=bspline and learned,
            gamma=gamma if learned else 1.0,
            root=data_root(settings) if method == "truth" else None,
        )
        with atomic_path(path) as temporary:
            np.save(temporary, motion.numpy())
    motion = torch.from_numpy(np.load(path))
    return motion if learned else gamma * motion


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
    motion = motion_fields(settings, run, clips, row.motion, bspline=row.bspline, gamma=row.gamma)
    config = row.classifier(settings.classifier)
    motion = resize_flow(motion, (config.image_size, config.image_size))
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
            device="cuda" if torch.cuda.is_available() else "cpu",
            title=row.name,
        )
        for seed in range(settings.seed, settings.seed + settings.evaluation.seeds)
    ]
    return _result(settings, row, predictions)


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
            device="cuda" if torch.cuda.is_available() else "cpu",
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


def _code(*names: str) -> str:
    """Hash of some of the package's files and folders: what computed something is part of what determines it."""
    paths = [PACKAGE / name for name in names]
    files = [file for path in paths for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    return _digest(b"".join(file.read_bytes() for file in files))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
