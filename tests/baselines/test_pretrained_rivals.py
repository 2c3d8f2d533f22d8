from dataclasses import replace

import pytest
import torch

from selfme_lib.baselines import pretrained
from selfme_lib.baselines.pretrained import PretrainedRival, load_rival, save_rival
from selfme_lib.runtime.errors import DataError

METHODS = ("off_apexnet", "ststnet")


@pytest.mark.parametrize("method", METHODS)
def test_what_the_last_layer_reads_gives_what_the_network_says(method):
    torch.manual_seed(0)
    rival, motion = PretrainedRival(method, targets=7).eval(), torch.randn(3, 2, 64, 64)
    read = rival.describe_regions(motion)
    assert read.shape[:2] == (3, 1)
    torch.testing.assert_close(rival.last(read[:, 0]), rival(motion))
    assert rival(motion).shape == (3, 7)


@pytest.mark.parametrize("method", METHODS)
def test_weights_come_back_in_half_precision(method, tmp_path):
    rival, motion = PretrainedRival(method, targets=7).eval(), torch.randn(3, 2, 64, 64)
    save_rival(rival, tmp_path / "weights.safetensors", recipe="none")
    torch.testing.assert_close(
        load_rival(tmp_path / "weights.safetensors")(motion), rival(motion), rtol=0.02, atol=0.02
    )
    (tmp_path / "weights.safetensors").write_bytes(b"0" * 64)
    with pytest.raises(DataError, match=r"weights.safetensors: not a pre-trained rival"):
        load_rival(tmp_path / "weights.safetensors")


@pytest.mark.parametrize("method", METHODS)
def test_those_that_come_with_the_package_see_motion(method):
    """Another motion of another strength is described differently, and no motion is described alike for everybody."""
    rival = load_rival(pretrained.shipped(method))
    still, moved = torch.zeros(2, 2, 64, 64), torch.zeros(2, 2, 64, 64)
    moved[0, 1, 16:24, 12:28], moved[1, 1, 44:52, 20:44] = -1.0, -1.0  # a brow, a mouth
    with torch.no_grad():
        calm, active = rival.describe_regions(still)[:, 0], rival.describe_regions(moved)[:, 0]
    torch.testing.assert_close(calm[0], calm[1])
    assert (active - calm).norm(dim=1).min() > 0.1 and (active[0] - active[1]).norm() > 0.1
    assert pretrained.shipped(method).stat().st_size <= 12e6


def test_those_of_scvit_that_come_with_the_package_load_and_are_small():
    from selfme_lib.classifier import checkpoint, frozen
    from selfme_lib.study.classifier_pretraining import SCVIT

    for init, path in checkpoint.SHIPPED.items():
        network = frozen.trunk(replace(SCVIT, init=init, trained="linear"))
        assert network.read is not None and path.stat().st_size <= 12e6
        assert frozen.PENALTIES[init].c > 0
