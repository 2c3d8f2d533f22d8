import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from selfme_lib.grids import compose, identity_grid, jacobian_determinant
from selfme_lib.motion.diffeo import LARGEST_GAMMA, cubic_bspline, diffeomorphic_motion, expand_bspline, exponential
from selfme_lib.runtime.errors import UsageError


def test_basis_is_scipys():
    t = torch.linspace(-2.5, 2.5, 101, dtype=torch.float64)
    oracle = BSpline.basis_element([-2, -1, 0, 1, 2], extrapolate=False)(t.numpy())
    torch.testing.assert_close(cubic_bspline(t), torch.from_numpy(oracle).nan_to_num())


@settings(deadline=None, max_examples=15)
@given(st.integers(4, 10), st.integers(4, 10), st.integers(9, 40), st.integers(9, 40))
def test_expansion_is_scipys_tensor_product_spline(h, w, height, width):
    control = torch.randn(1, 2, h, w)
    padded = torch.nn.functional.pad(control, (1, 1, 1, 1), mode="replicate")[0].double().numpy()
    rows = BSpline(range(-3, h + 3), padded.transpose(1, 2, 0), 3)(torch.linspace(0, h - 1, height).double().numpy())
    both = BSpline(range(-3, w + 3), rows.transpose(1, 0, 2), 3)(torch.linspace(0, w - 1, width).double().numpy())
    oracle = torch.from_numpy(both).permute(2, 1, 0)
    oracle = oracle * torch.tensor([(width - 1) / (w - 1), (height - 1) / (h - 1)])[:, None, None]
    torch.testing.assert_close(expand_bspline(control, (height, width))[0].double(), oracle, atol=1e-4, rtol=1e-4)


def test_a_constant_motion_stays_constant_through_spline_and_exponential():
    control = torch.tensor([0.3, -0.7]).view(1, 2, 1, 1).expand(1, 2, 8, 8)
    result = diffeomorphic_motion(control, (32, 32))
    expected = control[:, :, :1, :1] * 31 / 7
    torch.testing.assert_close(result, expected.expand(1, 2, 32, 32), atol=1e-4, rtol=0)


def test_exponential_of_a_linear_velocity_is_the_matrix_exponential():
    side = 65
    matrix = torch.tensor([[0.05, -0.2], [0.2, -0.1]])
    centred = identity_grid(side, side) - (side - 1) / 2
    velocity = torch.einsum("ij,jhw->ihw", matrix, centred)[None]
    wanted = torch.einsum("ij,jhw->ihw", torch.linalg.matrix_exp(matrix) - torch.eye(2), centred)[None]
    inside = (..., slice(16, -16), slice(16, -16))
    torch.testing.assert_close(exponential(velocity)[inside], wanted[inside], atol=0.02, rtol=0)


def test_exponential_of_minus_v_undoes_that_of_v():
    x, y = identity_grid(48, 48)
    velocity = 2 * torch.stack([torch.sin(y / 8), torch.cos(x / 8)])[None]
    residue = compose(exponential(velocity), exponential(-velocity))[..., 4:-4, 4:-4]
    assert residue.abs().max() < 0.02 < velocity.abs().max()


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000))
def test_a_folding_motion_no_longer_folds(seed):
    motion = torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(seed)) * 0.45
    plain = diffeomorphic_motion(motion, (64, 64), bspline=False)
    assert jacobian_determinant(plain).min() <= 0
    assert jacobian_determinant(diffeomorphic_motion(motion, (64, 64))).min() > 0


def test_amplification_scales_the_plain_motion():
    motion = torch.randn(1, 2, 8, 8)
    once = diffeomorphic_motion(motion, (32, 32), bspline=False)
    torch.testing.assert_close(diffeomorphic_motion(motion, (32, 32), gamma=3, bspline=False), 3 * once)


@pytest.mark.parametrize("gamma", [1e300, float("inf"), float("nan"), -1.0])
def test_no_amplification_gives_what_is_no_number(gamma):
    with pytest.raises(UsageError, match="expected a number from 0 to 1,000"):
        diffeomorphic_motion(torch.ones(1, 2, 4, 4), (8, 8), gamma=gamma)
    assert diffeomorphic_motion(torch.ones(1, 2, 4, 4), (8, 8), gamma=LARGEST_GAMMA).isfinite().all()
