"""What a data set will hold, drawn before anything is rendered: settings, people, labels, scripts and file names.

The version and the settings determine every byte. A change that alters bytes is a new version. What a version is made of
stands in `VERSIONS`: `synthme-1`, the first one, and `synthme-2`, whose faces behave like faces and which the chapters use.
"""

import math
from collections import Counter
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, cast

import numpy as np
import pydantic.dataclasses
from pydantic import Field

from selfme_lib.runtime.fingerprint import fingerprint as runtime_fingerprint
from selfme_lib.runtime.settings import STRICT

from .action_units import CLASS_OF_EMOTION
from .codec import Codec, encoder_version
from .difficulty import SYNTHME_2, Difficulty
from .head import HEAD
from .identity import Person, Population, World, admit, make_face
from .layouts import LAYOUTS, ClipFiles, clip_files
from .timeline import Script, write_script

Version = Literal["synthme-1", "synthme-2"]
VERSIONS: dict[Version, Difficulty] = {"synthme-1": Difficulty(), "synthme-2": SYNTHME_2}
NEGATIVE_EMOTIONS = {"disgust": 0.7, "repression": 0.3}  # shares as in CASME II: 63 and 27 clips
STREAM = {"labels": 11, "clips": 12}

Number = Annotated[int, Field(ge=0, lt=2**63, description="random generators take 63 bits")]
MOST_CLIPS = 100_000  # the plan of all of them is in memory at once


class Casting:
    """What the settings of clips and of long videos share."""

    seed: int
    first_identity: int
    population: Population
    world: World
    difficulty: Difficulty
    codec: Codec

    def person(self, number: int) -> Person:
        """The `number`-th person, counted from 0."""
        seed = (self.seed, self.first_identity + number)
        return Person(seed, self.population, self.difficulty.glasses, self.difficulty.beards, self.world)

    def to_plain(self) -> dict[str, Any]:
        """As JSON can say it."""
        return asdict(cast(Any, self))

    def fingerprint(self, code: str) -> str:
        """A short hash of the settings, the code of a module, the head and, if there is one, the encoder: equal for equal data.

        Raises:
            UsageError: the settings ask for an encoder, and there is none.
        """
        encoder = {} if self.codec == "none" else {"encoder": encoder_version()}
        return runtime_fingerprint(code=code, head=HEAD, config=self.to_plain(), **encoder)


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class SynthConfig(Casting):
    """What to render.

    Attributes:
        subjects, clips: number of people, and of labelled clips per person.
        size: width and height of a frame in pixels.
        seed: another seed gives other people and other clips.
        layout: the data set whose files are imitated.
        first_identity: number of the first person; sets with disjoint ranges of people have nobody in common.
        population: of the people, see `identity`; those of two populations have nobody in common.
        fps: frames per second; a movement takes 8 to 16 frames.
        world: where the people live, see `identity`; a version other than `synthme-1` has two.
        difficulty: what stands between frames and label; `VERSIONS` has that of each version.
        codec: "h264" records each clip as a video before its frames are written, as CASME II, SMIC and SAMM were recorded.
        others: also the clips that fit no class, in the proportion of the layout's data set, for tasks with five classes.
        ends: of each clip only onset and apex are written, which is all that most methods look at: hundreds of people in minutes.
        yaw: degrees by which every head is turned, to the picture's right; the clips stay the same otherwise. Beyond 45°
            half of the face is hidden.
    """

    subjects: Annotated[int, Field(ge=1, le=10_000, description="each takes a minute")] = 12
    clips: Annotated[int, Field(ge=1, le=1_000, description="per person; each is a second of frames")] = 12
    size: Annotated[int, Field(ge=32, le=4096, description="px; smaller shows no face, larger takes hours a clip")] = (
        256
    )
    seed: Number = 0
    layout: Literal["casme2", "smic", "samm"] = "casme2"
    first_identity: Number = 0
    population: Population = "evaluation"
    fps: Annotated[int, Field(ge=1, le=10_000, description="frames per second")] = 50
    world: World = "synthme-1"
    difficulty: Difficulty = Difficulty()
    codec: Codec = "none"
    others: bool = False
    ends: bool = False
    yaw: Annotated[float, Field(ge=-45, le=45, description="degrees; beyond 45 half of the face is hidden")] = 0.0

    def __post_init__(self):
        if (count := self.subjects * self.clips) > MOST_CLIPS:
            raise ValueError(
                f"{self.subjects} subjects with {self.clips} clips each are {count:,}, more than {MOST_CLIPS:,}"
            )

    @property
    def version(self) -> Version | None:
        """The version whose difficulty and world these are; None if they are nobody's."""
        version: Version = "synthme-1" if self.world == "synthme-1" else "synthme-2"
        return version if self.difficulty == VERSIONS[version] else None

    def class_counts(self) -> dict[str, int]:
        """How many clips of each class the layout's data set has."""
        layout = LAYOUTS[self.layout]
        return {**layout.class_counts, **({"others": layout.others} if self.others and layout.others else {})}


def fingerprint(config: SynthConfig) -> str:
    """See `Casting.fingerprint`."""
    return config.fingerprint("selfme_lib.synthme.dataset")


@dataclass(frozen=True)
class PlannedClip:
    """A clip before it is rendered: who, in which files, and what happens."""

    person: Person
    files: ClipFiles
    script: Script


@lru_cache(maxsize=4)  # requested again whenever somebody needs the data set's folder
def plan_clips(config: SynthConfig) -> tuple[PlannedClip, ...]:
    """All clips, by subject.

    Raises:
        UsageError: the people are fresh, and this is not the place for them.
    """
    admit(config.population)
    clips = []
    for subject, emotions in enumerate(draw_labels(config), start=1):
        person = config.person(subject - 1)
        identity = make_face(person)
        count: Counter[str] = Counter()
        for number, emotion in enumerate(emotions):
            kind = CLASS_OF_EMOTION.get(emotion, emotion)
            count[kind] += 1
            script = write_script(identity, emotion, config.difficulty, (STREAM["clips"], *person.seed, number))
            if config.layout == "smic":
                script = script.trimmed()
            if config.yaw:
                script = script.turned(identity, math.radians(config.yaw))
            files = clip_files(config.layout, subject, number, kind, count[kind])
            clips.append(PlannedClip(person=person, files=files, script=script))
    return tuple(clips)


def draw_labels(config: SynthConfig) -> list[list[str]]:
    """The emotions of each subject's clips.

    Class totals are those of the real data set, scaled. Subjects have preferences, so some lack a class altogether.
    """
    generator = np.random.default_rng((STREAM["labels"], config.seed, config.first_identity))
    counts = config.class_counts()
    exact = np.array(list(counts.values())) / sum(counts.values()) * config.subjects * config.clips
    left = np.floor(exact).astype(int)
    short = config.subjects * config.clips - left.sum()
    left[np.argsort(left - exact, kind="stable")[:short]] += 1
    labels: list[list[str]] = [[] for _ in range(config.subjects)]
    taste = generator.dirichlet([0.9] * len(counts), config.subjects)
    for _ in range(config.clips):
        for subject in range(config.subjects):  # in turns, so that the last subject is not left with the remainder
            chances = left * taste[subject]
            chances = chances / chances.sum() if chances.sum() > 1e-9 else left / left.sum()
            kind = generator.choice(len(counts), p=chances)
            left[kind] -= 1
            labels[subject].append(("negative", "happiness", "surprise", "others")[kind])
    emotions, shares = zip(*NEGATIVE_EMOTIONS.items())
    return [[str(generator.choice(emotions, p=shares)) if e == "negative" else e for e in row] for row in labels]
