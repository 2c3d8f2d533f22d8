"""What tells files from others: their names and contents, wherever they lie."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from .faults import check_file, unreadable


def content_digest(files: Iterable[Path]) -> str:
    """Of the names and contents of files, in this order: 16 hexadecimal digits.

    Raises:
        DataError: one of them cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name} {check_file(path)} ".encode(errors="surrogateescape"))
        try:
            with path.open("rb") as file:
                while block := file.read(2**20):
                    digest.update(block)
        except OSError as error:
            raise unreadable(path, error) from None
    return digest.hexdigest()[:16]
