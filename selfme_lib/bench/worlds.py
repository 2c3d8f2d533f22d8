"""What is measured on: a folder with truth, or a world by its name, whose people are rendered once and kept.

home          people of `synthme-2` as they are elsewhere in the project
other         people, skin, light, camera and codec of the other world, which nothing is trained or chosen on
photographs   two photographs moved by the motions of the people of home, see `photographs`
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from selfme_lib.data.images import to_frame
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.paths import DATA
from selfme_lib.synthme import SYNTHME_2, SynthConfig, fingerprint, read_onset_apex, render_onset_apex
from selfme_lib.synthme.dataset import load_excerpt, render_excerpts, stored_config
from selfme_lib.synthme.identity import World
from selfme_lib.synthme.onset_apex import OnsetApex

from .nuisances import ON_FRAMES
from .pairs import Known, Pairs, excerpt_pairs, known_clips, load_pairs
from .photographs import lenders, move_photographs

BenchWorld = Literal["home", "other", "photographs"]
SIZE = 128  # pixels at which a world is rendered unless another size is asked for


@dataclass(frozen=True)
class Source:
    """Clips whose motion is known.

    Attributes:
        clips: by subject.
        size: side of the frames that are compared.
        load: pairs of some clips.
        turn: the same with every head turned by so many degrees; renders some clips once.
    """

    clips: Sequence[Known]
    size: int
    load: Callable[[Sequence[Known]], Pairs]
    turn: Callable[[Sequence[Known], float], Callable[[Sequence[Known]], Pairs]]


def folder_source(root: Path, size: int | None, workers: int | None) -> Source:
    """The clips of a folder, see `pairs`; heads are turned in `synthme-FINGERPRINT-excerpts` beside it."""
    clips, width = known_clips(root)
    by_key = {clip.key: clip for clip in clips}
    size = size or width

    def load(some: Sequence[Known]) -> Pairs:
        return load_pairs(root, [by_key[one.key] for one in some], size)

    def turn(some: Sequence[Known], yaw: float) -> Callable[[Sequence[Known]], Pairs]:
        try:
            config = replace(stored_config(root), yaw=yaw)
        except DataError as error:
            raise DataError(f"{error}; leave yaw out of --nuisances ({','.join(ON_FRAMES)})") from None
        folder = root.resolve().parent / f"synthme-{fingerprint(config)}-excerpts"
        paths = render_excerpts(folder, config, [(clip.subject, clip.name) for clip in some], workers=workers)
        return lambda few: excerpt_pairs(
            [one.key for one in few], [load_excerpt(paths[one.subject, one.name]) for one in few], size
        )

    return Source([Known(clip.subject, clip.name) for clip in clips], size, load, turn)


def world_config(
    world: BenchWorld,
    *,
    size: int = SIZE,
    subjects: int = 12,
    clips: int = 12,
    population: Literal["evaluation", "choice"] = "evaluation",
) -> SynthConfig:
    """The people of a world that are measured on; of photographs, those that lend their motion."""
    there: World = "other" if world == "other" else "home"
    config = SynthConfig(
        subjects=subjects, clips=clips, size=size, world=there, difficulty=SYNTHME_2, population=population
    )
    return lenders(config) if world == "photographs" else config


def world_source(world: BenchWorld, config: SynthConfig, workers: int | None, *, cache: Path | None = None) -> Source:
    """The people of a world, rendered below `cache` (by default the project's folder of data) unless they are there."""
    pairs = rendered(config, workers, cache=cache)
    if world == "photographs":
        pairs = move_photographs(pairs, config)
    clips = [Known(*row) for row in pairs.table[["subject", "clip"]].itertuples(index=False)]

    def loader(pairs: OnsetApex) -> Callable[[Sequence[Known]], Pairs]:
        return lambda some: pairs_of(pairs, [clips.index(one) for one in some])

    def turn(some: Sequence[Known], yaw: float) -> Callable[[Sequence[Known]], Pairs]:
        if world == "photographs":
            raise UsageError(f"a photograph cannot be turned; leave yaw out of --nuisances ({','.join(ON_FRAMES)})")
        return loader(rendered(replace(config, yaw=yaw), workers, cache=cache))

    return Source(clips, config.size, loader(pairs), turn)


def rendered(config: SynthConfig, workers: int | None, *, cache: Path | None = None) -> OnsetApex:
    """The clips of a configuration, rendered below `cache` (by default the project's folder of data) unless they are there."""
    place = (cache or DATA) / f"onset-apex-{fingerprint(config)}"
    return read_onset_apex(render_onset_apex(place, config, workers=workers))


def pairs_of(pairs: OnsetApex, rows: Sequence[int]) -> Pairs:
    """Some of what was rendered, by their rows in its table."""
    size = pairs.onset.shape[1]
    onset, apex = (torch.stack([to_frame(frames[row], size) for row in rows]) for frames in (pairs.onset, pairs.apex))
    truth, action = (
        torch.from_numpy(flow[rows].astype("float32")) for flow in (pairs.flow_backward, pairs.au_flow_backward)
    )
    known = pairs.table.iloc[rows][["subject", "clip"]].itertuples(index=False)
    return Pairs(tuple(Known(*row).key for row in known), onset, apex, truth, action, moving=truth)
