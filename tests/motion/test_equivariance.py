import pytest
import torch
from kornia.geometry.transform import get_tps_transform, warp_image_tps

from selfme_lib.grids import gaussian_blur, identity_grid, to_normalised
from selfme_lib.motion.equivariance import (
    RandomTransform,
    dense_equivariance_loss,
    equivariance_loss,
    random_displacement,
)


def blob(points, side=96):
    """An image with a bright blob at each normalised point."""
    places = to_normalised(identity_grid(side, side).permute(1, 2, 0), side, side)
    return torch.exp(-(places - points[:, None, None]).square().sum(-1) / 0.005).sum(0)[None, None]


def centre(image):
    side = image.shape[-1]
    places = to_normalised(identity_grid(side, side).permute(1, 2, 0), side, side)
    return (image[0, 0, ..., None] * places).sum((0, 1)) / image.sum()


def test_perfect_keypoints_have_no_equivariance_loss_and_the_printed_order_has():
    """A blob's centre of mass is a keypoint that moves as the picture does."""
    generator = torch.Generator().manual_seed(2)
    transform = RandomTransform(1, affine=0.1, spline=0.02, generator=generator)
    image = blob(torch.tensor([[0.35, -0.3]]))
    original, transformed = centre(image)[None, None], centre(transform.transform_frame(image))[None, None]
    assert equivariance_loss(transformed, original, transform) < 2e-3
    printed = (transformed - transform(original)).abs().mean()
    assert printed > 0.02


def test_transform_of_a_frame_is_kornias_tps():
    """Kornia evaluates the spline at every pixel, we at every fourth: on 96 pixels the pictures are the same."""
    transform = RandomTransform(2, affine=0.0, spline=0.02, generator=torch.Generator().manual_seed(0))
    image = gaussian_blur(torch.rand(2, 1, 96, 96), 1.5)
    weights = get_tps_transform(transform.control, transform.moved)
    oracle = warp_image_tps(image, transform.moved, *weights, align_corners=True)
    inside = (..., slice(6, -6), slice(6, -6))  # kornia pads with zeros, we with the border
    torch.testing.assert_close(transform.transform_frame(image)[inside], oracle[inside], atol=8e-3, rtol=0)
    assert (image - oracle)[inside].abs().max() > 0.05


def test_without_noise_the_transform_is_the_identity():
    points = torch.rand(3, 7, 2) * 2 - 1
    torch.testing.assert_close(RandomTransform(3, affine=0, spline=0)(points), points, atol=1e-4, rtol=0)


def test_displacements_are_smooth_as_small_as_asked_and_the_same_for_one_seed():
    peak = (0.5 / 64, 2 / 64)
    flow = random_displacement(64, 64, torch.Generator().manual_seed(0), peak=peak)
    assert torch.equal(flow, random_displacement(64, 64, torch.Generator().manual_seed(0), peak=peak))
    longest = flow.norm(dim=1).amax((1, 2))
    assert longest.max() < 64 * peak[1] + 2.5 and longest.median() > 0.3  # a turn, a zoom and a shift come on top
    steps = torch.cat([flow.diff(dim=2).abs().flatten(), flow.diff(dim=3).abs().flatten()])
    assert steps.median() < 0.05
    corners = flow[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].norm(dim=1).amax(1)
    assert 0.4 < (corners < 0.02).float().mean() < 0.95  # most backgrounds stand still, some move


def test_dense_equivariance_is_zero_for_the_map_itself_and_the_mean_error_for_a_constant_one():
    displacement = random_displacement(2, 32, torch.Generator().manual_seed(1))
    assert dense_equivariance_loss(displacement, displacement) < 6e-3
    constant = torch.ones(1, 2, 8, 8)
    shifted = constant + torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)
    assert dense_equivariance_loss(shifted, constant).item() == pytest.approx(1.5 * 500 / 8, rel=1e-4)


def test_an_error_counts_more_where_something_moves():
    displacement = torch.zeros(1, 2, 8, 8)
    displacement[..., :4, :] = 1.0
    moving, still = displacement.clone(), displacement.clone()
    moving[..., :4, :] += 0.5
    still[..., 4:, :] += 0.5
    assert dense_equivariance_loss(moving, displacement) > 1.5 * dense_equivariance_loss(still, displacement)
