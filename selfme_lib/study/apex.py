r"""An apex for clips without one: the frame in which the face has moved most since the onset.

Motion is measured from the onset to every later frame $t$ by any method, and the apex is

$$\arg\max_t \frac1{|\Omega|} \sum_{u \in \Omega} \lVert \Phi_t(u) - \bar\Phi_t \rVert,$$

where the mean motion $\bar\Phi_t$, a shift of the whole head, does not count. A blink does, and so the rule is no better
than that. What was found is kept beside the frames, under all that determines it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from tqdm import tqdm

from selfme_lib.data import Clip
from selfme_lib.data.frame_cache import FrameCache
from selfme_lib.flow import CLASSICAL
from selfme_lib.grids import resize_flow
from selfme_lib.motion.checkpoint import Estimator
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.runtime.kept import read_record, write_record

APEX_METHODS = (*(name for name in CLASSICAL if name != "zero"), "selfme")
_BATCH = 16  # frames in memory at a time


def largest_motion(
    clips: Sequence[Clip], *, method: str, cache: FrameCache, learner: Estimator | None = None
) -> dict[str, int]:
    """The number of each clip's frame of the largest motion, by the clip's key.

    Args:
        clips: with frames behind their onset.
        method: one of `APEX_METHODS`.
        cache: where their frames are kept; motion is measured at its size.
        learner: for `selfme`; in `eval` mode, on the device to compute on.

    Raises:
        UsageError: there is no such method, or it lacks its learner.
        DataError: a frame cannot be read, or no frame of a recording shows a face.
    """
    if method not in APEX_METHODS:
        raise UsageError(f"apex by the largest motion: method {method!r} is not one of {', '.join(APEX_METHODS)}")
    if method == "selfme" and learner is None:
        raise UsageError("apex by the largest motion: method 'selfme' needs a motion learner")
    weights = {} if learner is None else learner.state_dict()
    cause = fingerprint(code=__name__, method=method, learner=weights)
    apexes = {}
    for clip, file in tqdm(zip(clips, cache.fill(clips)), total=len(clips), desc="apex", unit="clip", disable=None):
        path = file.with_name(f"{file.stem}-{clip.onset}-{clip.offset}-{cause}.json")
        kept = read_record(path)
        if kept is None:
            later = [place for place, number in enumerate(clip.frame_numbers) if clip.onset < number <= clip.offset]
            frames = np.load(file, mmap_mode="r", allow_pickle=False)
            onset = frames[clip.frame_numbers.index(clip.onset)]
            batches = (frames[later[first : first + _BATCH]] for first in range(0, len(later), _BATCH))
            motion = [motion_since(onset, batch, method, learner) for batch in batches]
            kept = {"apex": clip.frame_numbers[later[int(torch.cat(motion).argmax())]]}
            write_record(path, kept)
        apexes[clip.key] = kept["apex"]
    return apexes


@torch.no_grad()
def motion_since(
    onset: UInt8[np.ndarray, "s s 3"],
    frames: UInt8[np.ndarray, "n s s 3"],
    method: str,
    learner: Estimator | None = None,
) -> Float[Tensor, "n"]:
    """Mean length of the motion from the onset to each frame in px, less the shift of the whole picture."""
    later = torch.from_numpy(np.array(frames)).permute(0, 3, 1, 2).float() / 255  # (n, 3, s, s)
    first = torch.from_numpy(np.array(onset)).permute(2, 0, 1).float().expand_as(later) / 255
    if learner is None:
        flow = CLASSICAL[method](first, later)  # (n, 2, s, s)
    else:
        flow = resize_flow(learner.dense_motion(first, later), (later.shape[-2], later.shape[-1]))
    return (flow - flow.mean((2, 3), keepdim=True)).norm(dim=1).mean((1, 2))
