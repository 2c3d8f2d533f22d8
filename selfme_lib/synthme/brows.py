"""Brows: hairs of a person's own length and colour, upright at the nose, flatter towards the temple, sparse at the rim."""

import cv2
import numpy as np

from .texture import PAINTED, cover_with, stroke, to_texel, unrolled
from .traits import Traits

HAIRS = 520  # of a brow of density 1
LOW, HIGH = 7.28, 7.80


def brow_line(traits: Traits, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle of a brow on the side x > 0, from the nose (t = 0) to the temple (1): x and height."""
    peak = traits.brow_peak
    hill = np.where(t < peak, np.sin(np.pi / 2 * t / peak), np.cos(np.pi / 2 * (t - peak) / (1 - peak) * 0.9))
    y = 7.485 + traits.brow_lift + 1.2 * traits.brow_rise * hill + (traits.brow_slope - 0.02) * t**2
    return traits.brow_start + (traits.brow_end - traits.brow_start) * t, y


def paint_brows(generator: np.random.Generator, traits: Traits, canvas: np.ndarray) -> None:
    """Paint them on the unrolled head (PAINTED, PAINTED, 4), whose fourth channel is gloss."""
    rows, _ = unrolled().band(LOW, HIGH)
    top = rows.start
    hairs = np.zeros((PAINTED, PAINTED), np.float32)
    body = np.zeros((rows.stop - top, PAINTED), np.float32)
    for side in (-1, 1):
        count = int(HAIRS * (0.45 + 0.75 * traits.brow_cover) * (traits.brow_width / 0.05) ** 0.5)
        t = generator.beta(1.15, 1.1, count)
        off = generator.normal(0, 0.42, count)  # of the width; few hairs stand at the rim
        x, y = brow_line(traits, t)
        width = traits.brow_width * (0.55 + 0.45 * np.minimum(t / 0.2, 1)) * (1 - (1 - traits.brow_tail) * t**1.8)
        y = y + off * width
        slant = np.deg2rad(np.interp(t, [0, 0.12, 0.45, 1], [82, 62, 24, -12]) + generator.normal(0, 11, count))
        slant -= np.deg2rad(28) * np.clip(off, -1, 1) * (t > 0.12)  # upper hairs lie down, lower ones stand up
        length = traits.brow_hair * generator.uniform(0.6, 1.15, count) * (1 - 0.35 * t)
        strength = generator.uniform(0.45, 1.0, count) * (1 - 0.4 * np.abs(off)) * np.minimum(0.45 + 3 * t, 1)
        bend = generator.normal(0.10, 0.08, count)
        s = np.linspace(-0.35, 0.65, 4)
        for i in range(count):
            along = s * length[i]
            turn = slant[i] - bend[i] * 4 * s
            stroke(hairs, side * (x[i] + along * np.cos(turn)), y[i] + along * np.sin(turn), strength[i])
        t = np.linspace(0.02, 0.97, 40)
        x, y = brow_line(traits, t)
        wide = traits.brow_width * (0.6 + 0.4 * np.minimum(t / 0.2, 1)) * (1 - (1 - traits.brow_tail) * t**1.8)
        columns, lines = to_texel(np.arcsin(side * x / 1.05), y)
        for column, line, thick in zip(np.asarray(columns), np.asarray(lines), wide / 3.0 * PAINTED):
            cv2.circle(body, (round(float(column)), round(float(line)) - top), max(1, round(0.55 * thick)), 1.0, -1)
    body = cv2.GaussianBlur(body, (0, 0), 4.0)  # the skin between the hairs is in their shadow
    fine = cv2.GaussianBlur(hairs[rows], (0, 0), 0.7)
    cover = np.clip(fine * (0.75 + 0.5 * traits.brow_cover), 0, 0.9)
    shade = np.clip(0.5 * traits.brow_cover * body, 0, 0.5)
    skin = canvas[rows]
    cover_with(skin[..., :3], np.minimum(skin[..., :3] * 0.55, 0.4) + 0.25 * traits.brow_colour, shade)
    cover_with(skin[..., :3], traits.brow_colour * np.ones_like(skin[..., :3]), cover)
    cover_with(skin[..., 3:], np.full_like(skin[..., 3:], 0.4), np.clip(cover + shade, 0, 1))
