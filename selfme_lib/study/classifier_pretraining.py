"""A classifier pre-trained on motions of rendered people: their faces, their motion by any method, and the training.

Everything lies in one folder, and the same call resumes: faces person by person, motions part by part, the training by steps.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, cast

import numpy as np
import pydantic.dataclasses
import torch
from jaxtyping import Float
from pydantic import Field
from tqdm import tqdm

from selfme_lib.baselines.pretrained import PretrainedRival, Small, save_rival
from selfme_lib.classifier import pretraining
from selfme_lib.classifier.checkpoint import save_pretrained
from selfme_lib.classifier.network import ClassifierConfig, build_classifier
from selfme_lib.classifier.pretraining import ClassifierPretraining, Examples
from selfme_lib.data.images import to_frame
from selfme_lib.grids import resize_flow
from selfme_lib.motion.forms import motion_by
from selfme_lib.runtime.device import one_thread
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path, write_json
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.runtime.kept import is_sound, read_array, seal, write_array
from selfme_lib.runtime.locks import in_turn, in_use
from selfme_lib.runtime.settings import STRICT
from selfme_lib.synthme.pretraining import MOVING_UNITS, render_pairs, unit_motions

from .motion_methods import check_method, method_of

FRAME, LATTICE = 128, 64  # pixels of the frames, and of the motions that are kept
PART, BATCH = 512, 16  # pairs in a file, and in memory

Net = Literal["scvit", "vit-small", "off_apexnet", "ststnet"]
SCVIT = ClassifierConfig(
    image_size=96, patch_size=16, depth=4, width=128, heads=4, pool="all", input_scale=4.0, epochs=20
)
"""The shipped form; chosen on choice people."""


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class ClassifierRecipe:
    """What a pre-trained classifier is made from.

    Attributes:
        network: `scvit` in the shipped form, `vit-small` (ViT-S/16 at 224 px, for GPUs), or a small rival.
        motions: of `CLASSICAL`, `plus` or `printed`; of several, each step takes one of them at random.
        persons: rendered people of world home; the last `validation_persons` of them are not trained on.
        first_person: number of the first; SelfME+ was learned from the first 632.
        pairs: of frames, of each person.
        training: the task and its steps.
    """

    network: Net = "scvit"
    motions: tuple[str, ...] = ("plus",)
    persons: Annotated[int, Field(ge=2, le=10**6)] = 800
    validation_persons: Annotated[int, Field(ge=1, le=10**5)] = 60
    first_person: Annotated[int, Field(ge=0, lt=2**31)] = 2000
    pairs: Annotated[int, Field(ge=1, le=10_000)] = 10
    training: ClassifierPretraining = ClassifierPretraining()

    def __post_init__(self):
        if self.persons <= self.validation_persons:
            raise ValueError(
                f"of {self.persons} persons, {self.validation_persons} for validation leave none to train on"
            )
        for name in self.motions:
            check_method(name)
        if self.training.task == "motion" and self.network in ("off_apexnet", "ststnet"):
            raise ValueError(f"{self.network} has no patches to mask; take units")


def pretrain_classifier(
    out: Path, recipe: ClassifierRecipe, *, device: str = "cpu", workers: int | None = None
) -> Path:
    """Render, measure, train; write `out`/classifier.safetensors and its curve.

    Args:
        out: folder; it also keeps faces, motions and the state of the training.
        workers: processes that render, by default one per core.

    Raises:
        DataError: another process uses the folder, it belongs to another recipe, or the training diverges.
    """
    with in_use(out):
        faces = _faces(out, recipe, workers)
        units = _units(out, recipe)
        found = [_motions(out, faces, method, device) for method in recipe.motions]
        held_out = recipe.validation_persons * recipe.pairs
        seen, validation = (
            Examples(np.concatenate([motion[part] for motion in found]), np.tile(units[part], (len(found), 1, 1)))
            for part in (slice(None, -held_out), slice(-held_out, None))
        )
        people = f"{recipe.persons} rendered people, motion by {', '.join(recipe.motions)}"
        print(f"{people}: {len(seen.motion)} to train on, {len(validation.motion)} for validation", file=sys.stderr)
        network, side, save = _begin(recipe)
        state = out / "classifier.state"
        curve = pretraining.learn(network, seen, validation, recipe.training, side=side, state=state, device=device)
        training = recipe.training
        steps = f"{training.task}: {training.steps} steps of {training.batch_size} motions, {people}"
        path = out / "classifier.safetensors"
        save(path, {"recipe": steps, "seed": str(training.seed)})
        write_json(out / "curve.json", curve)
        state.unlink(missing_ok=True)
    return path


def pair_motions(
    out: Path, recipe: ClassifierRecipe, method: str, *, device: str = "cpu", workers: int | None = None
) -> tuple[Float[np.ndarray, "n 2 s s"], Float[np.ndarray, "n u 2"]]:
    """The motion of each pair of the recipe's frames, in half precision and pixels of `LATTICE`, and how far it moves each unit
    (`synthme.pretraining.unit_motions`); kept in `out`, where `pretrain_classifier` finds and leaves them, too."""
    with in_use(out):
        return _motions(out, _faces(out, recipe, workers), method, device), _units(out, recipe)


def _faces(out: Path, recipe: ClassifierRecipe, workers: int | None) -> Path:
    return render_pairs(
        out / "faces.npy",
        range(recipe.first_person, recipe.first_person + recipe.persons),
        pairs_per_identity=recipe.pairs,
        size=FRAME,
        world="home",
        workers=workers,
    )


def _begin(recipe: ClassifierRecipe) -> tuple[torch.nn.Module, int, Callable[[Path, dict[str, str]], None]]:
    """The network with random weights, the side of its motions, and what writes it."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(recipe.training.seed)
        if recipe.network in ("scvit", "vit-small"):
            config = SCVIT if recipe.network == "scvit" else ClassifierConfig()
            patches = config.image_size // config.patch_size
            targets = pretraining.targets_of(recipe.training.task, units=len(MOVING_UNITS), patches=patches)
            vit = build_classifier(config, classes=targets)
            return vit, config.image_size, lambda path, origin: save_pretrained(vit, config, path, **origin)
        rival = PretrainedRival(cast(Small, recipe.network), targets=2 * len(MOVING_UNITS))
        return rival, LATTICE, lambda path, origin: save_rival(rival, path, **origin)


def _units(out: Path, recipe: ClassifierRecipe) -> Float[np.ndarray, "n u 2"]:
    """How far action units move the skin in each pair; kept in `out`."""
    people = range(recipe.first_person, recipe.first_person + recipe.persons)
    key = fingerprint(code=unit_motions, people=[people.start, people.stop], pairs=recipe.pairs)
    path = out / f"units-{key}.npy"
    with in_turn(path):
        if (kept := read_array(path)) is not None:
            return kept
        units = unit_motions(people, pairs_per_identity=recipe.pairs, world="home")
        write_array(path, units)
    return units


def _motions(out: Path, faces: Path, method: str, device: str) -> Float[np.ndarray, "n 2 s s"]:
    """The motion of each pair in half precision, memory-mapped; measured in parts, of which finished ones are kept.

    Its bytes do not depend on the number of threads.
    """
    frames = np.load(faces, mmap_mode="r", allow_pickle=False)
    measure = _measure(method, device)
    path = (
        out / f"{method}-{fingerprint(code=[__name__, motion_by], method=method, faces=faces.with_suffix('.json'))}.npy"
    )
    if is_sound(path):
        return np.load(path, mmap_mode="r", allow_pickle=False)
    parts = path.with_suffix(".parts")
    parts.mkdir(exist_ok=True)
    for begin in tqdm(range(0, len(frames), PART), desc=f"{method} motion", unit="part", disable=None):
        part = parts / f"{begin:08d}.npy"
        if not is_sound(part):
            some = frames[begin : begin + PART]
            write_array(part, np.concatenate([measure(some[k : k + BATCH]) for k in range(0, len(some), BATCH)]))
    with atomic_path(path) as temporary:
        shape = (len(frames), 2, LATTICE, LATTICE)
        whole = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float16, shape=shape)
        for begin in range(0, len(frames), PART):
            whole[begin : begin + PART] = np.load(parts / f"{begin:08d}.npy", allow_pickle=False)
        whole.flush()
        del whole
        seal(temporary, path.name)
    shutil.rmtree(parts)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _measure(method: str, device: str) -> Callable[[np.ndarray], np.ndarray]:
    """From pairs of frames (n, 2, h, w, 3) to motions of `LATTICE`."""
    motion_of = method_of(method, device=device).motion

    @one_thread()
    def measure(pairs: np.ndarray) -> np.ndarray:
        frames = (torch.stack([to_frame(frame, FRAME) for frame in pairs[:, which]]) for which in (0, 1))
        onset, apex = (frame.to(device) for frame in frames)
        motion = resize_flow(motion_of(onset, apex), (LATTICE, LATTICE))
        if not motion.isfinite().all():
            raise DataError(f"{method} finds a motion that is not finite; take another one")
        return motion.cpu().numpy().astype(np.float16)

    return measure
