"""What a data set of long videos will hold, drawn before anything is rendered: settings, people, events and file names."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import numpy as np
import pydantic.dataclasses
from pydantic import Field

from selfme_lib.runtime.settings import STRICT

from .codec import Codec
from .difficulty import SYNTHME_2, Difficulty, Share
from .identity import Person, Population, World, admit
from .long_layouts import LONG_LAYOUTS, MOST_VIDEOS, Label, LongLayoutName, VideoFiles
from .long_script import LABELLED, Behaviour, Event, draw_events
from .plan import VERSIONS, Casting, Number, Version

STREAM = 44  # of what coders leave out


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class LongConfig(Casting):
    """What to render.

    Attributes:
        subjects, videos: number of people, and of videos per person.
        seconds: length of a video; people do the same things at any frame rate.
        fps: frames per second; by default those of the layout's data set, 30 or 200.
        behaviour: how often people do what.
        missing_labels: share of expressions of which coders name no offset (CAS(ME)²) or apex (SAMM).
        codec: "h264" records each video before its frames are written; CAS(ME)²'s are then video files.
        size, seed, layout, first_identity, population, world, difficulty, yaw: as in `plan.SynthConfig`.
    """

    subjects: Annotated[int, Field(ge=1, le=10_000, description="each takes minutes")] = 12
    videos: Annotated[int, Field(ge=1, le=MOST_VIDEOS, description="per person; CAS(ME)² has nine stimuli")] = 1
    seconds: Annotated[float, Field(ge=1, le=600, description="of a video")] = 30.0
    size: Annotated[int, Field(ge=32, le=4096, description="px; smaller shows no face, larger takes a day a video")] = (
        256
    )
    seed: Number = 0
    layout: LongLayoutName = "casme2-long"
    fps: Annotated[int, Field(ge=10, le=1000, description="frames per second")] | None = None
    first_identity: Number = 0
    population: Population = "evaluation"
    world: World = "home"
    difficulty: Difficulty = SYNTHME_2
    behaviour: Behaviour = Behaviour()
    missing_labels: Share = 0.12
    codec: Codec = "none"
    yaw: Annotated[float, Field(ge=-45, le=45, description="degrees; beyond 45 half of the face is hidden")] = 0.0

    @property
    def rate(self) -> int:
        """Frames per second."""
        return self.fps or LONG_LAYOUTS[self.layout].fps

    @property
    def frames(self) -> int:
        """Of a video."""
        return round(self.seconds * self.rate)

    @property
    def version(self) -> Version | None:
        """As in `plan.SynthConfig`."""
        usual = self.world != "synthme-1" and self.difficulty == VERSIONS["synthme-2"] and self.behaviour == Behaviour()
        return "synthme-2" if usual else None


def long_fingerprint(config: LongConfig) -> str:
    """See `plan.Casting.fingerprint`."""
    return config.fingerprint("selfme_lib.synthme.long_dataset")


@dataclass(frozen=True)
class PlannedVideo:
    """A video before it is rendered: who, in which files, and what happens."""

    person: Person
    files: VideoFiles
    events: tuple[Event, ...]
    seed: tuple[int, ...]


@lru_cache(maxsize=4)
def plan_videos(config: LongConfig) -> tuple[PlannedVideo, ...]:
    """All videos, by subject.

    Raises:
        UsageError: the people are fresh, and this is not the place for them.
    """
    admit(config.population)
    as_video = config.codec == "h264" and bool(LONG_LAYOUTS[config.layout].video)
    planned = []
    for number in range(config.subjects):
        person = config.person(number)
        for video in range(config.videos):
            seed = (*person.seed, video)
            events = draw_events(
                seed,
                seconds=config.seconds,
                fps=config.rate,
                behaviour=config.behaviour,
                difficulty=config.difficulty,
            )
            planned.append(PlannedVideo(person, VideoFiles(config.layout, number, video, as_video), events, seed))
    return tuple(planned)


def labels_of(config: LongConfig, video: PlannedVideo) -> list[Label]:
    """The rows of a video in the label sheet, as coders see its expressions; frames count from 1."""
    generator = np.random.default_rng((STREAM, *video.seed))
    labels: list[Label] = []
    for event in (event for event in video.events if event.kind in LABELLED):
        onset, apex, offset = (moment + 1 for moment in event.coded)
        forgotten = generator.random() < config.missing_labels
        labels.append(
            Label(
                files=video.files,
                number=len(labels) + 1,
                kind=event.kind,
                onset=onset,
                apex=None if forgotten and config.layout == "samm-long" else apex,
                offset=None if forgotten and config.layout == "casme2-long" else offset,
                action_units=event.action_units,
                emotion=event.emotion,
            )
        )
    return labels
