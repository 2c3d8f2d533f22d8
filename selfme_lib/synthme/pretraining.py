"""Faces to learn motion from before any micro-expression is seen: pairs of states of many people, without labels.

They stand in for the paper's VoxCeleb. The people are a population of their own; none of them is in any evaluation set.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.fingerprint import array_hash, fingerprint
from selfme_lib.runtime.kept import is_sound, new_array, read_record, seal, write_record
from selfme_lib.runtime.locks import in_turn
from selfme_lib.runtime.processes import in_parallel

from .camera import Pose
from .difficulty import SYNTHME_2
from .head import HEAD
from .identity import Identity, Person, World, make_face
from .render import Expression, Renderer, Shot
from .sensor import expose, through_jpeg
from .studio import set_up
from .timeline import UNITS, pixel_motion, scaled_to

MOVING_UNITS = tuple(unit for unit in UNITS if unit < 40)
LARGEST_PEAK = 6.0  # pixels of a 256-pixel frame
STREAM = 21


def render_pairs(
    path: Path | str,
    identity_seeds: Sequence[int],
    *,
    pairs_per_identity: int,
    size: int,
    seed: int = 0,
    world: World = "synthme-1",
    workers: int | None = None,
) -> Path:
    """Render pairs of states of each person into one `.npy` file: uint8 (N, 2, size, size, 3) RGB.

    Pairs of one person lie together, people in the order of `identity_seeds`. The same arguments give the same bytes. An
    interrupted run resumes where it stopped; a finished file is left alone unless it is damaged.

    Args:
        path: of the `.npy` file; `numpy.load(path, mmap_mode="r")` reads it.
        identity_seeds: people of the pre-training population.
        pairs_per_identity: N is this times the number of people.
        size: of a frame in pixels.
        seed: of expressions, poses and noise.
        world: where the people live.
        workers: processes; by default one per core.

    Raises:
        DataError: the file was made with other arguments.
    """
    path, people = Path(path), list(identity_seeds)
    code, identities = fingerprint(code=__name__, head=HEAD), fingerprint(code=[], people=people)
    request: dict[str, Any] = {"code": code, "identities": identities, "persons": len(people)}
    request |= {"pairs_per_identity": pairs_per_identity, "size": size, "seed": seed, "world": world}
    with in_turn(path):  # two runs that share a file take turns
        _render(path, request, people, workers)
    return path


def _render(path: Path, request: dict, people: list[int], workers: int | None) -> None:
    partial, record = path.with_suffix(".partial.npy"), path.with_suffix(".json")
    pairs, size, seed, world = (request[name] for name in ("pairs_per_identity", "size", "seed", "world"))
    kept = read_record(record)
    found = kept or {"request": request, "finished": {}}
    if found["request"] != request:
        raise DataError(
            f"{path}: made with other arguments ({found['request']}); choose another file or delete it and {record.name}"
        )
    if kept and is_sound(path):
        return
    shape = (len(people) * pairs, 2, size, size, 3)
    finished = _sound_people(partial, shape, found["finished"], pairs)
    if not finished:
        with atomic_path(partial) as temporary:
            new_array(temporary, shape).flush()
    jobs = [(partial, i, person, pairs, size, seed, world) for i, person in enumerate(people) if str(i) not in finished]
    with tqdm(total=len(people), initial=len(finished), desc="faces", unit="person", disable=None) as bar:
        for index, checksum in in_parallel(_render_person, jobs, workers):
            finished[str(index)] = checksum
            write_record(record, {"request": request, "finished": finished})
            bar.update()
    seal(partial, path.name)
    os.replace(partial, path)


def _sound_people(partial: Path, shape: tuple[int, ...], finished: dict[str, str], pairs: int) -> dict[str, str]:
    """Those of the people in a file begun earlier whose pairs are as they were written."""
    if not partial.is_file() or not finished:
        return {}
    try:
        frames = np.load(partial, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):  # damaged from its first bytes on, or cut off
        return {}
    if frames.shape != shape:
        return {}
    return {index: checksum for index, checksum in finished.items() if _checksum(frames, int(index), pairs) == checksum}


def _checksum(frames: np.ndarray, index: int, pairs: int) -> str:
    return array_hash(frames[index * pairs : (index + 1) * pairs])


def _render_person(
    path: Path, index: int, identity_seed: int, pairs: int, size: int, seed: int, world: World
) -> tuple[int, str]:
    """Render a person's pairs into their place in the file; returns the person's index and the checksum of the pairs."""
    cv2.setNumThreads(1)
    renderer = set_up(make_face(_person(identity_seed, world)), size)
    frames = np.load(path, mmap_mode="r+", allow_pickle=False)
    for pair in range(pairs):
        frames[index * pairs + pair] = draw_pair(renderer, _generator(seed, identity_seed, pair))
    frames.flush()
    return index, _checksum(frames, index, pairs)


def draw_pair(renderer: Renderer, generator: np.random.Generator) -> np.ndarray:
    """Two states of a person that differ by a motion between micro and large: uint8 (2, size, size, 3)."""
    resting = Pose(*generator.normal(0, [0.05, 0.10, 0.04, 3, 3]).tolist())
    turn = np.exp(generator.uniform(np.log(0.0005), np.log(0.012)))
    drift = generator.normal(0, [turn, turn, turn, 200 * turn, 200 * turn])
    states = _draw_states(generator, renderer.identity)
    noise, blur = generator.uniform(0.003, 0.02), generator.uniform(0, 0.5) * renderer.size / 128
    gain, quality = np.exp(generator.normal(0, 0.1)), int(generator.integers(70, 98))
    behaves = renderer.identity.world != "synthme-1"
    furrows = generator.uniform(0, 1) if behaves else 0.0
    pictures = []
    for expression, pose in zip(states, (resting, resting.changed_by(drift))):
        shot = Shot(gain=gain * np.exp(generator.normal(0, 0.015)), furrows=furrows)
        if behaves:
            shot = replace(shot, sway=tuple(generator.normal(0, SYNTHME_2.lamp_sway, 2).tolist()))
        picture = renderer.render(expression, pose, shot=shot)
        picture = expose(picture, generator, noise=noise, blur=blur)
        pictures.append(through_jpeg(picture, quality))
    return np.stack(pictures)


def _draw_states(generator: np.random.Generator, identity: Identity) -> tuple[Expression, Expression]:
    before, after = (_draw_state(generator, identity) for _ in range(2))
    if generator.random() < 0.5:  # half of the pairs start from rest, like clips of micro-expressions
        before = replace(after, action_units={})
    return before, after


def unit_motions(
    identity_seeds: Sequence[int], *, pairs_per_identity: int, seed: int = 0, world: World = "synthme-1"
) -> Float[np.ndarray, "n u 2"]:
    """How far each of `MOVING_UNITS` moves the skin between the two states of each pair that `render_pairs` draws.

    What is drawn is drawn again, and nothing is rendered. In pixels of a 256-pixel frame, left and right, negative where a unit
    lets go; a unit counts by the largest displacement it would cause alone. Arguments as in `render_pairs`.
    """
    rows = []
    for identity_seed in tqdm(identity_seeds, desc="action units", unit="person", disable=None):
        identity = make_face(_person(identity_seed, world))
        small = 0.05
        reach = np.array([pixel_motion(identity, {unit: (small, small)}) for unit in MOVING_UNITS]) / small
        for pair in range(pairs_per_identity):
            generator = _generator(seed, identity_seed, pair)
            generator.normal(size=5), generator.uniform(), generator.normal(size=5)  # the poses of `draw_pair`
            before, after = (_strengths(state) for state in _draw_states(generator, identity))
            rows.append((after - before) * reach[:, None])
    return np.array(rows, np.float32)


def _strengths(state: Expression) -> Float[np.ndarray, "u 2"]:
    return np.array([state.action_units.get(unit, (0.0, 0.0)) for unit in MOVING_UNITS])


def _person(identity_seed: int, world: World) -> Person:
    worn = {} if world == "synthme-1" else {"glasses": SYNTHME_2.glasses, "beards": SYNTHME_2.beards}
    return Person((identity_seed,), "pretraining", **worn, world=world)


def _generator(seed: int, identity_seed: int, pair: int) -> np.random.Generator:
    return np.random.default_rng((STREAM, seed, identity_seed, pair))


def _draw_state(generator: np.random.Generator, identity: Identity) -> Expression:
    """One to four random action units at once, sometimes on one side only; sometimes a blink, and a small gaze."""
    peak = float(np.exp(generator.uniform(np.log(0.3), np.log(LARGEST_PEAK))))
    chosen = generator.choice(MOVING_UNITS, generator.integers(1, 5), replace=False).tolist()
    sides = np.array([[1, 1], [1, 0.1], [0.1, 1]])[generator.choice(3, p=[0.7, 0.15, 0.15])]
    units = {u: tuple(sides * generator.uniform(0.3, 1) * np.exp(generator.normal(0, 0.15, 2))) for u in chosen}
    units = scaled_to(identity, units, peak)
    if generator.random() < 0.2:
        units[45] = (generator.uniform(0, 1),) * 2
    return Expression(action_units=units, gaze=tuple(generator.normal(0, 0.05, 2).tolist()))
