"""Where ImageNet weights of ViT-S/16 come from: the cache, or else the Hugging Face hub."""

from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

VIT_SMALL_WEIGHTS = "vit_small_patch16_224.augreg_in21k_ft_in1k"  # timm's name


def pretrained_weights() -> Path:
    """The file of timm's ImageNet weights of ViT-S/16, downloaded unless cached.

    Raises:
        OSError or the HTTP client's error: within seconds when there is no network (timm itself retries for 47 s).
    """
    repository, name = f"timm/{VIT_SMALL_WEIGHTS}", "model.safetensors"
    cached = try_to_load_from_cache(repository, name)
    if isinstance(cached, str):
        return Path(cached)
    get_hf_file_metadata(hf_hub_url(repository, name), timeout=5)  # one request without retries: does the hub answer?
    return Path(hf_hub_download(repository, name))
