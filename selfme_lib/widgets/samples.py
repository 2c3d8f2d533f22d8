"""The clips that come with the explorer, as a browser is sent them: four rendered people, with the true motion.

`tools/explorer_samples.py` made them. They are shown without PyTorch, so that a page moves at once.
"""

import base64
import gzip
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from selfme_lib.runtime.files import atomic_path

SAMPLES = Path(__file__).parent / "samples.json.gz"
Packed = tuple[dict[str, Any], list[bytes]]


@cache
def load_samples() -> dict[str, Packed]:
    """Name → what `moving.pack` gives."""
    stored = json.loads(gzip.decompress(SAMPLES.read_bytes()))
    return {name: from_text(packed) for name, packed in stored.items()}


def write_samples(clips: Mapping[str, Packed], path: Path = SAMPLES) -> None:
    text = json.dumps({name: to_text(packed) for name, packed in clips.items()}).encode()
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(text, 9, mtime=0))  # the same clips give the same bytes


def to_text(packed: Packed) -> dict[str, Any]:
    """A packed clip as JSON has it."""
    facts, content = packed
    return facts | {"content": [base64.b64encode(data).decode() for data in content]}


def from_text(stored: dict[str, Any]) -> Packed:
    facts = {name: value for name, value in stored.items() if name != "content"}
    return facts, [base64.b64decode(data) for data in stored["content"]]
