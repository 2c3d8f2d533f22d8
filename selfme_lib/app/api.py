"""What `import selfme_lib` offers: a face that moves, its motion, the motion made visible.

    import selfme_lib as selfme

    onset, apex = selfme.load("a smile")
    flow = selfme.motion_between(onset, apex)
    picture = selfme.amplify(onset, apex, gamma=8)
    analysis = selfme.analyse("me.mp4")

Frames are RGB, float32 in [0, 1], `3 h w`; motion is a backward flow in pixels, `2 h w` (see `grids`). Each function is a few
lines over the rooms that do the work, which are the place to go on: `data`, `motion.forms`, `grids`.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from selfme_lib.data.images import read_pixels, to_frame
from selfme_lib.data.tree import list_folder, list_images
from selfme_lib.data.video import read_video
from selfme_lib.grids import warp
from selfme_lib.motion.forms import FORMS, Amplified, Form, motion_by
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.settings import did_you_mean
from selfme_lib.spotting.analysis import analyse_file as analyse
from selfme_lib.study.examples import EXAMPLES, micro_expressions

__all__ = ["amplify", "analyse", "load", "motion_between"]

Frame = Float[Tensor, "3 h w"]
Other = Float[Tensor, "3 _ _"]  # of the same size, which is checked with a message


def load(*source: str | Path, onset: int = 0, apex: int | None = None, size: int | None = None) -> tuple[Frame, Frame]:
    """Onset and apex of a micro-expression.

    Args:
        source: the name of a rendered face, `"a smile"` or `"raised brows"` (takes a second); or two pictures of a face that are
            cropped alike, onset first; or a folder of frames or a video of a face.
        onset: position of the onset frame in the folder or the video, from 0.
        apex: position of the apex frame, which may be left out if there are only two frames.
        size: side of the frames in px, to which they are resized; by default 128 for a rendered face, otherwise as they are.

    Returns:
        Two frames of one size, RGB, float32 in [0, 1].

    Raises:
        UsageError: a name that does not exist, or positions that the frames do not have.
        DataError: a file is missing or damaged, or the two frames differ in size.
    """
    if len(source) == 1 and str(source[0]) in EXAMPLES:
        return micro_expressions(size or 128)[str(source[0])]
    if len(source) == 2:
        paths = [Path(path) for path in source]
        frames = [read_pixels(path) for path in paths]
        names = [str(path) for path in paths]
    elif len(source) == 1:
        place = Path(source[0])
        if not place.exists():
            hint = did_you_mean(str(place), list(EXAMPLES))
            raise UsageError(f"{place}: no such file or folder, and no rendered face has this name{hint}")
        frames = _chosen(place, onset, apex)
        names = [f"{place}: frame {number}" for number in (onset, 1 if apex is None else apex)]
    else:
        raise UsageError(f"load: expected a name, a folder, a video or two pictures, got {len(source)} arguments")
    if frames[0].shape != frames[1].shape:
        (height, width), (other_height, other_width) = (frame.shape[:2] for frame in frames)
        sizes = f"{other_width} x {other_height}, not the size of {names[0]} ({width} x {height})"
        raise DataError(f"{names[1]}: {sizes}; crop both alike")
    first, second = (to_frame(frame, size) for frame in frames)
    return first, second


def motion_between(onset: Frame, apex: Other, *, gamma: float = 1.0, form: str = "plus") -> Float[Tensor, "2 h w"]:
    r"""The motion of a face from onset to apex, amplified by $\gamma$ (Eq 1 to 5, 9).

    Args:
        onset: of any size.
        apex: of the same size.
        gamma: amplification; 1 is the motion as it is.
        form: `plus` (SelfME+), `printed` (the paper's words), or `lucas-kanade` (closed form, nothing learned).

    Returns:
        A backward flow in px of the frames: the apex at (x, y) is the onset at (x, y) plus the flow there. x is first.

    Raises:
        UsageError: the frames differ in size, or there is no such form.
    """
    if onset.shape != apex.shape:
        raise UsageError(f"motion_between: onset {tuple(onset.shape)} and apex {tuple(apex.shape)} differ in size")
    known = next((one for one in FORMS if one == form), None)
    if known is None:
        raise UsageError(f"motion_between: form {form!r} is not one of {', '.join(FORMS)}")
    with torch.no_grad():
        return _motion_by(known)(onset[None], apex[None], gamma)[0]


def amplify(onset: Frame, apex: Other, *, gamma: float = 4.0, form: str = "plus") -> Frame:
    r"""The onset frame moved by $\gamma$ times the motion towards the apex: what the eye missed.

    At $\gamma = 1$ it looks like the apex, at 0 it is the onset. Arguments and errors as in `motion_between`.
    """
    return warp(onset[None], motion_between(onset, apex, gamma=gamma, form=form)[None])[0]


@cache
def _motion_by(form: Form) -> Amplified:
    return motion_by(form)


def _chosen(place: Path, onset: int, apex: int | None) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Two frames of a folder or a video by their positions."""
    wanted: list[int] = []

    def pick(count: int) -> list[int]:
        if apex is None and count != 2:
            example = f"; say which of them is the apex, as in apex={count // 2}" if count > 2 else "; two are needed"
            raise UsageError(f"{place}: {count} frames{example}")
        wanted[:] = onset, 1 if apex is None else apex
        if wrong := [number for number in wanted if not 0 <= number < count]:
            raise UsageError(f"{place}: has no frame {wrong[0]}; its {count} frames count from 0")
        return wanted

    if place.is_dir():
        files = list_images(list_folder(place)[1])
        return [read_pixels(files[number]) for number in pick(len(files))]
    in_order = list(read_video(place, pick))
    return [in_order[sorted(set(wanted)).index(number)] for number in wanted]
