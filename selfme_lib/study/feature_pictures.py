"""Motion written as pictures: red, green and blue are u, v and optical strain, as `data.features` reads them.

    OUT/labels.csv               subject,clip,label,image,flow_px,strain
    OUT/01/EP02_01f.png

One scale serves all clips, so that strong and weak motion stay apart: the longest component of any of them becomes 127 levels of
grey, the largest strain 255. `flow_px` and `strain` are these two, so that the motion can be computed back.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import pandas as pd
from jaxtyping import Float
from torch import Tensor

from selfme_lib.data import THREE_CLASSES, Clip
from selfme_lib.grids import optical_strain
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.paths import safe_names
from selfme_lib.runtime.sheets import disarm


def check_empty(out: Path) -> None:
    """Refuse a folder that holds something, with a DataError; one that is not there is made later."""
    if out.is_dir() and any(out.iterdir()):
        raise DataError(f"{out}: the folder is not empty; choose an empty or a new one")


def write_feature_pictures(out: Path, clips: Sequence[Clip], motion: Float[Tensor, "n 2 h w"]) -> Path:
    """Write a picture for each clip, and then the table that labels them.

    Args:
        out: a new or empty folder.
        clips: labelled in the three classes of MEGC 2019.
        motion: of each clip from onset to apex, in pixels.

    Returns:
        The table.

    Raises:
        DataError: `out` is not empty.
    """
    check_empty(out)
    strain = optical_strain(motion)
    longest, largest = (float(values.abs().max()) or 1.0 for values in (motion, strain))
    levels = ((128 + 127 * motion / longest).round().byte(), (255 * strain / largest).round().byte())
    safe = safe_names([clip.subject for clip in clips] + [clip.name for clip in clips])
    rows = []
    for clip, flow, stretch in zip(clips, *levels):
        image = f"{safe[clip.subject]}/{safe[clip.name]}.png"
        green_red = flow.flip(0)  # OpenCV writes blue, green, red
        pixels = [*stretch.numpy(), *green_red.numpy()]
        with atomic_path(out / image) as temporary:
            temporary.write_bytes(cv2.imencode(".png", cv2.merge(pixels))[1].tobytes())
        names = [disarm(clip.subject), disarm(clip.name)]
        rows.append([*names, THREE_CLASSES[clip.label], image, longest, largest])
    table = out / "labels.csv"
    with atomic_path(table) as temporary:
        columns = ["subject", "clip", "label", "image", "flow_px", "strain"]
        pd.DataFrame(rows, columns=columns).to_csv(temporary, index=False)
    return table
