"""The timeline: a clip frame by frame, with onset, apex and offset.

The curve is what moved: the intensity of action units where it is known (SynthME), and for every clip the change from the
onset frame. That a change peaks somewhere else than the labelled apex is common: blinks and head movements change more
pixels than a micro-expression does.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import ipywidgets
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from selfme_lib.data import Clip, read_clip_frame
from selfme_lib.grids import gaussian_blur
from selfme_lib.plots.style import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, SKY, SOFT, VERMILION
from selfme_lib.runtime.errors import UsageError
from selfme_lib.synthme.truth import Truth

from .canvas import GAP, below, beside, pixels, rgb, with_lines, write, zoom_for
from .explorer import LABEL, Explorer

HEIGHT = 150  # px of the curves
MARGIN = 26  # px below and above the curves, for frame numbers and names of moments
LONGEST = 256  # frames of a clip that are read at most
UNIT_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY)


def explore_timeline(
    clips: Sequence[Clip], *, truth: Mapping[str, Truth] | None = None, size: int = 128
) -> "TimelineExplorer":
    """A widget: a clip and a frame of it; a click on play runs the clip.

    Args:
        clips: what `data.load_clips` gives.
        truth: key of a clip → its truth, if known: its action units are drawn, too.
        size: side of the frames in pixels.

    Raises:
        UsageError: there is no clip.
    """
    if not clips:
        raise UsageError("explore_timeline: expected at least one clip, got none")
    return TimelineExplorer(clips, truth or {}, size)


class TimelineExplorer(Explorer):
    """What `explore_timeline` returns.

    Attributes:
        clip: which.
        frame: number of the frame, as in the label file.
        play: runs through the frames.
    """

    def __init__(self, clips: Sequence[Clip], truth: Mapping[str, Truth], size: int):
        self._clips, self._truth, self._size = {clip.key: clip for clip in clips}, truth, size
        self._frames, self._curves = cache(self._read), cache(self._curves_of)
        first = clips[0]
        self.clip = ipywidgets.Dropdown(options=list(self._clips), value=first.key, description="clip", style=LABEL)
        numbers = first.frame_numbers
        start = first.onset if first.apex is None else first.apex
        self.frame = ipywidgets.IntSlider(
            value=start, min=numbers[0], max=numbers[-1], description="frame", style=LABEL, layout={"width": "420px"}
        )
        self.play = ipywidgets.Play(value=start, min=numbers[0], max=numbers[-1], interval=150)
        ipywidgets.jslink((self.play, "value"), (self.frame, "value"))
        self.clip.observe(self._choose, names="value")
        super().__init__([self.clip], [self.play, self.frame])

    def look(self) -> tuple[UInt8[np.ndarray, "H W 3"], str]:
        clip = self._clips[self.clip.value]
        frames = self._frames(clip.key)
        number = min(clip.frame_numbers, key=lambda one: abs(one - self.frame.value))  # numbers may have gaps
        onset, shown = frames[clip.onset], frames[number]
        zoom = zoom_for(self._size)
        change = (5 * (shown - onset).abs()).clamp(0, 1)
        faces = beside(
            [pixels(onset, zoom), pixels(shown, zoom), pixels(change, zoom)],
            [f"onset (frame {clip.onset})", f"frame {number}", "|frame − onset| × 5"],
        )
        picture = below([faces, self._timeline(clip, number, faces.shape[1])])
        seconds = (number - clip.onset) / clip.fps
        apex = "no apex is labelled" if clip.apex is None else f"apex {clip.apex}"
        return picture, (
            f"{clip.emotion} · AU {clip.action_units} · onset {clip.onset}, {apex}, offset {clip.offset} · "
            f"{1000 * seconds:+.0f} ms from the onset at {clip.fps:g} frames a second"
        )

    def _choose(self, _change: object) -> None:
        """Another clip has other frames; the slider starts at its apex."""
        clip = self._clips[self.clip.value]
        numbers = clip.frame_numbers
        with self.hold_picture():
            for control in (self.play, self.frame):
                control.min, control.max = min(control.min, numbers[0]), max(control.max, numbers[-1])  # never empty
                control.value = clip.onset if clip.apex is None else clip.apex
                control.min, control.max = numbers[0], numbers[-1]

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
            truth = self._truth[key]
            intensity = truth.au_intensity.unflatten(1, (-1, 2)).mean(2)  # left and right: (t, units)
            strongest = intensity.max(0).values.argsort(descending=True)[: len(UNIT_COLOURS)].tolist()
            top = max(float(intensity.max()), 1e-6)
            moving = [unit for unit in strongest if intensity[:, unit].max() > 0.02 * top]
            curves += [
                (f"AU {truth.au_names[2 * unit][1:]}", colour, intensity[:, unit] / top)
                for unit, colour in zip(moving, UNIT_COLOURS)
            ]
        return curves

    def _timeline(self, clip: Clip, number: int, width: int) -> UInt8[np.ndarray, "H W 3"]:
        numbers = clip.frame_numbers
        canvas = np.full((HEIGHT + 2 * MARGIN, width, 3), 255, np.uint8)
        span = max(numbers[-1] - numbers[0], 1)

        def column(frame: float) -> float:
            return GAP + (width - 2 * GAP) * (frame - numbers[0]) / span

        moments = {"onset": clip.onset, "apex": clip.apex, "offset": clip.offset}
        moments = {name: frame for name, frame in moments.items() if frame is not None}
        for frame in moments.values():
            canvas[MARGIN : MARGIN + HEIGHT, round(column(frame))] = rgb(INK)
        canvas[MARGIN + HEIGHT] = rgb(FAINT)
        curves = self._curves(clip.key)
        for _, colour, values in curves:
            at = torch.tensor([column(frame) for frame in numbers[: len(values)]])
            height = MARGIN + HEIGHT * (1 - values[: len(at)])
            canvas = with_lines(canvas, [torch.stack([at, height], 1)], 1, colour, 2)
        here = round(column(number))
        canvas[MARGIN : MARGIN + HEIGHT, max(here - 1, 0) : here + 2] = rgb(VERMILION)
        words = [(column(frame), MARGIN - 4, name) for name, frame in moments.items()]
        canvas = write(canvas, words, size=11, anchor="md")
        canvas = write(canvas, [(here, MARGIN + HEIGHT + 5, str(number))], size=11, colour=VERMILION, anchor="ma")
        left = GAP
        for name, colour, _ in curves:
            canvas = write(canvas, [(left, MARGIN + HEIGHT + 5, name)], size=11, colour=colour)
            left += 16 + 7 * len(name)
        return canvas
