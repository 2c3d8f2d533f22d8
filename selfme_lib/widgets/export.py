"""An amplified clip as a file to show around: an animated GIF, or an MP4."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image

from selfme_lib.plots.montage import Picture, beside, enlarge
from selfme_lib.runtime.errors import UsageError

from .moving import MovingClip

RATE = 20  # frames a second
LOOPS = 4  # of an MP4, which plays once


def encode(clip: MovingClip, kind: str, view: Callable[[int, float], Picture], *, title: str) -> bytes:
    """A file of a clip as recorded beside a view of it.

    Args:
        kind: `gif` or `mp4`. An MP4 is H.264 with PyAV (`pip install "selfme[video]"`), otherwise MPEG-4 Part 2, which browsers
            do not play.
        view: a frame and the share of its motion → a picture as large as the enlarged frame.
        title: above the view.

    Raises:
        UsageError: another kind.
    """
    if kind not in ("gif", "mp4"):
        raise UsageError(f"{kind!r}: expected gif or mp4")
    pictures = list(_pictures(clip, view, title))
    return _gif(pictures) if kind == "gif" else _mp4(pictures)


def _pictures(clip: MovingClip, view: Callable[[int, float], Picture], title: str) -> Iterator[Picture]:
    for place, share in clip.moments():
        shown = view(place, share)
        recorded = clip.frame(place if share > 0.5 else clip.onset)
        yield beside([enlarge(recorded, shown.shape[0] // clip.size), shown], ["as recorded", title])


def _gif(pictures: list[Picture]) -> bytes:
    """All frames share one palette, so that colours do not flicker."""
    every = np.concatenate(pictures[:: max(1, len(pictures) // 6)])
    palette = Image.fromarray(every).quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=2)  # of flows, too
    first, *others = (Image.fromarray(one).quantize(palette=palette) for one in pictures)
    file = BytesIO()
    first.save(file, format="GIF", save_all=True, append_images=others, duration=1000 // RATE, loop=0, optimize=False)
    return file.getvalue()


def _mp4(pictures: list[Picture]) -> bytes:
    height, width = (length // 2 * 2 for length in pictures[0].shape[:2])
    pictures = [one[:height, :width] for one in pictures] * LOOPS
    with TemporaryDirectory() as folder:
        path = Path(folder, "clip.mp4")
        try:
            import av
        except ImportError:
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE, (width, height))
            for one in pictures:
                writer.write(one[..., ::-1])
            writer.release()
        else:
            with av.open(str(path), "w") as file:
                stream = file.add_stream("libx264", rate=RATE, options={"crf": "18"})
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                for one in pictures:
                    file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(one), format="rgb24")))
                file.mux(stream.encode())
        return path.read_bytes()
