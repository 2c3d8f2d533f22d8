"""Pairs of frames with their true motion, read from any folder that has a truth in SynthME's format.

Such a folder holds frames and labels in one of SynthME's layouts, `synthme.json` with at least `layout` and `fps`, and
`truth/subNN/CLIP.npz` as `synthme.truth` reads it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from selfme_lib.data import Clip, load_clips, load_onset_apex
from selfme_lib.data.images import to_frame
from selfme_lib.grids import resize_flow
from selfme_lib.runtime.errors import DataError
from selfme_lib.synthme.dataset import Excerpt
from selfme_lib.synthme.truth import Truth, load_truth, truth_path


class Known(NamedTuple):
    """A clip whose motion is known, wherever its frames are."""

    subject: str
    name: str

    @property
    def key(self) -> str:
        """As `Clip.key`."""
        return f"{self.subject}/{self.name}"


AnyClip = TypeVar("AnyClip", Clip, Known)


@dataclass(frozen=True)
class Pairs:
    """Some pairs of frames, and the true motion between them. Flows are backward, in pixels.

    Attributes:
        keys: of the clips, `subject/name`.
        onset, apex: the frames as methods get them.
        truth: the whole motion; action: the part of it that action units cause.
        moving: the motion that shows where the face moves: the truth, unless a nuisance moved the whole frame.
    """

    keys: tuple[str, ...]
    onset: Float[Tensor, "b 3 h w"]
    apex: Float[Tensor, "b 3 h w"]
    truth: Float[Tensor, "b 2 h w"]
    action: Float[Tensor, "b 2 h w"]
    moving: Float[Tensor, "b 2 h w"]


def known_clips(root: Path) -> tuple[list[Clip], int]:
    """The clips of a folder, with onset and apex from the truth rather than from the labels; and the truth's width.

    Raises:
        DataError: no such folder, no truth, or a truth that is damaged or does not fit the frames.
    """
    clips, width = [], 0
    for clip in load_clips("synthme", root):
        truth = load_truth(root, clip.subject, clip.name)
        for name, number in (("onset", truth.onset), ("apex", truth.apex)):
            if number not in clip.frame_numbers:
                path = truth_path(root, clip.subject, clip.name)
                raise DataError(f"{path}: {name} {number} is none of the clip's frames; is it another clip's truth?")
        clips.append(replace(clip, onset=truth.onset, apex=truth.apex))
        width = truth.flow_backward.shape[-1]
    return clips, width


def every_nth(n: int, clips: Sequence[AnyClip]) -> list[AnyClip]:
    """Every nth clip of each subject, beginning with the first, so that no subject is left out."""
    return [clip for _, some in groupby(clips, key=lambda clip: clip.subject) for clip in list(some)[::n]]


def load_pairs(root: Path, clips: Sequence[Clip], size: int) -> Pairs:
    """Frames and truth of some clips, resized to `size`."""
    onset, apex = load_onset_apex(clips, size)
    return _pairs(
        [clip.key for clip in clips], onset, apex, [load_truth(root, clip.subject, clip.name) for clip in clips]
    )


def excerpt_pairs(keys: Sequence[str], excerpts: Sequence[Excerpt], size: int) -> Pairs:
    """The same for excerpts."""
    onset = torch.stack([to_frame(excerpt.onset, size) for excerpt in excerpts])
    apex = torch.stack([to_frame(excerpt.apex, size) for excerpt in excerpts])
    return _pairs(keys, onset, apex, excerpts)


def _pairs(
    keys: Sequence[str],
    onset: Float[Tensor, "b 3 h w"],
    apex: Float[Tensor, "b 3 h w"],
    truths: Sequence[Truth | Excerpt],
) -> Pairs:
    height, width = onset.shape[-2:]
    truth = torch.cat([resize_flow(one.flow_backward[None], (height, width)) for one in truths])
    action = torch.cat([resize_flow(one.au_flow_backward[None], (height, width)) for one in truths])
    return Pairs(tuple(keys), onset, apex, truth, action, moving=truth)
