"""What each rival is given of a clip, at its own size: flow, flow and strain, the apex frame, the whole clip.

Nothing here uses more than one clip; statistics over clips belong to the training (see `training`).
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from selfme_lib.data import Clip, load_onset_apex, read_clip_frame
from selfme_lib.grids import brightness, optical_strain, pixel_ratio, resize_image

from .bi_woof import bi_woof
from .lbp_top import lbp_top
from .tcae import TCAE


def flow_inputs(motion: Float[Tensor, "n 2 h w"], size: int, *, strain: bool) -> Float[Tensor, "n c s s"]:
    """u, v and, if wanted, optical strain at `size`.

    Strain is computed at the flow's own size, then all are resized (smoothed before shrinking). u and v are in pixels of
    `size`; strain, in pixels per pixel, needs no rescaling.
    """
    scaled = motion * pixel_ratio(motion, (size, size))
    parts = [scaled, optical_strain(motion)] if strain else [scaled]
    return resize_image(torch.cat(parts, dim=1), (size, size))


def apex_inputs(clips: Sequence[Clip], size: int) -> Float[Tensor, "n 3 s s"]:
    """The apex frames, RGB in [0, 1]."""
    return torch.stack([read_clip_frame(clip, clip.apex_number, size) for clip in clips])


def lbp_top_inputs(clips: Sequence[Clip], *, size: int, frames: int, blocks: int) -> Float[Tensor, "n d 1 1"]:
    """LBP-TOP's descriptor of every clip, from `frames` moments between onset and offset."""
    descriptors = []
    for clip in tqdm(clips, desc="LBP-TOP", unit="clip", disable=None):
        block = np.stack([_grey(read_clip_frame(clip, number, size)) for number in moments(clip, frames)])  # (t, h, w)
        descriptors.append(lbp_top(block, blocks=blocks))
    return torch.stack(descriptors)[:, :, None, None]


def bi_woof_inputs(flow: Float[Tensor, "n 3 h w"], *, blocks: int, bins: int) -> Float[Tensor, "n d 1 1"]:
    """Bi-WOOF's descriptor of every flow with its strain."""
    return bi_woof(flow, blocks=blocks, bins=bins)[:, :, None, None]


def action_vectors(model: TCAE, clips: Sequence[Clip], *, batch: int = 32) -> Float[Tensor, "n d 1 1"]:
    """TCAE's action vectors of onset and apex of every clip."""
    found = []
    for begin in range(0, len(clips), batch):
        onset, apex = load_onset_apex(clips[begin : begin + batch], model.config.size)
        found.append(model.vectors(onset, apex))
    return torch.cat(found)


def moments(clip: Clip, number: int) -> list[int]:
    """The numbers of `number` frames, evenly spaced from onset to offset; a shorter clip repeats some."""
    within = [at for at in clip.frame_numbers if clip.onset <= at <= clip.offset]
    return [within[place] for place in np.linspace(0, len(within) - 1, number).round().astype(int)]


def _grey(frame: Float[Tensor, "3 h w"]) -> np.ndarray:
    return (brightness(frame[None])[0, 0] * 255).round().byte().numpy()
