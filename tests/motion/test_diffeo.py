import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from selfme_lib.grids import compose, gaussian_blur, identity_grid, jacobian_determinant, to_normalised
from selfme_lib.motion.diffeo import (
    LARGEST_GAMMA,
    MOST_SQUARINGS,
    TOLERANCE,
    cubic_bspline,
    diffeomorphic_motion,
    expand_bspline,
    exponential,
    squarings,
)
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


def linear(matrix, side=65):
    """A linear velocity about the middle, and its exponential, both (1, 2, side, side)."""
    centred = identity_grid(side, side) - (side - 1) / 2
    rest = torch.linalg.matrix_exp(matrix) - torch.eye(2)
    return [torch.einsum("ij,jhw->ihw", part, centred)[None] for part in (matrix, rest)]


@pytest.mark.parametrize("turn, zoom", [(0.02, 0.0), (0.1, 0.0), (-0.3, 0.0), (0.0, 0.1), (0.05, -0.05)])
def test_the_error_of_a_linear_velocity_is_below_the_tolerance(turn, zoom):
    """Turns and zooms are bilinear, so nothing but the step in time makes an error."""
    velocity, wanted = linear(torch.tensor([[zoom, -turn], [turn, zoom]]))
    error = (exponential(velocity) - wanted).norm(dim=1)[..., 24:-24, 24:-24]
    assert 0 < error.max() < TOLERANCE


def integrated(velocity, steps=64):
    """The path of every pixel through a bilinear velocity, by Runge and Kutta, without resampling anything."""
    height, width = velocity.shape[-2:]
    velocity = velocity.double()

    def at(place):
        where = to_normalised(place.permute(0, 2, 3, 1), height, width)
        return torch.nn.functional.grid_sample(velocity, where, padding_mode="border", align_corners=True)

    start = identity_grid(height, width, dtype=torch.float64).expand_as(velocity)
    place = start
    for _ in range(steps):
        a = at(place) / steps
        b = at(place + a / 2) / steps
        c = at(place + b / 2) / steps
        place = place + (a + 2 * b + 2 * c + at(place + c) / steps) / 6
    return (place - start).float()


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.05, 2.5), st.floats(1.5, 6.0))
def test_the_error_is_below_the_tolerance_and_what_interpolation_adds(seed, length, smoothness):
    noise = torch.randn(3, 2, 32, 32, generator=torch.Generator().manual_seed(seed))
    velocity = gaussian_blur(noise, smoothness)
    velocity = velocity * (length / velocity.norm(dim=1).amax((1, 2)))[:, None, None, None]
    numbers = squarings(velocity)
    exact = integrated(velocity)
    slopes = [velocity.diff(dim=dim) for dim in (2, 3)]
    steepest = sum(slope.norm(dim=1).amax((1, 2)) ** 2 for slope in slopes).sqrt()
    bend = sum(torch.nn.functional.pad(velocity, (1, 1, 1, 1), mode="replicate").diff(2, dim=dim).norm(dim=1).amax((1, 2))
               for dim in (2, 3))  # fmt: skip
    interpolation = numbers * bend / 16 * torch.exp(2 * steepest)
    error = (exponential(velocity) - exact).norm(dim=1).amax((1, 2))
    assert (numbers < MOST_SQUARINGS).all(), "otherwise nothing is promised"
    assert (error < TOLERANCE + interpolation).all()
    assert (error < (exponential(velocity, steps=7) - exact).norm(dim=1).amax((1, 2)) + TOLERANCE / 4).all()


def test_each_field_takes_as_many_squarings_as_it_needs_whatever_is_beside_it():
    noise = gaussian_blur(torch.randn(4, 2, 32, 32), 2.0)
    batch = noise * torch.tensor([0.0, 0.5, 20.0, 5.0])[:, None, None, None]
    numbers = squarings(batch)
    assert numbers[0] == 0 < numbers[1] < numbers[3] < numbers[2] <= MOST_SQUARINGS
    alone = torch.cat([exponential(field[None]) for field in batch])
    torch.testing.assert_close(exponential(batch), alone, rtol=0, atol=1e-6)
    broken = torch.full((1, 2, 8, 8), torch.nan)
    assert squarings(broken) == MOST_SQUARINGS and exponential(broken).isnan().all()
    assert exponential(batch[:0]).shape == (0, 2, 32, 32)


def test_a_micro_motion_is_looked_up_less_than_half_as_often_as_by_seven_squarings(monkeypatch):
    counted, sample = [], torch.nn.functional.grid_sample
    monkeypatch.setattr("torch.nn.functional.grid_sample", lambda *a, **k: counted.append(1) or sample(*a, **k))
    control = gaussian_blur(torch.randn(1, 2, 32, 32), 4.0)
    motion = diffeomorphic_motion(control / control.norm(dim=1).max() * 1.5 * 31 / 223, (224, 224))
    assert 1.2 < motion.norm(dim=1).max() < 1.8 and 1 <= len(counted) <= 3


def test_gradients_pass_through_the_exponential():
    velocity = (0.5 * gaussian_blur(torch.randn(1, 2, 5, 5, dtype=torch.float64), 1.0)).requires_grad_()
    assert squarings(velocity).max() >= 1
    assert torch.autograd.gradcheck(exponential, velocity, eps=1e-7, atol=1e-4)


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
