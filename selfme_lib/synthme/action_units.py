"""FACS action units as weighted shape targets, left and right apart, and the recipes that combine them into emotions.

Intensity 1 is a full-blown movement; a micro-expression uses a few per cent of it. Left is the subject's left, on the
right-hand side of the picture.

Source of the codes: Ekman, Friesen & Hager, Facial Action Coding System, 2002; of the emotion recipes: the coding rules
of CASME II (Yan et al., PLoS ONE 2014, table 1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .head import load_head, smoothstep

ActionUnits = Mapping[int, tuple[float, float]]  # unit -> (left, right) intensity

# The units: name, and face units with their weights; the asterisk stands for Left and Right. A soft mask splits the sum at the
# middle of the face, since the face units of one side reach a little into the other.
_UNITS: Mapping[int, tuple[str, Mapping[str, float]]] = {
    1: ("inner brow raiser", {"browInnerUp": 1.0}),
    2: ("outer brow raiser", {"browOuterUp*": 1.0}),
    4: ("brow lowerer", {"browDown*": 1.0}),
    5: ("upper lid raiser", {"eyeWide*": 1.0}),
    6: ("cheek raiser", {"cheekSquint*": 1.0, "eyeSquint*": 0.3}),
    7: ("lid tightener", {"eyeSquint*": 1.0}),
    9: ("nose wrinkler", {"noseSneer*": 1.0}),
    10: ("upper lip raiser", {"mouthUpperUp*": 1.0}),
    12: ("lip corner puller", {"mouthSmile*": 1.0}),
    14: ("dimpler", {"mouthDimple*": 1.0}),
    15: ("lip corner depressor", {"mouthFrown*": 1.0}),
    16: ("lower lip depressor", {"mouthLowerDown*": 1.0}),
    17: ("chin raiser", {"mouthShrugLower": 1.0, "mouthShrugUpper": 0.3}),
    18: ("lip pucker", {"mouthPucker": 1.0}),
    20: ("lip stretcher", {"mouthStretch*": 1.0}),
    24: ("lip pressor", {"mouthPress*": 1.0}),
    25: ("lips part", {"mouthLowerDown*": 0.7, "mouthUpperUp*": 0.3}),
    26: ("jaw drop", {"jawOpen": 1.0}),
    28: ("lip suck", {"mouthRollLower": 1.0, "mouthRollUpper": 0.6}),
    45: ("blink", {"eyeBlink*": 0.68}),  # all of it would close a wider eye than ours
    63: ("eyes up", {"eyeLookUp*": 1.0}),
    64: ("eyes down", {"eyeLookDown*": 1.0}),
}
NAMES = {unit: name for unit, (name, _) in _UNITS.items()}
FACE_UNITS = {unit: weights for unit, (_, weights) in _UNITS.items()}
MIDDLE = 0.12  # half width, in decimetres, of the band where a unit passes from left to right
RIGID = ("jawOpen",)  # the jaw is one bone, moved by the mean of left and right


@dataclass(frozen=True)
class Recipe:
    """One way of showing an emotion: action unit -> relative strength, and how often it is drawn."""

    units: Mapping[int, float]
    weight: float = 1.0
    one_sided: bool = False
    shared: bool = False  # borrows a unit typical of another class


RECIPES: Mapping[str, tuple[Recipe, ...]] = {
    "disgust": (
        Recipe({4: 1.0}, 2.0), Recipe({4: 1.0, 7: 0.7}, 3.0), Recipe({9: 1.0}), Recipe({4: 0.8, 9: 1.0}, 2.0),
        Recipe({10: 1.0}), Recipe({4: 0.8, 10: 1.0}), Recipe({4: 0.9, 7: 0.7, 10: 0.8}),
        Recipe({4: 1.0, 5: 0.5}, 2.0, shared=True), Recipe({10: 0.7, 12: 0.7, 4: 0.5}, shared=True),
    ),
    "repression": (
        Recipe({14: 1.0}, 2.0), Recipe({15: 1.0}), Recipe({17: 1.0}, 1.5), Recipe({24: 1.0}),
        Recipe({15: 0.8, 17: 1.0}, 1.5), Recipe({14: 0.8, 24: 1.0}), Recipe({14: 1.0}, one_sided=True),
        Recipe({12: 0.6, 14: 1.0}, 1.5, one_sided=True, shared=True),
        Recipe({1: 0.9, 4: 0.8}, 1.5, shared=True), Recipe({1: 0.8, 4: 0.7, 15: 1.0}, shared=True),
    ),
    "happiness": (
        Recipe({12: 1.0}, 3.0), Recipe({6: 0.8, 12: 1.0}, 4.0), Recipe({12: 1.0, 25: 0.6}, 1.5), Recipe({6: 1.0, 12: 0.5}),
        Recipe({12: 1.0}, one_sided=True),
        Recipe({12: 1.0, 14: 0.5}, shared=True), Recipe({6: 0.6, 12: 0.9, 17: 0.5}, shared=True),
        Recipe({7: 0.5, 12: 1.0}, shared=True),
    ),
    "surprise": (
        Recipe({1: 0.9, 2: 1.0}, 4.0), Recipe({1: 0.8, 2: 1.0, 5: 0.7}, 2.0), Recipe({1: 0.8, 2: 1.0, 25: 0.6}, 1.5),
        Recipe({1: 0.8, 2: 1.0, 26: 0.5}), Recipe({5: 1.0, 25: 0.8}), Recipe({2: 1.0}, one_sided=True),
        Recipe({1: 0.9, 2: 0.9, 4: 0.5}, 1.5, shared=True), Recipe({1: 0.7, 2: 0.9, 14: 0.5}, shared=True),
    ),
}  # fmt: skip
# what CASME II's coders could name no emotion for: single units of brow, lid and chin, and odd combinations
OTHERS = (
    Recipe({4: 1.0}, 3.0), Recipe({4: 0.9, 7: 0.8}, 2.0), Recipe({7: 1.0}), Recipe({17: 1.0}), Recipe({14: 1.0}),
    Recipe({4: 0.8, 14: 0.8}), Recipe({4: 0.7, 12: 0.7}), Recipe({1: 0.7, 4: 0.8}), Recipe({18: 1.0}), Recipe({2: 1.0}),
    Recipe({4: 0.8, 17: 0.8}), Recipe({6: 0.7, 15: 0.8}),
    Recipe({4: 1.0, 5: 0.6}, shared=True), Recipe({12: 0.8, 15: 0.7}, shared=True),
)  # fmt: skip
ALL_RECIPES: Mapping[str, tuple[Recipe, ...]] = {**RECIPES, "others": OTHERS}
CLASS_OF_EMOTION = {"disgust": "negative", "repression": "negative", "happiness": "positive", "surprise": "surprise"}


@lru_cache(maxsize=1)
def _basis() -> dict[int, np.ndarray]:
    """Action unit -> displacements of the left and the right half at intensity 1: (2, n, 3) float32."""
    head = load_head()
    left = smoothstep(-MIDDLE, MIDDLE, head.vertices[:, :1])
    basis = {}
    for unit, face_units in FACE_UNITS.items():
        halves = np.zeros((2, *head.vertices.shape))
        for name, weight in face_units.items():
            sides = [name.replace("*", side) for side in ("Left", "Right")] if "*" in name else [name]
            whole = head.displacement({f"unit/{one}": weight for one in sides})
            halves += whole / 2 if name in RIGID else np.stack([whole * left, whole * (1 - left)])
        halves[:, head.of_part("eye")] = 0  # gaze alone turns the eyeballs
        basis[unit] = halves.astype(np.float32)
    return basis


def displacement(units: ActionUnits) -> np.ndarray:
    """Displacement of every vertex, (n, 3), by action units: unit -> (left intensity, right intensity).

    Raises:
        KeyError: the head has no such action unit.
    """
    total = np.zeros_like(load_head().vertices, dtype=np.float32)
    for unit, sides in units.items():
        for intensity, half in zip(sides, _basis()[unit]):
            total += np.float32(intensity) * half
    return total


def code(units: Mapping[int, float], side: str = "") -> str:
    """A set of units as CASME II's label file writes it: `4+7`; one-sided ones `L12+L14`."""
    return "+".join(f"{side}{unit}" for unit in sorted(units))
