"""The timeline: a clip frame by frame, with onset, apex and offset.

The curves show what moved: the change from the onset frame, and the intensity of action units where it is known (SynthME).
The change often peaks somewhere other than the labelled apex: blinks and head movements change more pixels than a
micro-expression does.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from selfme_lib.data import Clip, read_clip_frame
from selfme_lib.grids import gaussian_blur
from selfme_lib.plots.data import unit_intensities
from selfme_lib.plots.montage import GAP, Picture, enlarge, rgb, write
from selfme_lib.plots.style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, SKY, SOFT, VERMILION
from selfme_lib.runtime.errors import UsageError
from selfme_lib.synthme.truth import Truth

from .canvas import draw_lines, zoom_for
from .clips import about, blinks_of
from .controls import Slider, clip_menu
from .panels import Panel, PanelExplorer

HEIGHT = 150  # px of the curves
MARGIN = 26  # px below and above the curves, for frame numbers and names of moments
LONGEST = 256  # frames: a longer clip is not read
UNIT_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)


class TimelineExplorer(PanelExplorer):
    """A clip and one of its frames; a button plays it over and over. Blinks are marked where the truth is known.

    Args:
        clips: from `data.load_clips`.
        truth: key of a clip → its truth, if known: its action units are drawn too.
        size: side of the frames in pixels.

    Attributes:
        clip: key of the clip.
        frame: number of the frame, as in the label file.

    Raises:
        UsageError: there is no clip, or one has more than `LONGEST` frames.
    """

    def __init__(self, clips: Sequence[Clip], *, truth: Mapping[str, Truth] | None = None, size: int = 128):
        self._clips, self._truth, self._size = {clip.key: clip for clip in clips}, truth or {}, size
        kept = lru_cache(maxsize=2)  # clips
        self._frames, self._curves = kept(self._read), kept(self._curves_of)
        self._background = kept(self._timeline_of)  # all but the frame that is shown
        self.clip = clip_menu(self._clips)
        numbers, start = clips[0].frame_numbers, _start(clips[0])
        self.frame = Slider("frame", start, numbers[0], numbers[-1], play=True)
        self.clip.observe(self._choose, names="value")
        super().__init__([self.clip], [self.frame], title="A clip, frame by frame")

    def render(self) -> tuple[list[list[Panel]], str]:
        clip = self._clips[self.clip.value]
        frames = self._frames(clip.key)
        number = min(clip.frame_numbers, key=lambda one: abs(one - self.frame.value))  # numbers may have gaps
        onset, shown = frames[clip.onset], frames[number]
        change = (5 * (shown - onset).abs()).clamp(0, 1)
        faces = [enlarge(image, zoom_for(self._size)) for image in (onset, shown, change)]
        titles = [f"onset (frame {clip.onset})", f"frame {number}", "|frame − onset| × 5"]
        width = sum(face.shape[1] + GAP for face in faces) - GAP
        moment = f"frame {number - clip.onset:+d} from the onset"  # of one's own folders, the frame rate may be unknown
        if clip.fps:
            seconds = (number - clip.onset) / clip.fps
            moment = f"{1000 * seconds:+.0f} ms from the onset at {clip.fps:g} frames a second"
        apex = "no apex is labelled" if clip.apex is None else f"apex {clip.apex}"
        blink = " · a blink" if clip.frame_numbers.index(number) in blinks_of(self._truth.get(clip.key)) else ""
        curves = [("what moves when", self._timeline(clip, number, width))]
        return [list(zip(titles, faces)), curves], (
            f"{about(clip)} · onset {clip.onset}, {apex}, offset {clip.offset} · {moment}{blink}"
        )

    def _choose(self, _change: object) -> None:
        """Give the slider the frames of the newly chosen clip, and start at its apex."""
        clip = self._clips[self.clip.value]
        with self.hold_picture():
            self.frame.limit(clip.frame_numbers[0], clip.frame_numbers[-1], _start(clip))

    def _read(self, key: str) -> dict[int, Float[Tensor, "3 s s"]]:
        clip = self._clips[key]
        if len(clip.frames) > LONGEST:
            raise UsageError(f"clip {key} has {len(clip.frames)} frames; the timeline shows at most {LONGEST}")
        return {number: read_clip_frame(clip, number, self._size) for number in clip.frame_numbers}

    def _curves_of(self, key: str) -> list[tuple[str, str, Float[Tensor, "n"]]]:
        """Name, colour and values by frame, each between 0 and 1: change, then action units."""
        clip, frames = self._clips[key], self._frames(key)
        smooth = gaussian_blur(torch.stack(list(frames.values())), 2.0)  # (n, 3, s, s): less of the sensor's noise
        change = (smooth - smooth[clip.frame_numbers.index(clip.onset)]).abs().mean((1, 2, 3))
        curves = [("change from the onset", SOFT, change / change.max().clamp_min(1e-6))]
        if key in self._truth:
            units, intensity = unit_intensities(self._truth[key])
            strongest = intensity.max(0).values.argsort(descending=True)[: len(UNIT_COLOURS)].tolist()
            top = max(float(intensity.max()), 1e-6)
            moving = [index for index in strongest if intensity[:, index].max() > 0.02 * top]
            curves += [
                (name_of(units[index]), colour, intensity[:, index] / top)
                for index, colour in zip(moving, UNIT_COLOURS)
            ]
        return curves

    def _timeline(self, clip: Clip, number: int, width: int) -> Picture:
        canvas, here = self._background(clip.key, width).copy(), round(_column(clip, number, width))
        canvas[MARGIN : MARGIN + HEIGHT, max(here - 1, 0) : here + 2] = rgb(VERMILION)
        return write(canvas, [(here, MARGIN + HEIGHT + 5, str(number))], size=11, colour=VERMILION, anchor="ma")

    def _timeline_of(self, key: str, width: int) -> Picture:
        clip, foot = self._clips[key], MARGIN + HEIGHT
        canvas = np.full((foot + MARGIN, width, 3), 255, np.uint8)

        def column(frame: float) -> float:
            return _column(clip, frame, width)

        moments = {"onset": clip.onset, "apex": clip.apex, "offset": clip.offset}
        marks = [(column(frame), name) for name, frame in moments.items() if frame is not None]
        closed = sorted(place for place in blinks_of(self._truth.get(clip.key)) if place < len(clip.frame_numbers))
        half = (column(1) - column(0)) / 2
        for place in closed:
            x = column(clip.frame_numbers[place])
            canvas[MARGIN:foot, max(round(x - half), 0) : round(x + half)] = rgb(FAINT)
        for x, _ in marks:
            canvas[MARGIN:foot, round(x)] = rgb(INK)
        canvas[foot] = rgb(FAINT)
        curves = self._curves(clip.key)
        for _, colour, values in curves:
            at = torch.tensor([column(frame) for frame in clip.frame_numbers[: len(values)]])
            draw_lines(canvas, [torch.stack([at, MARGIN + HEIGHT * (1 - values[: len(at)])], 1)], 1, colour, 2)
        canvas = write(canvas, [(x, MARGIN - 4, name) for x, name in marks], size=11, anchor="md")
        if closed:
            middle = column(clip.frame_numbers[closed[len(closed) // 2]])
            canvas = write(canvas, [(middle, MARGIN + 4, "blink")], size=11, colour=SOFT, anchor="ma")
        left = GAP
        for name, colour, _ in curves:
            canvas = write(canvas, [(left, foot + 5, name)], size=11, colour=colour)
            left += 16 + 7 * len(name)
        return canvas


def _column(clip: Clip, frame: float, width: int) -> float:
    """Where a frame lies on a timeline."""
    first, last = clip.frame_numbers[0], clip.frame_numbers[-1]
    return GAP + (width - 2 * GAP) * (frame - first) / max(last - first, 1)


def name_of(unit: int) -> str:
    """What a curve is called; AU 45 closes the lids and is no micro-expression."""
    return f"AU {unit}" + (" (blink)" if unit == 45 else "")


def _start(clip: Clip) -> int:
    """The frame to begin at: the apex, or the onset where no apex is labelled."""
    return clip.onset if clip.apex is None else clip.apex
