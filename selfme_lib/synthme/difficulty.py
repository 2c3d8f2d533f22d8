"""What stands between the frames and the label, and how much of it each version of SynthME has.

Lengths are pixels of a 256-pixel frame, angles radians, times frames. Whatever is 0 is off. A strength of 0 changes nothing
else in a clip; a rate of 0 also changes what is drawn after it.
"""

from typing import Annotated

import pydantic.dataclasses
from pydantic import Field

from selfme_lib.runtime.settings import STRICT

Peak = Annotated[float, Field(gt=0, le=100)]
Range = Annotated[tuple[Peak, Peak], Field(description="px, drawn on a logarithmic scale; beyond 100 the face is torn")]
Chance = Annotated[float, Field(ge=0, le=1, description="a probability")]
Share = Annotated[float, Field(ge=0, le=1, description="a share")]
Strength = Annotated[float, Field(ge=0, le=10, description="a strength; beyond it no face is left")]
Quality = Annotated[int, Field(ge=1, le=100)]


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class Difficulty:
    """Nuisances of a clip; the defaults are `synthme-1`.

    Those were chosen once, from the true motion and TV-L1 alone, never from the learned motion: with 8 people to learn from and
    4 to test on, a linear classifier on 8x8 means of the flow reached a UF1 of .99 on the true motion and .76 on TV-L1.

    Attributes:
        peak: range of the largest displacement that the labelled units cause, drawn log-uniformly.
        unit_sharing: chance that a clip uses a recipe with a unit typical of another class.
        side_noise: spread of the log ratio of left to right intensity; the same for every class.
        spillover: strength of random other units, as a share of the peak.
        distractor_rate: expected number of swallows, lip presses and so on in a clip; distractor_peak: their size.
        blink_rate: chance of a blink in a clip; blink_depth: range of how far the lids close; glance: spread of a change of gaze.
        head_turn, head_shift: spread of the drift of the head within a clip.
        flicker: spread of the light from frame to frame; light_drift: of its slow change.
        noise: of the sensor, standard deviation at mid-grey; jpeg_quality: range.
        unit_range: 0, all recipes move the skin by `peak`; 1, in proportion to the range of their units, which spans a factor of
            ten between a lid tightener and a jaw drop (measured on the head's own shape targets at full strength).
        side_timing: spread of how much later one side of the face starts than the other.
        label_jitter: spread of the error of coded onset, apex and offset. CASME II's two coders agreed in .846 of their codes
            (Yan et al., PLoS ONE 2014), and one coder has to name one frame of a plateau.
        exposure: share of a frame's time during which the shutter is open. What moves is blurred.
        registration: spread of the error that registering each frame on its own leaves.
        furrows: how dark lines in the skin become where FACS lists furrows, at full strength of a unit.
        lamp_sway: spread of the turn of the lamps within a clip, which moves highlights and shadows over the skin.
        glasses: share of people who wear them, at home with panes that mirror the lamps; beards: share of men who have one.
    """

    peak: Range = (1.0, 3.0)
    unit_sharing: Chance = 0.05
    side_noise: Strength = 0.2
    spillover: Strength = 0.05
    distractor_rate: Strength = 0.3
    distractor_peak: Range = (0.1, 0.4)
    blink_rate: Chance = 0.25
    blink_depth: Annotated[tuple[Share, Share], Field(description="shares of closed lids")] = (0.25, 1.0)
    glance: Strength = 0.03
    head_turn: Strength = 0.0005
    head_shift: Strength = 0.08
    flicker: Strength = 0.006
    light_drift: Strength = 0.02
    noise: Strength = 0.008
    jpeg_quality: Annotated[tuple[Quality, Quality], Field(description="as JPEG counts it")] = (88, 96)
    unit_range: Share = 0.0
    side_timing: Strength = 0.0
    label_jitter: Strength = 0.0
    exposure: Share = 0.0
    registration: Strength = 0.0
    furrows: Share = 0.0
    lamp_sway: Strength = 0.0
    glasses: Chance = 0.0
    beards: Chance = 0.0


SYNTHME_2 = Difficulty(
    peak=(0.6, 2.0),
    head_turn=0.004,
    head_shift=0.5,
    light_drift=0.04,
    noise=0.012,
    jpeg_quality=(75, 92),
    unit_range=0.5,
    side_timing=0.6,
    label_jitter=0.7,
    exposure=0.5,
    registration=0.12,
    furrows=0.5,
    lamp_sway=0.05,
    glasses=0.25,
    beards=0.3,
)
"""Chosen on choice people by `selfme bench difficulty`, from the true motion and classical flow alone: a linear classifier was to
have a UF1 above .93 on the truth and between .65 and .80 on TV-L1, leaving one of 24 people out. On two sets of people it has .94
[.92, .97] and .96 [.89, .99] on the truth, .72 [.65, .79] and .75 [.67, .81] on TV-L1.
"""
