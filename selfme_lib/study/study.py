"""A study: settings, the folder of a run, and the clips. Notebooks, widgets and the command line get everything through it.

    study = Study.open("quick", "../runs/lab")
    results = [study.majority(), *study.evaluate(rows.table_1(study.settings))]
    study.record(results)
    study.run.save_table("06_ablation", tables.readable_scores(results), title="…")

The way is data → motion → classifier inputs → leave one subject out → results. Whatever is expensive is kept, most of it in the
folder of the run, under a fingerprint of everything that determines it, and is not computed again.
"""

import itertools
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from selfme_lib.baselines import tcae
from selfme_lib.data import Clip, dataset_fingerprint, images
from selfme_lib.evaluation.leaks import choose_epoch_on_test_subject
from selfme_lib.evaluation.loso import Experiment, run_experiments, run_folds
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.pairs import FramePairs
from selfme_lib.runtime.device import DEVICE
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.files import write_json
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.runtime.kept import read_record
from selfme_lib.runtime.paths import DATA
from selfme_lib.runtime.processes import ask, local_device, worker_pool
from selfme_lib.synthme import fingerprint as synthme_fingerprint
from selfme_lib.synthme import render_pairs, write_dataset
from selfme_lib.synthme.identity import final_tables

from . import extraction, inputs, keys, profiles, protocols
from .adoption import adopt
from .by_folds import learned_by_folds, out_of_fold, seen_clips
from .clips import prepare_clips
from .extraction import expand, extract, measure
from .profiles import Profile
from .results import Protocol, Result, majority_predictions, metrics_record, result_of
from .rows import CONDITIONS, MAJORITY, Condition, Row
from .run_folder import RunFolder
from .store import stored_array, stored_frames, stored_learner, stored_tcae

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Study:
    """Settings, run folder and clips.

    Attributes:
        settings: everything that determines the numbers.
        run: where they are kept.
        held_out: the subject whose frames the motion learner does not see, if it sees the data set's in `folds`.
    """

    settings: Profile
    run: RunFolder
    held_out: str = ""

    @classmethod
    def open(cls, profile: str, run_dir: Path | str, *, seed: int | None = None, **sections: Any) -> "Study":
        """The study of a profile in a folder, which `adopt`s; PyTorch's generator is seeded. Arguments as in `profiles.load`."""
        settings = profiles.load(profile, seed=seed, **sections)
        torch.manual_seed(settings.seed)
        run = RunFolder(Path(run_dir))
        adopt(run, settings.name)
        return cls(settings, run)

    def changed(self, *, seed: int | None = None, **sections: Mapping[str, Any]) -> "Study":
        """The same study with other settings: `study.changed(evaluation={"seeds": 5})`."""
        other = Study(profiles.changed(self.settings, seed=seed, **sections), self.run, self.held_out)
        now, then = (study.settings for study in (self, other))
        if "clips" in self.__dict__ and (now.data, now.motion.checkpoint) == (then.data, then.motion.checkpoint):
            other.__dict__["clips"] = self.clips  # not read again
        return other

    @cached_property
    def rendered(self) -> "Study":
        """This study on SynthME, for what needs true motion when the data set has none; itself if it is SynthME's already."""
        if self.settings.data.dataset == "synthme":
            return self
        data = {"dataset": "synthme", "root": "", "classes": 3, "align": False, "apex_rule": "label"}
        return self.changed(data=data, motion={"frames": "rendered"} if learned_by_folds(self) else {})

    @cached_property
    def clips(self) -> list[Clip]:
        """What `prepare_clips` gives; SynthME is rendered first if it is not there.

        Raises:
            UsageError: the data set does not come with this project, and its folder is not given.
            DataError: something is wrong with the data.
        """
        return prepare_clips(self.settings, self.root)

    @cached_property
    def root(self) -> Path:
        """The folder of the data set; SynthME's is complete afterwards."""
        data = self.settings.data
        if data.root:
            return Path(data.root)
        if data.dataset != "synthme":
            raise UsageError(f"data.root: {data.dataset} does not come with this project; say where it is (--root DIR)")
        return write_dataset(DATA / f"synthme-{synthme_fingerprint(data.synthme)}", data.synthme)

    @cached_property
    def fresh(self) -> "Study":
        """The same study of the people on whom the protocol `fresh` tests: of each clip onset and apex, if they are labelled.

        Its clips exist within `synthme.identity.final_tables` and nowhere else.

        Raises:
            UsageError: the study is not of SynthME, whose people alone can be made as many as it takes.
        """
        settings = self.settings
        if settings.data.dataset != "synthme" or settings.data.root:
            raise UsageError(f"protocol fresh: {settings.data.dataset} has no fresh people; only rendered SynthME has")
        labelled = settings.data.layout != "smic"  # an apex without a label is found among all frames
        people = {"population": "fresh", "first_identity": protocols.FIRST_FRESH, "subjects": settings.evaluation.fresh}
        return self.changed(data=people | {"ends": labelled})

    def under(self, condition: Condition) -> "Study":
        """The same clips under other conditions.

        Raises:
            UsageError: recorded heads are to be turned.
        """
        settings = self.settings
        if "yaw" in CONDITIONS[condition] and (settings.data.dataset != "synthme" or settings.data.root):
            raise UsageError(
                f"{condition}: heads of {settings.data.dataset} cannot be turned; only rendered SynthME's can"
            )
        return self.changed(data=CONDITIONS[condition])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels."""
        return self.settings.data.class_names

    @property
    def labels(self) -> Int[np.ndarray, "n"]:
        """The class of each clip."""
        return np.array([clip.label for clip in self.clips])

    @property
    def subjects(self) -> np.ndarray:
        """The subject of each clip."""
        return np.array([clip.subject for clip in self.clips])

    def training_pairs(self, frames: str | None = None) -> FramePairs:
        """Pairs of frames to learn motion from: `rendered` people or `clips`; by default as `MotionProfile.frames` says."""
        motion, size = self.settings.motion, self.settings.data.size
        if (frames or motion.frames) == "rendered":
            path = DATA / f"faces-{keys.faces_key(self.settings)}.npy"
            render_pairs(path, range(motion.persons), pairs_per_identity=motion.pairs, size=size)
            return FramePairs.from_rendered(path)
        key = fingerprint(code=images, clips=dataset_fingerprint(seen_clips(self)), size=size)
        starts = [0, *itertools.accumulate(len(clip.frames) for clip in seen_clips(self))]
        return FramePairs(stored_frames(DATA / f"frames-{key}.npy", seen_clips(self), size), starts)

    def learner(self) -> checkpoint.Estimator:
        """The motion learner of the profile, fine-tuned if the profile says so, or SelfME+."""
        return checkpoint.load_estimator(self.learner_file(), device=DEVICE)

    def _estimator(self, method: str) -> checkpoint.Estimator:
        """What measures a learned motion: the profile's learner, or one that comes with the package."""
        if method == "selfme":
            return self.learner()
        return checkpoint.load_estimator(checkpoint.SHIPPED_FORMS[method], device=DEVICE)

    def learner_file(self) -> Path:
        """The checkpoint of `learner`; it exists afterwards. A fine-tuning that was killed resumes.

        Raises:
            UsageError: SelfME+ is to be fine-tuned, which is learned in closed form.
        """
        motion = self.settings.motion
        if not motion.steps:
            return keys.start_of(self.settings)
        if checkpoint.is_face_prior(keys.start_of(self.settings)):
            raise UsageError(
                f"motion.steps: {motion.checkpoint} is learned in closed form and is not fine-tuned; set it to 0"
            )

        def begin() -> tuple[MotionLearner, FramePairs]:
            if motion.frames == "clips":
                logger.warning("transductive: fine-tuning sees frames of the subjects that are held out later")
            return checkpoint.load(keys.start_of(self.settings)), self.training_pairs()

        origin = f"fine-tuned for {motion.steps} steps on {motion.frames}"
        return stored_learner(keys.fine_tuned(self), begin, motion.training(self.settings.seed), origin=origin)

    def learning_curve(self) -> pd.DataFrame:
        """Losses during the fine-tuning of `learner`, by step; empty without fine-tuning."""
        return pd.DataFrame(
            read_record(keys.fine_tuned(self).with_suffix(".json")) if self.settings.motion.steps else []
        )

    def tcae_file(self) -> Path:
        """The checkpoint of TCAE, trained from random weights on the profile's rendered faces; its curve lies beside it."""
        config, path = (
            self.settings.evaluation.rivals.tcae,
            self.run.checkpoints / f"tcae-{keys.tcae_key(self.settings)}.safetensors",
        )
        return stored_tcae(path, config, lambda: self.training_pairs("rendered"), seed=self.settings.seed)

    def motion(self, method: str, *, bspline: bool = True, gamma: float = 1.0) -> Float[Tensor, "n 2 s s"]:
        r"""The motion of every clip from onset to apex, in px at the profile's size.

        The learned motion is amplified before B-spline and exponential. Other motions have neither: $\gamma$ multiplies them.
        """
        learned = method in extraction.LEARNED
        if method == "selfme" and learned_by_folds(self) and not self.held_out:
            return out_of_fold(self, lambda study: study.motion(method, bspline=bspline, gamma=gamma))

        size = self.settings.data.size

        def compute() -> Tensor:
            if learned:
                dense = self.dense_motion(method)
                return expand(dense, self.clips, size=size, gamma=gamma, bspline=bspline, device=DEVICE)
            model = tcae.load(self.tcae_file(), device=DEVICE) if method == "tcae" else None
            root = self.root if method == "truth" else None
            return extract(method, self.clips, size=size, tcae=model, root=root, workers=self._workers)

        motion = stored_array(self.motion_file(method, bspline=bspline, gamma=gamma), compute)
        return motion if learned else gamma * motion

    def dense_motion(self, method: str) -> Float[Tensor, "n 2 m m"]:
        r"""$\tilde\Phi$ of every clip by a learned method, in px of its own lattice, before it is amplified and expanded."""

        def compute() -> Tensor:
            learner, size = self._estimator(method), self.settings.data.size
            return measure(method, self.clips, size=size, learner=learner, workers=self._workers)

        return stored_array(self.run.fields / f"dense-{keys.dense_key(self, method)}.npy", compute)

    @property
    def _workers(self) -> int:
        """Processes of this machine that may measure motions; a GPU is one, and a cluster is left to the folds."""
        evaluation = self.settings.evaluation
        return evaluation.workers if DEVICE == "cpu" and not evaluation.cluster else 1

    def motion_file(self, method: str, *, bspline: bool, gamma: float) -> Path:
        """Where `motion` keeps its result. The file need not exist."""
        return self.run.fields / f"{method}-{keys.motion_key(self, method, bspline=bspline, gamma=gamma)}.npy"

    def inputs(self, row: Row) -> Float[Tensor, "n *r"]:
        """Every clip as the classifier of a row sees it: its motion, what is read of it, or what a rival looks at."""
        return inputs.inputs(self, row)

    def experiments(
        self, row: Row, *, protocol: Protocol = "loso", pool: Executor | None = None, every_epoch: bool = False
    ) -> list[Experiment]:
        """A row for `evaluation.loso`, one experiment per seed, or one for all of them where a fold trains them at once.

        Args:
            protocol: as in `evaluate`.
            pool: where the folds will run; the settings are resolved for what is there.
            every_epoch: the folds predict after each epoch (ViT and SCViT only).
        """
        return protocols.experiments(self, row, protocol, pool=pool, every_epoch=every_epoch)

    def evaluate(self, rows: Sequence[Row], *, protocol: Protocol = "loso") -> list[Result]:
        """Every row with every seed of the profile.

        The folds of all rows are handed out at once, under one progress bar; finished ones are taken from `run.folds`.

        Args:
            protocol: `loso` leaves one subject out, as the paper; `lodo` one data set of the composite; `fresh` trains on all of
                the study's people and predicts the clips of `fresh` ones: for final tables, since a choice made by looking at
                them leaves them fresh no longer.

        Raises:
            UsageError: the study's data or a row cannot have the protocol.
        """
        with final_tables() if protocol == "fresh" else nullcontext():
            return self._evaluate(rows, protocol)

    def _evaluate(self, rows: Sequence[Row], protocol: Protocol) -> list[Result]:
        evaluation = self.settings.evaluation
        if evaluation.leaks and protocol == "fresh":
            raise UsageError("protocol fresh: with evaluation.leaks its people would not be fresh; leave them out")
        if evaluation.leaks:
            leaks = ", ".join(evaluation.leaks)
            logger.warning("LEAKING (%s): these scores are not results", leaks)
            rows = [replace(row, name=f"LEAKING ({leaks}): {row.name}") for row in rows]
        if "epoch" in evaluation.leaks:
            return [self.result(row, list(map(choose_epoch_on_test_subject, *self.every_epoch(row)))) for row in rows]
        with worker_pool(evaluation.workers, evaluation.cluster) as pool:
            trials = [self.experiments(row, protocol=protocol, pool=pool) for row in rows]
            flat, device = list(itertools.chain(*trials)), ask(pool, local_device)
            found = iter(run_experiments(flat, store=self.run.folds, executor=pool, device=device, title="all folds"))
        counts = [sum(trial.at_once or 1 for trial in some) for some in trials]
        return [self.result(row, [next(found) for _ in range(count)], protocol) for row, count in zip(rows, counts)]

    def every_epoch(self, row: Row) -> tuple[list[Experiment], list[dict[str, dict[str, Any]]]]:
        """The folds of a row with predictions after every epoch, by seed: what `evaluation.leaks` chooses from."""
        if row.rival is not None:
            raise UsageError(
                f"evaluation.leaks: epoch is for ViT and SCViT, not for {row.name}; leave it out for chapter 08"
            )
        with worker_pool(self.settings.evaluation.workers, self.settings.evaluation.cluster) as pool:
            trials, device = self.experiments(row, pool=pool, every_epoch=True), ask(pool, local_device)
            return trials, run_folds(trials, store=self.run.folds, executor=pool, device=device, title=row.name)

    def majority(self) -> Result:
        """The lower bound: always the class that is most frequent among the other subjects."""
        return self.result(MAJORITY, [majority_predictions(self.clips, classes=len(self.classes))])

    def result(self, row: Row, predictions: Sequence[pd.DataFrame], protocol: Protocol = "loso") -> Result:
        """Scores of a row; `predictions` are those of the profile's seeds, in order."""
        evaluation = self.settings.evaluation
        result = result_of(
            row,
            predictions,
            seed=self.settings.seed,
            classes=self.settings.data.classes,
            bootstrap=evaluation.bootstrap,
            leaks=evaluation.leaks,
            protocol=protocol,
        )
        return replace(result, names=self.classes)

    def record(self, results: Sequence[Result]) -> Path:
        """Add results to `metrics.json`; a row with the same name and seed replaces the earlier one."""
        earlier = self.run.read_metrics() if self.run.metrics.exists() else None
        data = {"name": self.settings.data.dataset, "fingerprint": self.clips_key}
        write_json(self.run.metrics, metrics_record(self.settings, data, results, earlier=earlier))
        return self.run.metrics

    @cached_property
    def clips_key(self) -> str:
        """Fingerprint of the clips."""
        return dataset_fingerprint(self.clips)
