"""What is computed once and kept carries a checksum: a file that was damaged since is noticed when it is read, and made anew.

The checksum covers the file's name, too, so that files which changed places are noticed. In a `.npy` or `.ckpt` file it stands
behind the content, where NumPy and PyTorch do not look; in JSON it is a field beside the value, in safetensors metadata.
"""

import errno
import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DataError
from .files import atomic_path, read_json, write_json

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)
_MARK = b"\nsha256 "
_LENGTH = len(_MARK) + 64  # of the mark and the checksum in hexadecimal digits
_BLOCK = 2**20  # bytes read at a time
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def seal(path: Path, name: str) -> None:
    """Append to a file the checksum of its content and of the name that it is going to have, unless it has it."""
    if not is_sealed(path, name):
        checksum = _checksum(path, path.stat().st_size, name)
        with path.open("ab") as file:
            file.write(_MARK + checksum.encode())


def is_sealed(path: Path, name: str) -> bool:
    """Whether a file is as it was when it was sealed under this name."""
    length = path.stat().st_size - _LENGTH
    if length < 0:
        return False
    with path.open("rb") as file:
        file.seek(length)
        return file.read() == _MARK + _checksum(path, length, name).encode()


def is_sound(path: Path) -> bool:
    """Whether a file is there and sealed; a warning says that one which is damaged is made anew."""
    return path.is_file() and (is_sealed(path, path.name) or _damaged(path))


def write_array(path: Path, values: np.ndarray) -> None:
    """Write an array and its checksum, atomically."""
    with atomic_path(path) as temporary:
        np.save(temporary, values)
        seal(temporary, path.name)


def read_array(path: Path, *, mapped: bool = False) -> np.ndarray | None:
    """Read what `write_array` wrote, or map it into memory; None if it is not there or damaged."""
    return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False) if is_sound(path) else None


def new_array(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """A new file of bytes, mapped into memory, to be filled and sealed.

    Its space is reserved: when a disk fills up behind a mapped file, the system kills whoever writes to it.

    Raises:
        OSError: the disk has no room for it.
    """
    values = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    try:
        with path.open("r+b") as file:
            _reserve(file.fileno(), values.offset, values.nbytes)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} ({values.nbytes / 2**30:.1f} GiB needed)", str(path)) from None
    return values


def _reserve(file: int, offset: int, length: int) -> None:
    if hasattr(os, "posix_fallocate"):
        try:
            return os.posix_fallocate(file, 0, offset + length)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    os.lseek(file, offset, os.SEEK_SET)
    while length > 0:
        length -= os.write(file, bytes(min(length, _BLOCK)))


def write_record(path: Path, value: Any) -> None:
    """Write a JSON value and its checksum, atomically."""
    write_json(path, {"sha256": checksum_of(path.name, value), "value": value})


def read_record(path: Path) -> Any | None:
    """Read what `write_record` wrote; None if it is not there or damaged."""
    if not path.is_file():
        return None
    try:
        record = read_json(path)
    except DataError:
        record = None
    if isinstance(record, dict) and record.get("sha256") == checksum_of(path.name, record.get("value")):
        return record["value"]
    _damaged(path)
    return None


def write_weights(path: Path | str, weights: Mapping[str, "Tensor"], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors as safetensors with their checksum, atomically."""
    from safetensors.torch import save  # imports torch, which what merely reads JSON does without

    state = {name: value.contiguous() for name, value in weights.items()}
    content = save(state, metadata={**(metadata or {}), "sha256": _weights_checksum(state)})
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def read_weights(path: Path | str, *, sealed: bool = True) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """The tensors and the metadata of a safetensors file.

    Args:
        sealed: whether it must have a checksum, as all have that `write_weights` wrote.

    Raises:
        DataError: the file is missing, damaged, or something else.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        weights = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path}: {' '.join(str(error).split())}") from None
    if (sealed or "sha256" in metadata) and metadata.get("sha256") != _weights_checksum(weights):
        raise DataError(f"{path}: damaged since it was written")
    return weights, metadata


def are_sound_weights(path: Path) -> bool:
    """`is_sound` for what `write_weights` wrote."""
    try:
        return path.is_file() and bool(read_weights(path))
    except DataError:
        return _damaged(path)


def _damaged(path: Path) -> bool:
    logger.warning("%s: damaged since it was written; it is made anew", path)
    return False


def _checksum(path: Path, length: int, name: str) -> str:
    digest = hashlib.sha256(name.encode(errors="surrogateescape"))
    with path.open("rb") as file:
        while length > 0 and (block := file.read(min(length, _BLOCK))):
            digest.update(block)
            length -= len(block)
    return digest.hexdigest()


def checksum_of(name: str, value: Any) -> str:
    """The checksum of a JSON value in a file of this name."""
    text = json.dumps(
        [name, json.loads(json.dumps(value))], sort_keys=True
    )  # names of entries are text, as in the file
    return hashlib.sha256(text.encode()).hexdigest()


def _weights_checksum(weights: Mapping[str, "Tensor"]) -> str:
    import torch

    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)} ".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
