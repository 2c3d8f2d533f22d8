import numpy as np
import pytest
import torch

from selfme_lib.grids import jacobian_determinant
from selfme_lib.motion.diffeo import exponential
from selfme_lib.widgets import explore_control_grid
from selfme_lib.widgets.control_grid import SIZE


@pytest.fixture
def explorer():
    return explore_control_grid()


def test_a_control_point_moves_a_hill_less_than_it_is_pulled(explorer):
    """A cubic B-spline is 2/3 at its centre, so the product over both axes is 4/9, and zero two spacings away."""
    explorer.dx.value, explorer.dy.value = 9.0, -18.0
    for spacing in explorer.spacing.options:
        explorer.spacing.value = spacing
        velocity, middle = explorer.velocity(), SIZE // 2
        torch.testing.assert_close(velocity[:, middle, middle], torch.tensor([4.0, -8.0]))
        assert velocity[:, :, middle + 2 * spacing :].abs().max() < 1e-5
    explorer.expansion.value = "bilinear"
    torch.testing.assert_close(explorer.velocity()[:, middle, middle], torch.tensor([9.0, -18.0]))


def test_squaring_removes_folds(explorer):
    """Applied in one step the velocity folds; followed in 128 steps it does not."""
    folds = jacobian_determinant(explorer.motion()[None]) <= 0
    assert explorer.steps.value == 0 and folds.any()
    assert f"{int(folds.sum())} cells fold" in explorer.note.value
    explorer.steps.value = 7
    assert (jacobian_determinant(explorer.motion()[None]) > 0).all()
    assert ", 0 cells fold" in explorer.note.value
    torch.testing.assert_close(explorer.motion(), exponential(explorer.velocity()[None], steps=7)[0])


def test_every_control_changes_the_picture(explorer):
    seen = [explorer.picture.value]
    for name, value in (("dx", 5.0), ("dy", 20.0), ("spacing", 4), ("expansion", "bilinear"), ("steps", 4)):
        getattr(explorer, name).value = value
        seen.append(explorer.picture.value)
    assert len(set(seen)) == len(seen)


def test_the_note_states_the_distance_from_the_exponential(explorer):
    explorer.steps.value = 2
    exact = exponential(explorer.velocity()[None], steps=10)[0]
    assert f"at most {(explorer.motion() - exact).norm(dim=0).max():.2f} px" in explorer.note.value
    assert np.isfinite(explorer.static().axes[0].images[0].get_array()).all()
