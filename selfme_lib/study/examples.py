"""People of world home before the camera, for chapters, the front page and `selfme_lib.load`; without the sensor's noise."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from selfme_lib.synthme import SYNTHME_2, Expression, Person, Pose
from selfme_lib.synthme.action_units import ActionUnits
from selfme_lib.synthme.camera import FRONTAL
from selfme_lib.synthme.ground_truth import exact_flow
from selfme_lib.synthme.studio import renderer_of
from selfme_lib.synthme.timeline import scaled_to

Units = Mapping[int, float]
EXAMPLES: dict[str, tuple[int, Units]] = {"a smile": (16, {6: 0.8, 12: 1.0}), "raised brows": (17, {1: 0.9, 2: 1.0})}
REST: Units = {}
DRIFT = Pose(yaw=0.001, shift_x=0.1)  # no one holds their head perfectly still


class Sitter:
    """A person of world home, at rest or making action units as strongly on the left as on the right.

    Args:
        number: of the person, none of whom is in a data set.
        size: side of the pictures in px.
        population: as in `synthme.identity`.
    """

    def __init__(self, number: int, size: int = 128, population: Literal["evaluation", "choice"] = "evaluation"):
        person = Person((number,), population, SYNTHME_2.glasses, SYNTHME_2.beards, "home")
        self._renderer, self._size = renderer_of(person, size), size

    def scaled(self, units: Units, peak: float) -> Units:
        """The same units, scaled so that they move the skin by `peak` px."""
        small = scaled_to(self._renderer.identity, _both_sides(units), peak * 256 / self._size)
        return {unit: left for unit, (left, _) in small.items()}

    def photograph(self, units: Units = REST, pose: Pose = FRONTAL, *, zoom: float = 1.0) -> Float[Tensor, "3 h w"]:
        """A picture, RGB in [0, 1].

        Args:
            units: action unit → intensity; 1 is full-blown, a micro-expression is about .05.
            pose: of the head; shifts are in px of a 256-px frame.
            zoom: below 1 the camera stands farther away.
        """
        renderer = copy.copy(self._renderer)
        renderer.camera = replace(renderer.camera, scale=renderer.camera.scale * zoom)
        picture = renderer.render(Expression(action_units=_both_sides(units)), pose)
        return torch.from_numpy(picture).permute(2, 0, 1).clamp(0, 1)

    def motion(self, units: Units, pose: Pose = FRONTAL) -> Float[Tensor, "2 h w"]:
        """The true motion from rest to action units and pose: a backward flow in px, see `synthme.ground_truth`."""
        there = (Expression(action_units=_both_sides(units)), pose)
        return torch.from_numpy(exact_flow(self._renderer, there, (Expression(), FRONTAL)).total)


def micro_expressions(size: int = 128) -> dict[str, tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]]:
    """Onset and apex of the two `EXAMPLES` (takes a second): the skin moves by 2.5 px at 256 px, the head by a tenth of one."""
    sitters = {name: (Sitter(number, size), units) for name, (number, units) in EXAMPLES.items()}
    return {
        name: (who.photograph(), who.photograph(who.scaled(units, 2.5 * size / 256), DRIFT))
        for name, (who, units) in sitters.items()
    }


def _both_sides(units: Units) -> ActionUnits:
    return {unit: (strength, strength) for unit, strength in units.items()}
