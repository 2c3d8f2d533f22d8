"""The truth beside long videos: `ROOT/truth/sub15/15_0101disgustingteeth.npz`, and its events once more as `….events.json`.

This module reads files only, so what reads them does not depend on the renderer.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import read_arrays, read_json

from .truth import TrueMotion, motion_of, truth_path


@dataclass(frozen=True)
class TrueEvent:
    """Something that a face does. Frames count from 1, as in label files.

    Attributes:
        kind: micro or macro; and what no label file has: blink, glance, speech, lips, head.
        onset, apex, offset: of the movement itself.
        coded: onset, apex and offset as a coder sees them, of an expression.
        action_units, emotion: of an expression.
        motion: of an expression, between onset and apex as labelled.
    """

    kind: str
    onset: int
    apex: int
    offset: int
    coded: tuple[int, int, int] | None = None
    action_units: str = ""
    emotion: str = ""
    motion: TrueMotion | None = None


@dataclass(frozen=True)
class LongTruth:
    """What is known about a long video because it was rendered.

    Attributes:
        fps: frames a second; events: by onset.
        au_intensity: of each unit in `au_names` in each frame; names are L or R and the unit's number.
        pose: pitch, yaw, roll (radians) and shift x, y (pixels of a 256-pixel frame) in each frame.
        gaze: radians, to the picture's right and up, in each frame.
    """

    fps: int
    events: tuple[TrueEvent, ...]
    au_names: tuple[str, ...]
    au_intensity: Float[Tensor, "t a"]
    pose: Float[Tensor, "t 5"]
    gaze: Float[Tensor, "t 2"]

    def intervals(self, *kinds: str) -> list[tuple[int, int]]:
        """First and last frame of each event of some kinds."""
        return [(event.onset, event.offset) for event in self.events if event.kind in kinds]


def events_path(truth: Path) -> Path:
    """The events beside a file of `truth_path`."""
    return truth.with_suffix(".events.json")


def load_long_truth(root: Path | str, subject: str, name: str) -> LongTruth:
    """Read the truth of a long video of a SynthME folder.

    Raises:
        DataError: there is none, or it cannot be read.
    """
    path = truth_path(Path(root), subject, name)
    if not path.is_file() or not events_path(path).is_file():
        raise DataError(f"{path}: no such truth; is {root} a SynthME folder of long videos, and the video one of them?")
    try:
        description, arrays = read_json(events_path(path)), read_arrays(path)
        curves: Any = {name: torch.from_numpy(arrays[name]) for name in ("au_intensity", "pose", "gaze")}
        events = [_event(number, event, arrays) for number, event in enumerate(description["events"])]
        return LongTruth(int(description["fps"]), tuple(events), tuple(arrays["au_names"].tolist()), **curves)
    except KeyError as error:
        problem = f"no {error}"
    except (OSError, ValueError, TypeError, AttributeError) as error:
        problem = str(error)
    raise DataError(f"{path}: unreadable truth ({problem}); delete it and run `selfme synth` again")


def motion_prefix(event: int) -> str:
    """What precedes the names of an event's motion among the arrays."""
    return f"event{event}_"


def _event(number: int, event: dict[str, Any], arrays: dict[str, np.ndarray]) -> TrueEvent:
    """Raises KeyError, TypeError or ValueError if something is missing or wrong."""
    if (coded := event["coded"]) is None:
        return TrueEvent(**event)
    motion = TrueMotion(**motion_of(arrays, motion_prefix(number)))
    return TrueEvent(**{**event, "coded": tuple(coded), "motion": motion})
