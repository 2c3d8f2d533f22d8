"""A recording in which a mouth moves at known times, and tools that need no learned weights."""

from pathlib import Path

import cv2
import numpy as np
import torch

from portraits import portrait
from selfme_lib.classifier.expressions import Answer, Models, Recogniser
from selfme_lib.classifier.linear import LinearHead
from selfme_lib.classifier.network import ClassifierConfig
from selfme_lib.data.face_stream import FaceFrame
from selfme_lib.data.tree import MARKS
from selfme_lib.spotting.analysis import Tools
from selfme_lib.spotting.intervals import Interval
from selfme_lib.spotting.network import SpotterConfig, SpottingNetwork
from selfme_lib.spotting.spotter import Spotter

SIDE = 128
EVENTS = (
    Interval(onset=2, apex=4, offset=6, kind="micro", score=0.9),
    Interval(onset=8, apex=9, offset=10, kind="blink", score=0.6),
    Interval(onset=12, apex=14, offset=17, kind="macro", score=0.7),
)
MOVED = {2: 0, 3: 2, 4: 3, 5: 1, 13: 2, 14: 5, 15: 3, 16: 1}  # frame -> pixels upwards of the mouth
FRAMES = 20
CLASSES, UNITS = ("negative", "positive", "surprise"), ("L12", "R12", "L4", "R4")


def faces(count: int = FRAMES) -> list[np.ndarray]:
    """Cropped faces whose mouth moves."""
    face = portrait(0, SIDE)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    mouth = np.exp(-((x - 64) ** 2 / 2 / 16**2 + (y - 100) ** 2 / 2 / 8**2)).astype(np.float32)
    return [
        cv2.remap(face, x, y + MOVED.get(t, 0) * mouth, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for t in range(count)
    ]


def write_frames(folder: Path, pictures: list[np.ndarray]) -> Path:
    """A folder of faces, marked as cropped."""
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number:03d}.png"), picture[..., ::-1])
    (folder / MARKS[0]).write_text("{}")
    return folder


def face_frame(index: int, time: float, pixels: np.ndarray) -> FaceFrame:
    """A face in its place."""
    return FaceFrame(index, time, pixels, False, False, np.eye(3)[:2], pixels)


class Known(Spotter):
    """Finds `EVENTS`, as far as a recording has them."""

    def __init__(self):
        super().__init__(SpottingNetwork(SpotterConfig(width=4, dilations=(1,))))

    def spot(self, motion, thresholds=None):
        return [event for event in EVENTS if event.offset < len(motion)]


class Simple(Recogniser):
    """Calls the strongest motions positive, and others nothing."""

    def __init__(self):
        none = torch.zeros(3, 1)
        self.models = Models(
            form=ClassifierConfig(), gamma=2.0, classes=CLASSES, units=UNITS, head=LinearHead(none, none[:, 0], none[0], 1.0),
            unit_weights=none, unit_bias=none[:, 0], temperature=1.25, confidence=0.6,
        )  # fmt: skip

    def recognise(self, motion):
        longest = motion.norm(dim=1).amax((1, 2))
        positive = (longest / 22).clamp(max=0.9)
        probabilities = torch.stack([(1 - positive) * 0.7, positive, (1 - positive) * 0.3], -1)
        units = torch.stack([longest / 2, longest / 4, 0 * longest, -longest / 8], -1)
        return Answer(probabilities, probabilities.amax(-1) >= 0.6, units)


def upwards(onset, apex, gamma):
    """The mouth's motion, as far as its row of strongest change says: a flow that needs neither threads nor weights."""
    change = (apex - onset).abs().mean(1)  # (b, h, w)
    strength = 40 * torch.nn.functional.avg_pool2d(change[:, None], 9, 1, 4)
    return gamma * torch.cat([0 * strength, strength], 1)


def tools(motion=upwards) -> Tools:
    return Tools(spotter=Known(), recogniser=Simple(), motion=motion, weights="by hand")
