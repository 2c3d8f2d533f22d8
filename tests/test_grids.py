import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from selfme_lib.grids import (
    compose,
    end_point_error,
    gaussian_blur,
    gradient_products,
    identity_grid,
    jacobian_determinant,
    resize_flow,
    resize_image,
    to_normalised,
    to_pixels,
    translate,
    warp,
)

sides = st.integers(5, 24)


def smooth_image(height, width):
    x, y = identity_grid(height, width)
    return torch.stack([torch.sin(x / 5) + torch.cos(y / 7), x * 0.01 + y * 0.02, torch.cos(x * y / 300)])[None]


@settings(deadline=None, max_examples=20)
@given(sides, sides)
def test_zero_flow_returns_the_image(height, width):
    image = torch.rand(2, 3, height, width)
    torch.testing.assert_close(warp(image, torch.zeros(2, 2, height, width)), image, atol=1e-5, rtol=0)


@settings(deadline=None, max_examples=20)
@given(sides, sides, st.integers(-3, 3), st.integers(-3, 3))
def test_integer_shifts_are_exact(height, width, dx, dy):
    image = torch.rand(1, 1, height, width)
    flow = torch.tensor([dx, dy], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, height, width)
    rows = (torch.arange(height) + dy).clamp(0, height - 1)
    columns = (torch.arange(width) + dx).clamp(0, width - 1)
    torch.testing.assert_close(warp(image, flow), image[:, :, rows][:, :, :, columns], atol=1e-5, rtol=0)


@settings(deadline=None, max_examples=20)
@given(sides, sides)
def test_normalised_coordinates_put_corners_at_one_and_come_back(height, width):
    pixels = identity_grid(height, width).permute(1, 2, 0)
    normalised = to_normalised(pixels, height, width)
    assert normalised[0, 0].tolist() == [-1, -1] and normalised[-1, -1].tolist() == [1, 1]
    torch.testing.assert_close(to_pixels(normalised, height, width), pixels, atol=1e-4, rtol=0)


def test_rotation_by_flow_is_the_rotation():
    angle, side = math.radians(10), 65
    grid = identity_grid(side, side)
    centred = grid - (side - 1) / 2
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turned = torch.einsum("ij,jhw->ihw", turn, centred)
    blob = torch.exp(-((centred[0] - 10) ** 2 + centred[1] ** 2) / 160)[None, None]
    wanted = torch.exp(-((turned[0] - 10) ** 2 + turned[1] ** 2) / 160)[None, None]
    result = warp(blob, (turned - centred)[None])
    assert (result - wanted)[..., 12:-12, 12:-12].abs().max() < 5e-3


def test_resizing_a_flow_rescales_its_values():
    angle = 0.1
    small, large = identity_grid(9, 17), identity_grid(33, 65)

    def linear(grid):  # a flow that is linear in position is the same map on every lattice
        return torch.stack([angle * grid[1], -angle * grid[0]])[None]

    torch.testing.assert_close(resize_flow(linear(small), (33, 65)), linear(large), atol=1e-4, rtol=1e-4)


def test_resizing_an_image_keeps_its_corners_and_straight_lines():
    x, y = identity_grid(33, 33)
    ramp = (x + 2 * y)[None, None] / 96
    small = resize_image(ramp, (9, 9))
    a, b = identity_grid(9, 9)
    inside = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    torch.testing.assert_close(small[inside], ((4 * a + 8 * b)[None, None] / 96)[inside], atol=1e-4, rtol=0)


def test_translation_is_a_constant_warp():
    image, pixels = torch.rand(2, 3, 12, 17), torch.tensor([[1.3, -0.4], [-2.0, 0.6]])
    flow = pixels[:, :, None, None].expand(2, 2, 12, 17)
    moved = translate(image, pixels * 2 / torch.tensor([16, 11]))
    torch.testing.assert_close(moved, warp(image, flow), atol=1e-5, rtol=0)


def test_blur_is_scipys():
    image = torch.rand(1, 2, 30, 25)
    oracle = gaussian_filter(image.numpy(), (0, 0, 1.7, 1.7), mode="nearest", truncate=4)
    torch.testing.assert_close(gaussian_blur(image, 1.7), torch.from_numpy(oracle), atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [(150, 131), (70, 131), (40, 33)])
def test_large_images_are_smoothed_in_bands_as_by_the_whole_matrix(size):
    """With a gradient, the whole matrix is used."""
    image = torch.rand(2, 3, 150, 131)
    whole = resize_image(gaussian_blur(image.clone().requires_grad_(), 5.0), size).detach()
    banded = resize_image(gaussian_blur(image, 5.0), size)
    torch.testing.assert_close(banded, whole, atol=2e-6, rtol=0)
    oracle = gaussian_filter(image.numpy(), (0, 0, 5.0, 5.0), mode="nearest", truncate=4)
    torch.testing.assert_close(gaussian_blur(image, 5.0), torch.from_numpy(oracle), atol=1e-5, rtol=0)


def test_products_of_gradients_by_cells_are_their_means_over_the_cells():
    source, target = torch.rand(2, 2, 3, 24, 16)
    by_pixels = gradient_products(source, target, per_pixel=(1.5, 2.0))
    by_cells = gradient_products(source, target, per_pixel=(1.5, 2.0), cell=4)
    torch.testing.assert_close(by_cells, torch.nn.functional.avg_pool2d(by_pixels, 4), atol=1e-6, rtol=0)


def test_composition_is_warping_twice():
    image = smooth_image(40, 40)
    x, y = identity_grid(40, 40)
    first = torch.stack([torch.sin(y / 6), torch.cos(x / 6)])[None]
    second = torch.stack([torch.cos(x / 9), torch.sin(y / 9)])[None]
    difference = warp(image, compose(first, second)) - warp(warp(image, second), first)
    assert difference[..., 4:-4, 4:-4].abs().max() < 0.02


def test_jacobian_of_a_linear_map_and_of_a_fold():
    x, y = identity_grid(8, 9)
    flow = torch.stack([0.5 * x + 0.1 * y, 0.2 * x - 0.25 * y])[None]
    expected = 1.5 * 0.75 - 0.1 * 0.2
    torch.testing.assert_close(jacobian_determinant(flow), torch.full((1, 7, 8), expected), atol=1e-4, rtol=0)
    assert jacobian_determinant(torch.stack([-2 * x, 0 * y])[None]).max() < 0


def test_end_point_error_is_the_length_of_the_difference():
    flow = torch.zeros(1, 2, 3, 3)
    flow[:, 0], flow[:, 1] = 3, 4
    assert end_point_error(flow, torch.zeros_like(flow)).eq(5).all()


def test_a_flow_of_another_size_is_refused():
    with pytest.raises(ValueError, match="expected a flow of shape 1 2 8 8"):
        warp(torch.rand(1, 3, 8, 8), torch.zeros(1, 2, 4, 4))


def test_resizing_keeps_its_precision_under_autocast():
    image = torch.rand(1, 2, 32, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        small = resize_image(image, (16, 16))
    assert small.equal(resize_image(image, (16, 16)))
