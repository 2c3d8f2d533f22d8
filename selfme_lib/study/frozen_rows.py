"""Rows that read a motion before anything is trained: the linear yardstick its means in cells, others a pre-trained network.

What is read of a clip does not depend on the fold, so it is computed once and kept, and a fold fits some thousand numbers
instead of pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from jaxtyping import Float
from torch import Tensor

from selfme_lib.baselines import pretrained
from selfme_lib.classifier import frozen, linear
from selfme_lib.classifier.checkpoint import FORM
from selfme_lib.classifier.linear import LinearConfig
from selfme_lib.classifier.network import ClassifierConfig
from selfme_lib.grids import resize_flow
from selfme_lib.runtime.device import DEVICE, one_thread

from .rows import Row

BATCH = 256  # motions of full size in memory at a time


@dataclass(frozen=True)
class Reading:
    """How a row reads a motion, and what it then trains.

    Attributes:
        config, fit_predict: of the folds, see `evaluation.loso.Experiment`.
        read: from motions to what the folds see, both of n clips.
        code, cause: what `read` depends on, for `runtime.fingerprint`.
        seeded: whether a seed changes anything: a linear model has one solution. `fit_predict` then takes several at once.
    """

    config: Any
    fit_predict: Callable[..., Tensor]
    read: Callable[[Tensor], Tensor]
    code: Any
    cause: dict[str, Any]
    seeded: bool = False


def reading_of(row: Row, config: ClassifierConfig) -> Reading | None:
    """None: the classifier of this row is trained on the motion itself.

    Args:
        config: the profile's classifier; motions are resized to its side first.

    Raises:
        UsageError: a network is not to be trained, and no pre-trained one is named.
    """
    side = config.image_size
    if row.linear:
        yardstick = LinearConfig()
        read = in_parts(lambda motion: _means(motion, side, yardstick.cells))
        return Reading(yardstick, linear.fit_predict, read, linear, {"side": side, "cells": yardstick.cells})
    if row.rival is not None:
        if row.init is None:
            return None
        method = cast(pretrained.Small, row.rival.method)
        path = pretrained.shipped(method)
        read = _described(lambda: pretrained.load_rival(path).to(DEVICE), side)
        cause = {"weights": path, "side": side, "device": DEVICE}
        return Reading(pretrained.PENALTIES[method], frozen.fit_predict, read, [frozen, pretrained], cause)
    mine = row.classifier(config)
    if not mine.frozen:
        return None
    form = {name: getattr(mine, name) for name in FORM}
    cause = {"weights": frozen.weights_of(mine), "form": form, "device": DEVICE}
    read = _described(lambda: frozen.trunk(mine, device=DEVICE), side)
    if mine.trained == "head":
        return Reading(mine, frozen.fit_predict_heads, read, frozen, cause, seeded=True)
    return Reading(frozen.PENALTIES[mine.init], frozen.fit_predict, read, frozen, cause)


def in_parts(read: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same on many motions, a few of them in memory at a time."""

    @one_thread()
    def of_all(motion: Tensor) -> Tensor:
        return torch.cat([read(part) for part in motion.split(BATCH)])

    return of_all


def _means(motion: Float[Tensor, "n 2 s s"], side: int, cells: int) -> Float[Tensor, "n 2 c c"]:
    return linear.cell_means(resize_flow(motion, (side, side)), cells).unflatten(1, (2, cells, cells))


class _Describes(Protocol):
    def describe_regions(self, motion: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b r d"]: ...


def _described(load: Callable[[], _Describes], side: int) -> Callable[[Tensor], Tensor]:
    """`frozen.describe` by a network that is loaded when something is to be read."""

    def read(motion: Tensor) -> Tensor:
        network = load()
        return in_parts(
            lambda part: frozen.describe(network.describe_regions, resize_flow(part, (side, side)), device=DEVICE)
        )(motion)

    return read
