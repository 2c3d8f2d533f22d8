import pytest
import torch
from kornia.geometry.transform import get_tps_transform, warp_image_tps

from selfme_lib.errors import UsageError
from selfme_lib.grids import identity_grid, to_normalised
from selfme_lib.motion.losses import (
    RandomTransform,
    contrast_features,
    equivariance_loss,
    local_contrast,
    reconstruction_loss,
)
from selfme_lib.motion.perceptual import features


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
    transform = RandomTransform(2, affine=0.0, spline=0.05, generator=torch.Generator().manual_seed(0))
    image = torch.rand(2, 1, 24, 24)
    weights = get_tps_transform(transform.control, transform.moved)
    oracle = warp_image_tps(image, transform.moved, *weights, align_corners=True)
    inside = (..., slice(3, -3), slice(3, -3))  # kornia pads with zeros, we with the border
    torch.testing.assert_close(transform.transform_frame(image)[inside], oracle[inside], atol=1e-4, rtol=0)


def test_without_noise_the_transform_is_the_identity():
    points = torch.rand(3, 7, 2) * 2 - 1
    torch.testing.assert_close(RandomTransform(3, affine=0, spline=0)(points), points, atol=1e-4, rtol=0)


def test_local_contrast_does_not_see_the_light():
    image = torch.rand(1, 3, 48, 48)
    same = local_contrast(0.6 * image + 0.2)
    difference = (local_contrast(image) - same).abs().mean()
    assert difference < 0.03 * local_contrast(image).abs().mean()


@pytest.mark.parametrize("name", ["contrast", "vgg19-random"])
def test_reconstruction_is_zero_for_the_target_and_grows_with_the_error(name):
    maps = features(name, taps=2)
    target = torch.rand(1, 3, 32, 32)
    near, far = target + 0.02 * torch.randn_like(target), target + 0.2 * torch.randn_like(target)
    losses = [reconstruction_loss(maps, picture, target, (1, 0.5)) for picture in (target, near, far)]
    assert losses[0] == 0 < losses[1] < losses[2]


def test_reconstruction_sums_means_over_scales_and_maps():
    target, prediction = torch.zeros(1, 3, 16, 16), torch.full((1, 3, 16, 16), 0.25)
    assert reconstruction_loss(lambda x: [x, 2 * x], prediction, target, (1, 0.5)) == pytest.approx(2 * 0.75)


def test_random_vgg_is_the_same_every_time_and_leaves_the_random_state_alone():
    state = torch.get_rng_state()
    one, two = features("vgg19-random", taps=1), features("vgg19-random", taps=1)
    assert torch.equal(state, torch.get_rng_state())
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(one(image)[0], two(image)[0]) and one(image)[0].shape == (1, 64, 16, 16)


def test_features_need_a_known_name():
    with pytest.raises(UsageError, match="contrast, vgg19"):
        features("vgg18")


def test_contrast_features_carry_gradients():
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    sum(m.sum() for m in contrast_features(image)).backward()
    assert image.grad.abs().sum() > 0
