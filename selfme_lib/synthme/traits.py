"""What sets the faces of world "home" apart beyond `Appearance`: hair style, brows, lips, lids, skin's marks, clothes.

Drawn from a random stream of their own, so nobody's shape or way of moving depends on them.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Style = Literal["bald", "cropped", "short", "swept", "fringe", "curly", "long", "wavy", "tied"]
LONG: tuple[Style, ...] = ("long", "wavy")
# how thick the hair lies on the scalp, in decimetres, and how often each style is worn by women and by men
THICKNESS: dict[Style, float] = {
    "bald": 0.0, "cropped": 0.02, "short": 0.07, "swept": 0.10, "fringe": 0.10, "curly": 0.16, "long": 0.05, "wavy": 0.08,
    "tied": 0.04,
}  # fmt: skip
WORN = {
    "women": (0.0, 0.02, 0.07, 0.08, 0.12, 0.14, 0.26, 0.20, 0.11),
    "men": (0.10, 0.25, 0.26, 0.17, 0.09, 0.09, 0.02, 0.01, 0.01),
}
CLOTH = np.array([[0.03, 0.035, 0.05], [0.35, 0.35, 0.34], [0.07, 0.10, 0.20], [0.16, 0.05, 0.05], [0.10, 0.13, 0.09]])


@dataclass(frozen=True)
class Traits:
    """Lengths in decimetres of the base mesh; shares and strengths from 0 to 1 unless stated; colours linear RGB.

    Attributes:
        style: of the hair; parting: where it is parted, -1 (the picture's left) to 1; curl: of its strands.
        hairline: added to the hairline's height; hair_turns: angle at which it leaves the forehead;
            temples: how far it recedes there; widow: its point in the middle.
        hair_tone: light streaks over dark ones, a spread.
        brow_start, brow_end: x at the nose and at the temple; brow_peak: share of the way at which it is highest.
        brow_width; brow_cover: density; brow_tail: how thin it ends; brow_rise: arch;
            brow_slope: tail above (+) or below the head; brow_lift: added height; brow_hair: length of a hair; brow_colour.
        lip_upper, lip_lower: added fullness; lip_bow: depth of the cupid's bow; lip_reach: added half width (angle);
            lip_soft: width of the border; lip_red: colour as a share of the skin's (3,); lip_wet.
        crease: of the upper lid, strength (0: a single lid); crease_at: its distance from the lid's edge.
        lashes; liner: make-up along the lids.
        iris_radius, pupil_radius, ring: strength of the limbal ring.
        undertone: (3,) multiplies the skin; ruddiness; circles: below the eyes; folds: beside the nose; marks: number of moles;
            spots: number of blemishes; sheen: added gloss.
        cloth: colour of what is worn about the neck.
    """

    style: Style
    parting: float
    curl: float
    hairline: float
    hair_turns: float
    temples: float
    widow: float
    hair_tone: float
    brow_start: float
    brow_end: float
    brow_peak: float
    brow_width: float
    brow_cover: float
    brow_tail: float
    brow_rise: float
    brow_slope: float
    brow_lift: float
    brow_hair: float
    brow_colour: np.ndarray
    lip_upper: float
    lip_lower: float
    lip_bow: float
    lip_reach: float
    lip_soft: float
    lip_red: np.ndarray
    lip_wet: float
    crease: float
    crease_at: float
    lashes: float
    liner: float
    iris_radius: float
    pupil_radius: float
    ring: float
    undertone: np.ndarray
    ruddiness: float
    circles: float
    folds: float
    marks: int
    spots: int
    sheen: float
    cloth: np.ndarray

    def hair(self) -> dict[str, Any]:
        """What the style of the hair changes in an `Appearance`."""
        return {
            "hairline": self.hairline,
            "hair_turns": self.hair_turns,
            "temples": self.temples,
            "long_hair": self.style in LONG,
            "hair_thickness": THICKNESS[self.style],
            "hair_density": 0.25 if self.style == "bald" else 1.0,
        }


def draw_traits(
    key: tuple[int, ...], *, sex: float, age: float, ancestry: np.ndarray, melanin: float, hair_colour: np.ndarray
) -> Traits:
    """The traits of the person with a key; arguments as in `Identity` and `Appearance`."""
    generator = np.random.default_rng((*key, 7))
    african, asian, _ = ancestry
    male = sex > 0.5
    odds = np.array(WORN["men" if male else "women"])
    styles = list(THICKNESS)
    odds[styles.index("curly")] *= 0.5 + 4 * african
    odds[[styles.index(name) for name in ("swept", "fringe", "long")]] *= 1.2 - african
    odds[styles.index("bald")] *= 0.4 + 3 * age
    style: Style = styles[generator.choice(len(styles), p=odds / odds.sum())]
    made_up = not male and generator.random() < 0.4
    plain = np.array([0.80, 0.52, 0.53]) + melanin * np.array([-0.08, 0.10, 0.14]) + generator.normal(0, 0.04, 3)
    painted = plain * generator.uniform([0.75, 0.40, 0.45], [1.0, 0.85, 0.9])
    brow_tone = generator.uniform(0.55, 1.0) * hair_colour
    return Traits(
        style=style,
        parting=float(generator.uniform(-0.6, 0.6)),
        curl=float(np.clip(0.15 + 0.75 * african + generator.normal(0, 0.12), 0, 1)),
        hairline=float(generator.normal(-0.09, 0.06) + 0.25 * sex * age + 0.5 * (style == "bald")),
        hair_turns=float(generator.uniform(0.40, 0.66)),
        temples=float(np.clip(generator.normal(0.10 + 0.25 * sex * age, 0.06), 0.0, 0.45)),
        widow=float(generator.normal(0, 0.05)),
        hair_tone=float(generator.uniform(0.15, 0.4)),
        brow_start=float(generator.normal(0.105, 0.012)),
        brow_end=float(generator.normal(0.45, 0.025)),
        brow_peak=float(generator.uniform(0.5, 0.75)),
        brow_width=float(np.exp(generator.normal(np.log(0.040 + 0.016 * sex), 0.22))),
        brow_cover=float(np.clip(generator.normal(0.62 + 0.12 * sex, 0.16), 0.25, 0.95)),
        brow_tail=float(generator.uniform(0.15, 0.55)),
        brow_rise=float(generator.uniform(0.012, 0.048) * (1.1 - 0.5 * sex)),
        brow_slope=float(generator.normal(-0.035, 0.018)),
        brow_lift=float(generator.normal(0, 0.014)),
        brow_hair=float(generator.uniform(0.035, 0.060) * (1 + 0.3 * age * sex)),
        brow_colour=np.maximum(brow_tone, 0.012),
        lip_upper=float(generator.normal(-0.012 + 0.014 * african, 0.011)),
        lip_lower=float(generator.normal(-0.010 + 0.012 * african, 0.013)),
        lip_bow=float(np.clip(generator.normal(0.9, 0.6), 0, 2.2)),
        lip_reach=float(generator.normal(0, 0.006)),
        lip_soft=float(generator.uniform(0.006, 0.020) * (0.6 if made_up else 1)),
        lip_red=painted if made_up and generator.random() < 0.7 else plain,
        lip_wet=float(generator.uniform(0.2, 0.9) + 0.3 * made_up),
        crease=float(np.clip(generator.normal(0.7 - 0.6 * asian, 0.2), 0, 1)),
        crease_at=float(generator.uniform(0.030, 0.055)),
        lashes=float(np.clip(generator.normal(0.55 - 0.15 * sex + 0.3 * made_up, 0.1), 0.2, 1)),
        liner=float(generator.uniform(0.3, 0.9) if made_up else 0),
        iris_radius=float(generator.normal(0.0625, 0.0015)),
        pupil_radius=float(generator.uniform(0.019, 0.029)),
        ring=float(generator.uniform(0.35, 0.85)),
        undertone=np.exp(generator.normal([0, -0.03, 0], [0.02, 0.015, 0.025])),
        ruddiness=float(np.clip(generator.normal(0.8, 0.35), 0.1, 1.8)),
        circles=float(np.clip(generator.normal(0.35 + 0.3 * age, 0.2), 0.05, 1)),
        folds=float(np.clip(generator.normal(0.25 + 0.6 * age, 0.15), 0.05, 1)),
        marks=int(generator.poisson(3)),
        spots=int(generator.poisson(5) * (generator.random() < 0.45)),
        sheen=float(generator.uniform(0, 0.5)),
        cloth=CLOTH[generator.integers(len(CLOTH))] * np.exp(generator.normal(0, 0.2, 3)),
    )
