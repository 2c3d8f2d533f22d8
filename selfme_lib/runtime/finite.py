"""A training that diverges is stopped: a network of weights that are not numbers must not be kept."""

from collections.abc import Iterable

import torch
from torch import Tensor

from .errors import DataError


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether none of them holds a NaN or an infinity; waits for the device once."""
    return bool(torch.stack([tensor.isfinite().all() for tensor in tensors]).all())


def require_finite(what: str, tensors: Iterable[Tensor]) -> None:
    """Stop a training that has diverged.

    Args:
        what: is trained, and how far it has come.
        tensors: its losses or weights.

    Raises:
        DataError: one of them is not finite.
    """
    if not all_finite(tensors):
        raise DataError(f"{what}: the training diverged; lower its learning rate")
