r"""The control-grid explorer: pull one control point of the B-spline (Eq 9), and square as often as you like.

Two lessons. A control point moves a hill of skin that is four spacings wide, and less than it is pulled itself, because a
B-spline smooths. And a motion that folds when it is applied at once does not fold when the same velocity is followed in
$2^n$ small steps.
"""

import ipywidgets
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from selfme_lib.grids import identity_grid, jacobian_determinant, resize_flow
from selfme_lib.motion.diffeo import expand_bspline, exponential
from selfme_lib.plots.style import BLUE, INK, SOFT, YELLOW, flow_to_rgb

from .canvas import beside, colours, mark_folds, pixels, with_dots, with_lines
from .explorer import LABEL, Explorer

SIZE, ZOOM = 97, 3  # px of the field: 96 = 6 x 16 = 12 x 8 = 24 x 4 spacings; px of the screen for each
SPACINGS = (4, 8, 16)  # px between control points
EVERY = 4  # px between the lines that are drawn
MANY = 10  # squarings that stand for infinitely many
EXPANSIONS = ("B-spline", "bilinear")


def explore_control_grid() -> "ControlGridExplorer":
    """A widget: displacement of one control point, spacing of the grid, kind of expansion, number of squarings."""
    return ControlGridExplorer()


class ControlGridExplorer(Explorer):
    """What `explore_control_grid` returns.

    Attributes:
        dx, dy: displacement of the control point in the middle, in px.
        spacing: between control points, in px; the paper's is 4.
        expansion: `B-spline` (Eq 9) or `bilinear`.
        steps: n of scaling and squaring; the paper's public relatives take 7. With n = 0 the velocity is the motion.
    """

    def __init__(self):
        pull = {"min": -40.0, "max": 40.0, "step": 1.0, "readout_format": ".0f", "style": LABEL}
        self.dx = ipywidgets.FloatSlider(value=28.0, description="dx, px", **pull)
        self.dy = ipywidgets.FloatSlider(value=-12.0, description="dy, px", **pull)
        buttons = LABEL | {"button_width": "90px"}
        self.spacing = ipywidgets.ToggleButtons(options=SPACINGS, value=8, description="spacing, px", style=buttons)
        self.expansion = ipywidgets.ToggleButtons(options=EXPANSIONS, description="expansion", style=buttons)
        self.steps = ipywidgets.IntSlider(value=0, min=0, max=MANY - 1, description="squarings n", style=LABEL)
        super().__init__([self.dx, self.dy], [self.spacing, self.expansion], [self.steps])

    def velocity(self) -> Float[Tensor, "2 h w"]:
        """One control point displaced, expanded; in px."""
        spacing = self.spacing.value
        points = (SIZE - 1) // spacing + 1
        control = torch.zeros(1, 2, points, points)
        middle = points // 2
        control[0, :, middle, middle] = torch.tensor([self.dx.value, self.dy.value]) / spacing  # px of its own lattice
        expand = expand_bspline if self.expansion.value == "B-spline" else resize_flow
        return expand(control, (SIZE, SIZE))[0]

    def motion(self) -> Float[Tensor, "2 h w"]:
        """What the velocity makes of the grid after unit time, in px."""
        return exponential(self.velocity()[None], steps=self.steps.value)[0]

    def look(self) -> tuple[UInt8[np.ndarray, "H W 3"], str]:
        velocity, motion = self.velocity(), self.motion()
        exact = exponential(velocity[None], steps=MANY)[0]
        determinant = jacobian_determinant(motion[None])[0]
        folded = determinant <= 0
        blank = torch.ones(3, SIZE, SIZE)
        places = (identity_grid(SIZE, SIZE) + motion).permute(1, 2, 0)  # (h, w, 2)
        lines = [*places[::EVERY], *places[:, ::EVERY].transpose(0, 1)]
        spacing = self.spacing.value
        controls = identity_grid(SIZE, SIZE)[:, ::spacing, ::spacing].flatten(1).T
        middle = torch.full((1, 2), SIZE // 2)
        pulled = middle + torch.tensor([self.dx.value, self.dy.value])
        lattice = with_lines(pixels(blank, ZOOM), lines, ZOOM, INK)
        lattice = with_dots(lattice, controls, ZOOM, SOFT, 1.0 if spacing < 8 else 2.0)
        lattice = with_lines(lattice, [torch.cat([middle, pulled])], ZOOM, BLUE, 2)
        lattice = with_dots(lattice, pulled, ZOOM, YELLOW, 4.0)
        areas = torch.nn.functional.pad(determinant, (0, 1, 0, 1), value=1.0)
        hill = max(float(velocity.norm(dim=0).max()), 1e-3)
        picture = beside(
            [
                pixels(flow_to_rgb(velocity, hill), ZOOM),
                lattice,
                mark_folds(pixels(colours(areas, 0, 2, "gray"), ZOOM), folded, ZOOM),
            ],
            [
                "velocity",
                f"lattice after {2**self.steps.value} steps" if self.steps.value else "lattice after one step",
                "det J: 0 black, 1 grey, folds orange",
            ],
        )
        pull = float(np.hypot(self.dx.value, self.dy.value))
        return picture, (
            f"pulled by {pull:.1f} px, velocity at most {velocity.norm(dim=0).max():.1f} px · "
            f"smallest det J {determinant.min():.2f}, {int(folded.sum())} cells fold<br>"
            f"n = {self.steps.value} is at most {(motion - exact).norm(dim=0).max():.2f} px from the exponential (n = {MANY})"
        )
