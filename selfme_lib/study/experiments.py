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
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor
from tqdm import tqdm

from selfme_lib.baselines import inputs, rivals, tcae
from selfme_lib.baselines.tcae_training import train_tcae
from selfme_lib.classifier.training import fit_predict as fit_predict_scvit
from selfme_lib.classifier.training import fit_predict_every_epoch, resolve_for_device
from selfme_lib.data import Clip, dataset_fingerprint, load_clips, read_clip_frame
from selfme_lib.data.features import load_features
from selfme_lib.data.frame_cache import FrameCache
from selfme_lib.data.readers import with_apexes, without_apex
from selfme_lib.evaluation.leaks import choose_epoch_on_test_subject
from selfme_lib.evaluation.loso import Experiment, run_experiments, run_folds
from selfme_lib.grids import resize_flow
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import LearnerConfig, MotionLearner
from selfme_lib.motion.pairs import FramePairs
from selfme_lib.motion.training import TrainingConfig, train
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import atomic_path, code_hash, digest, read_json, write_json
from selfme_lib.runtime.paths import DATA
from selfme_lib.runtime.processes import executor
from selfme_lib.synthme import VERSION, SynthConfig, fingerprint, render_pairs, write_dataset

from . import records as runs
from .apex import largest_motion
from .extraction import extract
from .profiles import Profile, to_dict
from .run_folder import RunFolder
from .tables import Result, Row

logger = logging.getLogger(__name__)

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def prepare_data(settings: Profile) -> list[Clip]:
    """The clips of the profile, with an apex by its rule and, if they are recordings, with their faces cut out.

    SynthME is rendered first when it is not there.

    Raises:
        UsageError: a data set that must be brought, without its folder.
        DataError: something is wrong with the data.
    """
    data = settings.data
    by_motion = data.apex_rule == "largest"
    rule = "label" if by_motion else data.apex_rule
    clips = load_clips(
        data.dataset, data_root(settings), apex_rule=rule, apex_list=data.apex_list or None, classes=data.classes
    )
    frames = FrameCache(DATA / "frames", data.size)
    if data.align:
        clips = frames.with_aligned(clips)
    if by_motion:
        learner = checkpoint.load(settings.motion.checkpoint or None) if data.apex_method == "selfme" else None
        without = without_apex(data.dataset, clips)
        clips = with_apexes(clips, largest_motion(without, method=data.apex_method, cache=frames, learner=learner))
    return clips


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
    return replace(
        settings, data=replace(settings.data, dataset="synthme", root="", classes=3, align=False, apex_rule="label")
    )


def motion_learner(settings: Profile, run: RunFolder, clips: list[Clip]) -> MotionLearner:
    """The motion learner of the profile, fine-tuned if the profile says so; a killed fine-tuning goes on."""
    return checkpoint.load(motion_checkpoint(settings, run, clips), device=DEVICE)


def motion_checkpoint(settings: Profile, run: RunFolder, clips: list[Clip]) -> Path:
    """The file of `motion_learner`; it exists afterwards."""
    motion = settings.motion
    if not motion.steps:
        return Path(motion.checkpoint) if motion.checkpoint else checkpoint.SHIPPED
    path = run.checkpoints / f"motion-{_learner_key(settings, clips)}.safetensors"
    with _turn(path) as mine:
        if mine:
            if motion.frames == "clips":
                logger.warning("transductive: fine-tuning sees frames of the subjects that are held out later")
            learner, pairs = checkpoint.load(motion.checkpoint or None), training_pairs(settings, clips)
            origin = f"fine-tuned for {motion.steps} steps on {motion.frames}"
            _train_into(path, learner, pairs, _training(settings), origin)
    return path


def from_scratch(settings: Profile, run: RunFolder, learner: LearnerConfig, training: TrainingConfig) -> MotionLearner:
    """A motion learner of any form, trained from random weights on the profile's rendered faces; computed once a run."""
    cause = {"learner": asdict(learner), "training": asdict(training), "code": code_hash("motion", "grids.py")}
    cause["faces"] = [settings.motion.persons, settings.motion.pairs, settings.data.size]
    path = run.checkpoints / f"scratch-{digest(cause)}.safetensors"
    with _turn(path) as mine:
        if mine:
            faces = replace(settings, motion=replace(settings.motion, frames="rendered"))
            torch.manual_seed(training.seed)
            origin = f"{training.steps} steps from random weights"
            _train_into(path, MotionLearner(learner), training_pairs(faces, []), training, origin)
    return checkpoint.load(path, device=DEVICE)


@contextmanager
def _turn(path: Path) -> Iterator[bool]:
    """Rows of a sweep that need the same file take turns: whether it is still to be made, and by us."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield not path.exists()


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
            wanted = [(clip, number) for clip in clips for number in clip.frame_numbers]
            for index, (clip, number) in enumerate(tqdm(wanted, desc="frames", unit="frame", disable=None)):
                frame = read_clip_frame(clip, number, size)
                frames[index] = (frame * 255).round().byte().permute(1, 2, 0).numpy()
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
    with _turn(path) as mine:
        if mine:
            motion = extract(
                method,
                clips,
                size=settings.data.size,
                learner=motion_learner(settings, run, clips) if learned else None,
                tcae=tcae.load(tcae_checkpoint(settings, run), device=DEVICE) if method == "tcae" else None,
                bspline=bspline,
                gamma=gamma if learned else 1.0,
                root=data_root(settings) if method == "truth" else None,
            )
            with atomic_path(path) as temporary:
                np.save(temporary, motion.numpy())
    motion = torch.from_numpy(np.load(path))
    return motion if learned else gamma * motion


def tcae_checkpoint(settings: Profile, run: RunFolder) -> Path:
    """TCAE, trained from random weights on the profile's rendered faces; computed once a run. Its curve lies beside it."""
    config, path = settings.evaluation.rivals.tcae, run.checkpoints / f"tcae-{_tcae_key(settings)}.safetensors"
    with _turn(path) as mine:
        if mine:
            faces = replace(settings, motion=replace(settings.motion, frames="rendered"))
            model, curve = train_tcae(config, training_pairs(faces, []), seed=settings.seed, device=DEVICE)
            write_json(path.with_suffix(".json"), curve)
            tcae.save(model, path, origin=f"{config.steps} steps from random weights on rendered faces")
    return path


def fields_file(
    settings: Profile, run: RunFolder, clips: list[Clip], method: str, *, bspline: bool, gamma: float
) -> Path:
    """Where `motion_fields` keeps a motion: under a hash of all that determines it. The file needs not exist."""
    cause = {
        "clips": dataset_fingerprint(clips),
        "size": settings.data.size,
        "code": code_hash("study/extraction.py", "flow.py", "grids.py", "motion"),
        "torch": torch.__version__,
    }
    if method == "tcae":
        cause["tcae"] = _tcae_key(settings)
    if method == "selfme":
        cause |= {"bspline": bspline, "gamma": gamma, "learner": _learner_key(settings, clips)}
    return run.fields / f"{method}-{digest(cause)}.npy"


def evaluate(settings: Profile, run: RunFolder, clips: list[Clip], rows: Sequence[Row]) -> list[Result]:
    """Leave-one-subject-out for every row and every seed of the profile.

    The folds of all rows are handed out at once, under one progress bar; finished ones are taken from `run.folds`.
    """
    leaks = settings.evaluation.leaks
    if leaks:
        logger.warning("LEAKING (%s): these scores are not results", ", ".join(leaks))
        rows = [replace(row, name=f"LEAKING ({', '.join(leaks)}): {row.name}") for row in rows]
    if "epoch" in leaks:
        return [
            result_of(settings, row, list(map(choose_epoch_on_test_subject, *every_epoch(settings, run, clips, row))))
            for row in rows
        ]
    trials = [trial for row in rows for trial in experiments_of(settings, run, clips, row)]
    with executor(settings.evaluation.workers, settings.evaluation.cluster) as pool:
        found = iter(run_experiments(trials, store=run.folds, executor=pool, device=DEVICE, title="all folds"))
    return [result_of(settings, row, [next(found) for _ in range(settings.evaluation.seeds)]) for row in rows]


def experiments_of(
    settings: Profile,
    run: RunFolder,
    clips: list[Clip],
    row: Row,
    *,
    fit_predict: Callable[..., Tensor] = fit_predict_scvit,
) -> list[Experiment]:
    """A row as `evaluation.loso` takes it, one experiment a seed; `fit_predict` as in `loso.Experiment`, for our classifier."""
    if row.rival is None:
        config = resolve_for_device(row.classifier(settings.classifier), device=DEVICE)  # once: all folds start alike
        seen = classifier_inputs(settings, run, clips, row)
    else:
        config, fit_predict = rivals.with_available_weights(row.rival), rivals.fit_predict
        seen = rival_inputs(settings, run, clips, row)
    labels, subjects = [clip.label for clip in clips], [clip.subject for clip in clips]
    seeds = range(settings.seed, settings.seed + settings.evaluation.seeds)
    names = [clip.name for clip in clips]
    return [
        Experiment(config, seen, labels, subjects, names, seed, fit_predict, settings.data.classes) for seed in seeds
    ]


def every_epoch(
    settings: Profile, run: RunFolder, clips: list[Clip], row: Row
) -> tuple[list[Experiment], list[dict[str, dict[str, Any]]]]:
    """The folds of a row with predictions after every epoch, by seed: what `evaluation.leaks` chooses from."""
    if row.rival is not None:
        raise UsageError(
            f"evaluation.leaks: epoch is for ViT and SCViT, not for {row.name}; leave it out for chapter 08"
        )
    trials = experiments_of(settings, run, clips, row, fit_predict=fit_predict_every_epoch)
    with executor(settings.evaluation.workers, settings.evaluation.cluster) as pool:
        return trials, run_folds(trials, store=run.folds, executor=pool, device=DEVICE, title=row.name)


def classifier_inputs(settings: Profile, run: RunFolder, clips: list[Clip], row: Row) -> Float[Tensor, "n 2 s s"]:
    """The motion of every clip as the classifier of a row takes it: `motion_fields` at the classifier's size."""
    if row.motion == "features":
        return row.gamma * load_features(clips, settings.classifier.image_size)[:, :2]
    if "faces" in settings.evaluation.leaks:
        if not settings.motion.steps:
            raise UsageError(
                "evaluation.leaks: faces are seen by fine-tuning, and motion.steps is 0; set it to 1 or more"
            )
        settings = replace(settings, motion=replace(settings.motion, frames="clips"))
    motion = motion_fields(settings, run, clips, row.motion, bspline=row.bspline, gamma=row.gamma)
    return resize_flow(motion, (settings.classifier.image_size, settings.classifier.image_size))


def rival_inputs(settings: Profile, run: RunFolder, clips: list[Clip], row: Row) -> Float[Tensor, "n c h w"]:
    """What a row's rival sees of every clip; see `baselines.inputs`."""
    rival, config = row.rival, row.rival.settings
    if rival.sees == "clip":
        return inputs.lbp_top_inputs(clips, size=config.size, frames=config.frames, blocks=config.blocks)
    if rival.sees == "apex frame":
        return inputs.apex_inputs(clips, config.size)
    if rival.sees == "action vectors":
        model = tcae.load(tcae_checkpoint(settings, run), device=DEVICE)
        return inputs.action_vectors(model, clips)
    strain = rival.sees == "flow and strain"
    if row.motion == "features":
        flow = load_features(clips, config.size)[:, : 3 if strain else 2]
    else:
        motion = motion_fields(settings, run, clips, row.motion, bspline=row.bspline, gamma=row.gamma)
        flow = inputs.flow_inputs(motion, config.size, strain=strain)
    if rival.method == "bi_woof":
        return inputs.bi_woof_inputs(flow, blocks=config.blocks, bins=config.bins)
    return flow


def majority(settings: Profile, clips: list[Clip]) -> Result:
    """The lower bound: always the class that is most frequent among the other subjects."""
    labels, classes = np.array([clip.label for clip in clips]), settings.data.classes
    subjects = np.array([clip.subject for clip in clips])
    guesses = [int(np.bincount(labels[subjects != subject], minlength=classes).argmax()) for subject in subjects]
    predictions = pd.DataFrame(
        {"subject": subjects, "clip": [clip.name for clip in clips], "label": labels, "prediction": guesses}
    )
    row = Row(name="majority class", motion="none", bspline=False, sc=False, gamma=1.0)
    return result_of(settings, row, [predictions])


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


def result_of(settings: Profile, row: Row, predictions: list[pd.DataFrame]) -> Result:
    """Scores of a row; `predictions` are those of the profile's seeds, in order."""
    plain = {key: value for key, value in asdict(row).items() if key != "name"}
    plain["leaks"] = list(settings.evaluation.leaks)
    draws, classes = settings.evaluation.bootstrap, settings.data.classes
    records = [
        runs.loso_row(row.name, frame, seed=settings.seed + index, settings=plain, classes=classes, bootstrap=draws)
        for index, frame in enumerate(predictions)
    ]
    seconds = [frame.attrs.get("seconds", {}) for frame in predictions]
    return Result(row=row, records=tuple(records), fold_seconds=tuple(seconds))


def _training(settings: Profile) -> TrainingConfig:
    motion = settings.motion
    return TrainingConfig(
        steps=motion.steps, batch_size=motion.batch_size, lr=motion.lr, schedule=motion.schedule, seed=settings.seed
    )


def _tcae_key(settings: Profile) -> str:
    """Hash of everything that determines TCAE."""
    code = code_hash("baselines/tcae.py", "baselines/tcae_training.py", "grids.py", "motion/pairs.py")
    return digest(
        {
            "tcae": asdict(settings.evaluation.rivals.tcae),
            "faces": [settings.motion.persons, settings.motion.pairs, settings.data.size],
            "seed": settings.seed,
            "code": code,
        }
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
