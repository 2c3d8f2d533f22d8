"""Where ImageNet weights of ViT-S/16 come from: the cache, or else the Hugging Face hub; always the same file."""

import hashlib
from functools import cache
from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

from selfme_lib.runtime.errors import DataError

VIT_SMALL_WEIGHTS = "vit_small_patch16_224.augreg_in21k_ft_in1k"  # timm's name
REVISION = "7e2c55630205e1266030f18370f4c6ed1a514b52"
SHA256 = "79c03c635cdfd798a364a9d8c4e5c0b7255b975ea2c9616046d4f77ab01435aa"


def pretrained_weights() -> Path:
    """The file of timm's ImageNet weights of ViT-S/16, of one revision, downloaded unless cached.

    Raises:
        DataError: the file is not the one with `SHA256`.
        OSError or the HTTP client's error: within seconds when there is no network (timm itself retries for 47 s).
    """
    repository, name = f"timm/{VIT_SMALL_WEIGHTS}", "model.safetensors"
    cached = try_to_load_from_cache(repository, name, revision=REVISION)
    if not isinstance(cached, str):  # one request without retries: does the hub answer?
        get_hf_file_metadata(hf_hub_url(repository, name, revision=REVISION), timeout=5)
        cached = hf_hub_download(repository, name, revision=REVISION)
    if (found := _sha256(Path(cached))) != SHA256:
        raise DataError(f"{cached}: not timm's ImageNet weights (SHA-256 {found[:12]}…); delete it and run again")
    return Path(cached)


@cache
def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
