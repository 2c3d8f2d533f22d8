"""Networks on disk in half precision: safetensors, with the network's form and the origin of its weights as metadata."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from .errors import DataError
from .kept import read_weights, write_weights


def write_half(path: Path | str, weights: Mapping[str, Tensor], form: Mapping[str, Any], **origin: str) -> None:
    """Write weights; those that are no numbers with a point, such as counts, as they are."""
    halves = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    write_weights(path, halves, {"config": json.dumps(dict(form)), **origin})


def read_half(path: Path | str, *, kind: str) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, str]]:
    """The weights in float32, the form of the network, and the metadata, `origin` among them.

    Args:
        kind: what the file should be, for the message.

    Raises:
        DataError: the file is missing, damaged, or something else.
    """
    try:
        stored, metadata = read_weights(path, sealed=False)
        form = dict(json.loads(metadata["config"]))
    except (DataError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not {kind} ({error}); give another file") from None
    weights = {name: value.float() if value.is_floating_point() else value for name, value in stored.items()}
    if broken := [name for name, value in weights.items() if not value.isfinite().all()]:
        raise DataError(f"{path}: {broken[0]} holds numbers that are not finite; give another file")
    return weights, form, metadata
