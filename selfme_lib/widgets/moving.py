r"""A clip that can be amplified: its frames, the motion from the onset to each of them, and what is known about it.

What a browser needs is little: frames as JPEG, and each dense motion $\tilde\Phi$ (before B-spline, exponential and $\gamma$) as
bytes on its own small lattice. `front/motion.js` amplifies there what `MovingClip.amplified` amplifies here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from selfme_lib.data.images import to_frame
from selfme_lib.grids import resize_flow
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.plots.montage import to_bytes
from selfme_lib.runtime.errors import UsageError

BATCH = 8  # pairs at a time
STEPS = 24  # moments of a loop through a pair, from onset to apex and back
QUALITY = 90  # of JPEG
LEVELS = 127  # a motion's largest component, as a byte; so an error of .004 of it
MOST_FRAMES = 240


@dataclass(frozen=True, kw_only=True)
class Take:
    """The frames of a clip, and what is known about them.

    Attributes:
        frames: RGB, square. Two of them are an onset and an apex: the loop runs from one to the other and back.
        onset, apex, offset: positions in `frames`; None where nothing is labelled.
        about: what it shows: emotion, action units.
        rate: frames a second when it was recorded; 0 if unknown.
        blinks: positions of frames in which the lids close.
        truth: the true motion from the onset to each frame, in pixels of its own lattice, where it is known.
    """

    frames: UInt8[np.ndarray, "t s s 3"]
    onset: int = 0
    apex: int | None = None
    offset: int | None = None
    about: str = ""
    rate: float = 0.0
    blinks: tuple[int, ...] = ()
    truth: Float[Tensor, "t 2 n n"] | None = None


@dataclass(frozen=True, kw_only=True)
class MovingClip(Take):
    """A take and its motion.

    Attributes:
        motion: dense motion from the onset to each frame, before γ, in pixels of its own lattice.
        apex: as labelled, or else the frame whose motion is longest on average.
    """

    motion: Float[Tensor, "t 2 m m"]
    apex: int

    @property
    def size(self) -> int:
        return self.frames.shape[1]

    @property
    def is_pair(self) -> bool:
        return len(self.frames) == 2

    def moments(self) -> list[tuple[int, float]]:
        """The loop: at each moment a frame, and the share of its motion that is shown."""
        if not self.is_pair:
            return [(place, 1.0) for place in range(len(self.frames))]
        shares = [0.5 - 0.5 * math.cos(2 * math.pi * step / STEPS) for step in range(STEPS)]
        return [(self.apex, share) for share in shares]

    def amplified(
        self, place: int, gamma: float, *, bspline: bool = True, truth: bool = False
    ) -> Float[Tensor, "2 s s"]:
        r"""The motion from the onset to a frame, amplified, at the frames' size and in their pixels.

        Args:
            truth: $\gamma$ times the true motion instead.

        Raises:
            UsageError: the true motion is wanted and not known, or $\gamma$ is out of range.
        """
        size = (self.size, self.size)
        if not truth:
            return diffeomorphic_motion(self.motion[place][None], size, gamma=gamma, bspline=bspline)[0]
        if self.truth is None:
            raise UsageError("the true motion of this clip is not known; it is of rendered clips alone")
        return gamma * resize_flow(self.truth[place][None], size)[0]

    def frame(self, place: int) -> Float[Tensor, "3 s s"]:
        return to_frame(self.frames[place])


@torch.inference_mode()
def follow(take: Take, estimator: Any) -> MovingClip:
    """A take with the motion that an estimator finds from the onset to each frame, in batches.

    Args:
        estimator: whatever has `dense_motion`, in `eval` mode.

    Raises:
        UsageError: fewer than two frames, or more than `MOST_FRAMES`.
    """
    count, onset, apex = len(take.frames), take.onset, take.apex
    if not 2 <= count <= MOST_FRAMES:
        raise UsageError(f"{count} frames: expected 2 to {MOST_FRAMES}, of which the first is the onset")
    images = torch.stack([to_frame(frame) for frame in take.frames])  # (t, 3, s, s)
    found = [
        estimator.dense_motion(images[onset][None].expand(len(some), -1, -1, -1), some) for some in images.split(BATCH)
    ]
    motion = torch.cat(found).float().cpu()
    motion[onset] = 0
    if apex is None:
        lengths = motion.norm(dim=1).mean((1, 2))
        lengths[onset] = -1  # never the onset itself, even if nothing moves
        apex = int(lengths.argmax())
    known = {field.name: getattr(take, field.name) for field in fields(Take)}
    return MovingClip(**{**known, "motion": motion, "apex": apex})


def pair(onset: Float[Tensor, "3 s s"], apex: Float[Tensor, "3 s s"], estimator: Any, about: str = "") -> MovingClip:
    """Onset and apex as a clip."""
    with torch.inference_mode():
        dense = estimator.dense_motion(onset[None], apex[None]).float().cpu()  # of the frames as they are, not as bytes
    frames = np.stack([to_bytes(onset), to_bytes(apex)])
    return MovingClip(frames=frames, motion=torch.cat([torch.zeros_like(dense), dense]), apex=1, about=about)


def pack(clip: MovingClip) -> tuple[dict[str, Any], list[bytes]]:
    """What a browser is sent: a description, and bytes: a JPEG for each frame, then the motion, then the truth if known."""
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    pictures = [cv2.imencode(".jpg", frame[..., ::-1], options)[1].tobytes() for frame in clip.frames]
    fields = [_pack_motion(clip.motion)] + ([] if clip.truth is None else [_pack_motion(clip.truth)])
    facts: dict[str, Any] = {"size": clip.size, "frames": len(pictures), "rate": clip.rate, "about": clip.about}
    facts |= {"onset": clip.onset, "apex": clip.apex, "offset": clip.offset, "blinks": list(clip.blinks)}
    names = ("motion", "truth")
    facts |= {name: {"lattice": side, "scales": scales} for name, (side, scales, _) in zip(names, fields)}
    return facts | {"moments": clip.moments()}, [*pictures, *(data for _, _, data in fields)]


def unpack(facts: dict[str, Any], content: Sequence[bytes]) -> MovingClip:
    """What `pack` packed, with the losses of JPEG and of bytes."""
    count = facts["frames"]
    decoded: list[Any] = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) for data in content[:count]]
    fields = [_unpack_motion(facts[name], data) for name, data in zip(("motion", "truth"), content[count:])]
    known = {name: facts[name] for name in ("rate", "about", "onset", "apex", "offset")}
    truth = fields[1] if len(fields) > 1 else None
    return MovingClip(
        frames=np.stack(decoded)[..., ::-1], motion=fields[0], truth=truth, blinks=tuple(facts["blinks"]), **known
    )


def _pack_motion(motion: Float[Tensor, "t 2 m m"]) -> tuple[int, list[float], bytes]:
    """The side of the lattice, pixels for each step of a byte by frame, and the bytes."""
    scales = motion.abs().amax((1, 2, 3)).clamp_min(1e-6) / LEVELS
    steps = (motion / scales[:, None, None, None]).round().to(torch.int8)
    return motion.shape[-1], [round(scale, 8) for scale in scales.tolist()], steps.numpy().tobytes()


def _unpack_motion(facts: dict[str, Any], data: bytes) -> Float[Tensor, "t 2 m m"]:
    side, scales = facts["lattice"], torch.tensor(facts["scales"])
    steps = np.frombuffer(data, np.int8).reshape(-1, 2, side, side).astype(np.float32)
    return torch.from_numpy(steps) * scales[:, None, None, None]
