"""A video of one's own: give a file, and see when the face moves, how, and, last, which expression that may be.

The file stays on the machine on which the notebook runs; an uploaded copy is deleted once it is analysed.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from selfme_lib.data.faults import printable
from selfme_lib.data.recording import Frame, Recording, open_recording
from selfme_lib.plots.analysis import (
    KIND_COLOURS,
    KIND_WORDS,
    counts_of,
    heights,
    motion_picture,
    region_motion,
    strongest_units,
)
from selfme_lib.plots.montage import GAP, Picture, rgb, write
from selfme_lib.plots.style import BLUE, FAINT, GREEN, ORANGE, PURPLE, SOFT
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.paths import safe_names
from selfme_lib.spotting.analysis import AMPLIFICATION, Analysis, Event, Tools, analyse_recording, shipped_tools

from .canvas import draw_lines
from .controls import Choice, File, Words
from .panels import Panel, PanelExplorer

SIDE, WIDTH, HEIGHT = 176, 736, 150  # px: of a face, of the timeline
BAND, FOOT = 16, 20  # px: of the intervals above the curves, and of the words below
CURVES = (BLUE, GREEN, ORANGE, PURPLE, SOFT)
ASK = "Give a video of one face, by upload or by its path. Show and keep it only with that person's consent."
NONE = [("nothing yet", -1)]
PASSES = ("looking for the face", "measuring the motion", "reading the expressions")  # `analyse_recording` reads thrice
EVERY = 0.25  # seconds between two words about progress


class OwnVideo(PanelExplorer):
    """A recording, its timeline, and one of its expressions.

    Args:
        path: of a video, or of a folder of frames, to begin with.
        fps: frames a second: of a folder, which has no times, or instead of a file's own.
        tools: what it is analysed with; by default SelfME+ with the spotter and recogniser that come with the package.

    Attributes:
        upload: a file, its name and its content; path: where one lies. Each change begins an analysis, which says how far it is.
        event: which expression is shown.
        analysis: of the last recording; None if it could not be read, and then `note` says why.
    """

    def __init__(self, path: Path | str = "", *, fps: float | None = None, tools: Tools | None = None):
        self._fps, self._tools, self._trouble = fps, tools, ASK
        self._bars = True  # in the cell, until there is a widget to show one
        self.analysis: Analysis | None = None
        self.upload = File("Your video", accept="video/*,.mkv,.avi")
        self.path = Words("or its path", str(path), hint="me.mp4")
        self.event = Choice("expression", NONE)
        self.upload.observe(self._take_upload, names="value")
        self.path.observe(self._take_path, names="value")
        super().__init__([self.upload, self.path], [self.event], title="A video of your own")
        if self.path.value:
            self._take_path()
            self._draw()
        self._bars = False

    def render(self) -> tuple[list[list[Panel]], str]:
        analysis = self.analysis
        if analysis is None:
            return [], self._trouble
        found = f"{analysis.seconds:.1f} s: {counts_of(analysis.events)}"
        course = "when the face moves, and what was found"
        if not analysis.expressions:
            return [[(course, _timeline(analysis, None))]], found
        event = analysis.expressions[self.event.value]
        return [_faces(event), [(course, _timeline(analysis, event))]], f"{found}\n{_words(event)}"

    def _take_path(self, _change: object = None) -> None:
        if self.path.value:
            self._analyse(Path(self.path.value).expanduser())

    def _take_upload(self, _change: object) -> None:
        if self.upload.value is None:
            return
        given, content = self.upload.value
        with tempfile.TemporaryDirectory() as folder:
            name = Path(given).name
            place = Path(folder, f"{safe_names([Path(name).stem])[Path(name).stem]}{Path(name).suffix[:5]}")
            place.write_bytes(content)
            self._analyse(place, called=printable(name))
        self.upload.value = None  # its content is needed no more, and the same file can be given again

    def _analyse(self, path: Path, *, called: str = "") -> None:
        """Take what is at this place, `called` so in all that is said; what is wrong with it becomes the note."""
        self.analysis = None
        called = called or str(path)
        try:
            recording = replace(open_recording(path, fps=self._fps), name=called)
            watched = _watched(recording, self.tell)
            self.analysis = analyse_recording(watched, self._tools or shipped_tools(), progress=self._bars)
        except (DataError, UsageError) as error:
            self._trouble = printable(str(error).replace(str(path), called))
        self.forget()
        shown = [] if self.analysis is None else self.analysis.expressions
        with self.hold_picture():
            self.event.options = [
                (f"{number} · {event.interval.kind}, {event.onset_s:.2f} s", number - 1)
                for number, event in enumerate(shown, 1)
            ] or NONE


def _watched(recording: Recording, tell: Callable[[str, float], None]) -> Recording:
    """The recording; whoever reads it tells how far he is, and how long the rest of the pass will take."""
    passes = iter(PASSES)

    def frames() -> Iterator[Frame]:
        doing, begin, told = next(passes), time.monotonic(), 0.0
        for done, frame in enumerate(recording.frames()):
            now = time.monotonic()
            if recording.count and done and now - told > EVERY:
                left = tqdm.format_interval((now - begin) / done * (recording.count - done))
                said = f"{doing}, frame {done} of {recording.count}, {left} left"
                tell(f"{recording.name}: {said}", done / recording.count)
                told = now
            yield frame

    return replace(recording, frames=frames)


def _faces(event: Event) -> list[Panel]:
    motion, scale = motion_picture(event)
    titles = [f"onset {event.onset_s:.2f} s", f"apex {event.apex_s:.2f} s", f"motion, full colour {scale:.2g} px"]
    pictures = [event.onset_face, event.apex_face, motion, event.amplified_face]
    scaled = [cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for one in pictures if one is not None]
    return list(zip([*titles, f"moved {AMPLIFICATION:g} times as far"], scaled))


def _timeline(analysis: Analysis, shown: Event | None) -> Picture:
    """Intervals, motion of regions, and the shown expression's span."""
    canvas = np.full((BAND + HEIGHT + 2 * FOOT, WIDTH, 3), 255, np.uint8)
    length = max(analysis.seconds, 1e-6)

    def column(seconds: float) -> int:
        return GAP + round((WIDTH - 2 * GAP) * min(seconds / length, 1))

    if shown is not None:
        canvas[BAND : BAND + HEIGHT, column(shown.onset_s) : column(shown.offset_s) + 1] = rgb(FAINT)
    for event in analysis.events:
        shade = rgb(KIND_COLOURS[event.interval.kind])
        canvas[2 : BAND - 2, column(event.onset_s) : column(event.offset_s) + 1] = shade
    motion, left = analysis.motion, GAP
    at = torch.tensor([column(frame / motion.fps) for frame in motion.frames.tolist()], dtype=torch.double)
    for (name, values), colour in zip(region_motion(motion).items(), CURVES):
        y = BAND + HEIGHT * (1 - torch.from_numpy(heights(values)))
        canvas = draw_lines(canvas, [torch.stack([at, y], 1)], 1, colour)
        canvas = write(canvas, [(left, BAND + HEIGHT + 3, name)], size=11, colour=colour)
        left += 20 + 7 * len(name)
    left = GAP
    for kind in dict.fromkeys(event.interval.kind for event in analysis.events):
        canvas[BAND + HEIGHT + FOOT + 4 : BAND + HEIGHT + FOOT + 14, left : left + 10] = rgb(KIND_COLOURS[kind])
        canvas = write(canvas, [(left + 14, BAND + HEIGHT + FOOT + 3, KIND_WORDS[kind])], size=11, colour=SOFT)
        left += 34 + 7 * len(KIND_WORDS[kind])
    return canvas


def _words(event: Event) -> str:
    """Times, units, and last the class."""
    one = event.interval
    milliseconds = 1000 * (event.offset_s - event.onset_s)
    units = "; ".join(f"{name} {value:+.2f} px" for name, value in strongest_units(event, 3))
    likeliest = max(event.probabilities.values(), default=0.0)
    answer = "cannot tell" if event.label is None else f"moves like {event.label}"
    span = f"{KIND_WORDS[one.kind]}, {event.onset_s:.2f} to {event.offset_s:.2f} s, {milliseconds:.0f} ms, score {one.score:.2f}"
    return f"{span}\n{units}\n{answer} ({likeliest:.2f})"
