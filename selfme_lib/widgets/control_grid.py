r"""The control-grid explorer: pull one control point of the B-spline (Eq 9), and square as often as you like.

Two lessons. A control point moves a hill of skin four spacings wide, and moves it less than it is pulled itself, because a
B-spline smooths. And a motion that folds when applied at once does not fold when the same velocity is followed in $2^n$
small steps.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from selfme_lib.grids import identity_grid, jacobian_determinant, resize_flow
from selfme_lib.motion.diffeo import expand_bspline, exponential
from selfme_lib.plots.montage import Picture, enlarge
from selfme_lib.plots.style import BLUE, INK, SOFT, YELLOW, flow_to_rgb

from .canvas import colours, draw_dots, draw_folds, draw_lines
from .controls import Choice, Slider
from .panels import Panel, PanelExplorer

SIZE, ZOOM = 97, 3  # px of the field: 96 = 6 x 16 = 12 x 8 = 24 x 4 spacings; px of the screen for each
SPACINGS = (4, 8, 16)  # px between control points
EVERY = 4  # px between the lines that are drawn
MANY = 10  # squarings that stand for infinitely many


class ControlGridExplorer(PanelExplorer):
    """Displacement of one control point, spacing of the grid, kind of expansion, number of squarings.

    Attributes:
        dx, dy: displacement of the control point in the middle, in px.
        spacing: between control points, in px; the paper's is 4.
        expansion: `B-spline` (Eq 9) or `bilinear`.
        steps: n of scaling and squaring; the paper's public relatives take 7. With n = 0 the velocity is the motion.
    """

    def __init__(self):
        self.dx = Slider("dx, px", 28, -40, 40)
        self.dy = Slider("dy, px", -12, -40, 40)
        self.spacing = Choice("spacing, px", SPACINGS, kind="buttons", value=8)
        self.expansion = Choice("expansion", ("B-spline", "bilinear"), kind="buttons")
        self.steps = Slider("squarings n", 0, 0, MANY - 1)
        rows = [self.dx, self.dy], [self.spacing, self.expansion], [self.steps]
        super().__init__(*rows, title="Pull a control point")

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

    def render(self) -> tuple[list[list[Panel]], str]:
        velocity, motion, n = self.velocity(), self.motion(), self.steps.value
        exact = exponential(velocity[None], steps=MANY)[0]
        determinant = jacobian_determinant(motion[None])[0]
        folded = determinant <= 0
        areas = torch.nn.functional.pad(determinant, (0, 1, 0, 1), value=1.0)
        fastest = float(velocity.norm(dim=0).max())
        pictures = [
            enlarge(flow_to_rgb(velocity, max(fastest, 1e-3)), ZOOM),
            self._lattice(motion),
            draw_folds(enlarge(colours(areas, 0, 2, "gray"), ZOOM), folded, ZOOM),
        ]
        titles = [
            "velocity",
            f"lattice after {2**n} steps" if n else "lattice after one step",
            "det J: 0 black, 1 grey, folds orange",
        ]
        return [list(zip(titles, pictures))], (
            f"pulled by {np.hypot(self.dx.value, self.dy.value):.1f} px, velocity at most {fastest:.1f} px · "
            f"smallest det J {determinant.min():.2f}, {int(folded.sum())} cells fold\n"
            f"n = {n} is at most {(motion - exact).norm(dim=0).max():.2f} px from the exponential (n = {MANY})"
        )

    def _lattice(self, motion: Float[Tensor, "2 h w"]) -> Picture:
        """The moved grid, the control points, and the one that is pulled."""
        places = (identity_grid(SIZE, SIZE) + motion).permute(1, 2, 0)  # (h, w, 2)
        spacing = self.spacing.value
        controls = identity_grid(SIZE, SIZE)[:, ::spacing, ::spacing].flatten(1).T
        middle = torch.full((1, 2), SIZE // 2)
        pulled = middle + torch.tensor([float(self.dx.value), float(self.dy.value)])
        picture = enlarge(torch.ones(3, SIZE, SIZE), ZOOM)
        draw_lines(picture, [*places[::EVERY], *places[:, ::EVERY].transpose(0, 1)], ZOOM, INK)
        draw_dots(picture, controls, ZOOM, SOFT, 1.0 if spacing < 8 else 2.0)
        draw_lines(picture, [torch.cat([middle, pulled])], ZOOM, BLUE, 2)
        return draw_dots(picture, pulled, ZOOM, YELLOW, 4.0)
