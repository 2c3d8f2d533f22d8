"""`selfme pretrain --stage spotter`: long videos of pre-training people are rendered and measured, and a spotter is taught.

They make faces far more often than people do, so that half an hour shows some hundred micro-expressions. Some of the people teach
nothing: on them the thresholds of the checkpoint are chosen, at which F1 is highest.
"""

import sys
from pathlib import Path
from typing import Annotated

import pydantic.dataclasses
from pydantic import Field

from selfme_lib.data.long_videos import LongVideo, load_long_videos
from selfme_lib.runtime.locks import in_use
from selfme_lib.runtime.settings import STRICT
from selfme_lib.spotting.intervals import EXPRESSIONS, KINDS, Interval, Kind
from selfme_lib.spotting.kept_motion import motion_of_videos
from selfme_lib.spotting.network import SpotterConfig
from selfme_lib.spotting.spotter import Spotter, fit_thresholds, save_spotter
from selfme_lib.spotting.training import Lesson, SpotterTraining, train_spotter
from selfme_lib.synthme.long_dataset import write_long_dataset
from selfme_lib.synthme.long_plan import LongConfig
from selfme_lib.synthme.long_script import Behaviour
from selfme_lib.synthme.long_truth import load_long_truth

from .motion_methods import check_method, method_of

OFTEN = Behaviour(micro=10, macro=5, empty=0.05)


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class SpotterRecipe:
    """What a spotter is made from.

    Attributes:
        motion: `plus`, `printed`, or one of `flow.CLASSICAL`.
        persons, seconds: rendered people of world home, and the length of the video of each.
        validation_persons: the last of them, on whom thresholds are chosen.
        first_person: number of the first; motions and classifiers are pre-trained on others.
        behaviour: how often they do what.
        training, network: of the network.
    """

    motion: str = "plus"
    persons: Annotated[int, Field(ge=2, le=10_000)] = 48
    seconds: Annotated[float, Field(ge=1, le=600)] = 30.0
    validation_persons: Annotated[int, Field(ge=1, le=10_000)] = 8
    first_person: Annotated[int, Field(ge=0, lt=2**31)] = 4000
    behaviour: Behaviour = OFTEN
    training: SpotterTraining = SpotterTraining()
    network: SpotterConfig = SpotterConfig()

    def __post_init__(self):
        check_method(self.motion)
        if self.persons <= self.validation_persons:
            raise ValueError(
                f"of {self.persons} persons, {self.validation_persons} for validation leave none to train on"
            )

    @property
    def videos(self) -> LongConfig:
        """What is rendered."""
        return LongConfig(
            subjects=self.persons,
            videos=1,
            seconds=self.seconds,
            size=128,
            population="pretraining",
            first_identity=self.first_person,
            behaviour=self.behaviour,
            missing_labels=0,
        )


def pretrain_spotter(out: Path, recipe: SpotterRecipe, *, device: str = "cpu", workers: int | None = None) -> Path:
    """Render, measure, train; write `out`/spotter.safetensors. The same call goes on after a kill.

    Raises:
        DataError: another process uses the folder, or it belongs to another recipe.
    """
    with in_use(out):
        root = write_long_dataset(out / "videos", recipe.videos, workers=workers)
        videos = load_long_videos("casme2-long", root)
        method = method_of(recipe.motion, device=device)
        motions = motion_of_videos(
            videos, method=recipe.motion, motion=method.motion, weights=method.weights, folder=out / "motions"
        )
        lessons = [Lesson(motions[video.key], events_of(root, video)) for video in videos]
        taught, rest = lessons[: -recipe.validation_persons], lessons[-recipe.validation_persons :]
        spotter = Spotter(train_spotter(taught, recipe.training, recipe.network))
        proposed = [spotter.propose(lesson.motion) for lesson in rest]
        spotter = Spotter(spotter.network, fit_thresholds(proposed, [expressions(lesson) for lesson in rest]))
        minutes = len(taught) * recipe.seconds / 60
        of = f"{recipe.training.steps} steps on {minutes:.0f} minutes of {len(taught)} rendered people, motion by {recipe.motion}"
        path = out / "spotter.safetensors"
        save_spotter(spotter, path, recipe=of, seed=str(recipe.training.seed))
        print(f"{path}: {of}; thresholds {spotter.thresholds}", file=sys.stderr)
    return path


def events_of(root: Path, video: LongVideo) -> tuple[Interval, ...]:
    """Everything that happens in a rendered video, expressions as coders see them; what is none and no blink is `other`."""
    found = []
    for event in load_long_truth(root, video.subject, video.name).events:
        onset, apex, offset = (moment - 1 for moment in event.coded or (event.onset, event.apex, event.offset))
        kind: Kind = event.kind if event.kind in KINDS else "other"
        found.append(Interval(onset=onset, apex=apex, offset=offset, kind=kind))
    return tuple(found)


def expressions(lesson: Lesson) -> list[Interval]:
    """What is labelled of it."""
    return [event for event in lesson.events if event.kind in EXPRESSIONS]
