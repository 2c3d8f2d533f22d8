r"""From one motion to an answer: probabilities of expressions at a fitted temperature, action units, or "cannot tell".

The trunk is SCViT pre-trained on action units, frozen. What its head would read, $z$ (see `frozen`), goes through two linear
models: logistic regression on labelled clips of rendered people, with probabilities $\operatorname{softmax}(\ell(z) / T)$, and
ridge regression of how far each action unit moves the skin, left and right. $T$, and the confidence below which nothing is said,
were fitted on people whom the models had not seen.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from selfme_lib.grids import resize_flow
from selfme_lib.runtime.device import one_thread
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.kept import read_weights, write_weights
from selfme_lib.runtime.settings import from_plain

from . import frozen
from .checkpoint import CHECKPOINTS
from .checkpoint import SHIPPED as TRUNKS
from .linear import LinearHead
from .network import ClassifierConfig, SCViT

SHIPPED = CHECKPOINTS / "expressions.safetensors"


@dataclass(frozen=True)
class Answer:
    """What is said of some motions.

    Attributes:
        probabilities: of `Models.classes`.
        sure: whether the largest is large enough to name the class.
        units: how far each of `Models.units` moves the skin, in pixels of a 128-pixel face.
    """

    probabilities: Float[Tensor, "m k"]
    sure: Bool[Tensor, "m"]
    units: Float[Tensor, "m u"]


@dataclass(frozen=True, kw_only=True)
class Models:
    """What stands behind the trunk.

    Attributes:
        form: settings of the trunk; its `init` names the weights.
        gamma: $\\gamma$ at which motions are measured.
        classes, units: names, such as `surprise` and `L12`.
        head: of expressions; unit_weights, unit_bias: of units.
        temperature: $T$; confidence: smallest probability that is an answer.
    """

    form: ClassifierConfig
    gamma: float
    classes: tuple[str, ...]
    units: tuple[str, ...]
    head: LinearHead
    unit_weights: Float[Tensor, "u d"]
    unit_bias: Float[Tensor, "u"]
    temperature: float
    confidence: float


class Recogniser:
    """Trunk and models; see `load_recogniser`."""

    def __init__(self, models: Models, *, device: str = "cpu"):
        self.models = models
        self.trunk: SCViT = frozen.trunk(models.form, device=device)
        self.device = device

    @one_thread()
    @torch.inference_mode()
    def recognise(self, motion: Float[Tensor, "m 2 s s"]) -> Answer:
        """Of motions from onset to apex, in pixels, amplified by `models.gamma`."""
        models, side = self.models, self.models.form.image_size
        read = self.trunk.describe_regions(resize_flow(motion, (side, side)).to(self.device)).sum(1).cpu()
        logits = models.head.predict(read).clamp_min(1e-12).log() / models.temperature
        likely = logits.softmax(-1)
        return Answer(likely, likely.amax(-1) >= models.confidence, read @ models.unit_weights.T + models.unit_bias)


def save_models(models: Models, path: Path | str, **origin: str) -> None:
    """Write everything but the trunk."""
    weights = {"weights": models.head.weights, "bias": models.head.bias, "centre": models.head.centre}
    weights |= {"unit_weights": models.unit_weights, "unit_bias": models.unit_bias}
    settings = {
        "init": models.form.init,
        "gamma": models.gamma,
        "classes": models.classes,
        "units": models.units,
        "scale": models.head.scale,
        "temperature": models.temperature,
        "confidence": models.confidence,
    }
    stored = {name: value.float().contiguous() for name, value in weights.items()}
    write_weights(path, stored, {"settings": json.dumps(settings), **origin})


def load_recogniser(*, path: Path = SHIPPED, device: str = "cpu") -> Recogniser:
    """The recogniser of a file, by default the one that comes with the package.

    Raises:
        DataError: the file is missing, or holds something else.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file of a recogniser")
    try:
        stored, metadata = read_weights(path, sealed=False)
        told = json.loads(metadata["settings"])
        weights, bias, centre = (stored[name].double() for name in ("weights", "bias", "centre"))
        models = Models(
            form=replace(_form_of(told["init"]), init=told["init"]),
            gamma=float(told["gamma"]),
            classes=tuple(told["classes"]),
            units=tuple(told["units"]),
            head=LinearHead(weights, bias, centre, float(told["scale"])),
            unit_weights=stored["unit_weights"],
            unit_bias=stored["unit_bias"],
            temperature=float(told["temperature"]),
            confidence=float(told["confidence"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not a recogniser ({str(error).splitlines()[0]})") from error
    return Recogniser(models, device=device)


def _form_of(init: str) -> ClassifierConfig:
    """The settings that the weights of a shipped trunk need."""
    _, metadata = read_weights(TRUNKS[init], sealed=False)
    return from_plain(ClassifierConfig, json.loads(metadata["config"]))


def named(values: Sequence[float], names: Sequence[str]) -> dict[str, float]:
    """By name, to three digits."""
    return {name: round(float(value), 3) for name, value in zip(names, values)}
