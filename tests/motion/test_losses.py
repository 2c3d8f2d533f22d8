import pytest
import torch

from selfme_lib.grids import FLOOR, local_contrast
from selfme_lib.motion.losses import contrast_features, reconstruction_loss
from selfme_lib.motion.perceptual import features
from selfme_lib.runtime.errors import UsageError


@pytest.mark.parametrize(("floor", "changed"), [(0.0, 1e-4), (FLOOR, 0.03)])
def test_local_contrast_does_not_see_the_light_but_for_its_floor(floor, changed):
    image = torch.rand(1, 3, 48, 48)
    same = local_contrast(0.6 * image + 0.2, floor=floor)
    difference = (local_contrast(image, floor=floor) - same).abs().mean()
    assert difference < changed * same.abs().mean()


def test_local_contrast_is_that_of_a_standard_score_where_there_is_contrast_and_vanishes_with_it():
    stripes = (torch.arange(64) % 2).expand(1, 3, 64, 64).float()  # 0 and 1: mean a half, variance a quarter
    inside = local_contrast(stripes, 3.0, floor=0.0)[..., 20:44, 20:44]
    torch.testing.assert_close(inside.abs(), torch.ones_like(inside), atol=1e-3, rtol=0)
    faint = local_contrast(0.5 + 0.01 * stripes, 3.0, floor=0.005)[..., 20:44, 20:44]
    torch.testing.assert_close(
        faint.abs(), torch.full_like(faint, 0.005 / (0.005**2 + 0.005) ** 0.5), atol=1e-3, rtol=0
    )


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
