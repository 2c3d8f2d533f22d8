import pytest
import torch

from selfme_lib.flow import CLASSICAL
from selfme_lib.grids import resize_flow
from selfme_lib.motion import checkpoint
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.motion.forms import FORMS, motion_by
from selfme_lib.runtime.errors import DataError

FRAMES = torch.rand(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_lucas_and_kanade_are_multiplied():
    wanted = 3 * CLASSICAL["lucas_kanade"](*FRAMES)
    assert torch.equal(motion_by("lucas-kanade")(*FRAMES, 3.0), wanted)


@pytest.mark.parametrize("form", ["plus", "printed"])
def test_learned_forms_are_amplified_before_the_exponential(form):
    dense = checkpoint.load_estimator(checkpoint.SHIPPED_FORMS[form]).dense_motion(*FRAMES)
    assert torch.equal(motion_by(form)(*FRAMES, 2.0), diffeomorphic_motion(dense, (64, 64), gamma=2.0))
    raw = motion_by(form, bspline=False)(*FRAMES, 2.0)
    torch.testing.assert_close(raw, 2.0 * resize_flow(dense, (64, 64)))


@pytest.mark.parametrize("form", FORMS)
def test_no_motion_between_equal_frames(form):
    smooth = torch.nn.functional.interpolate(FRAMES[:1, 0, :, ::8, ::8], (64, 64), mode="bicubic").clamp(0, 1)
    assert motion_by(form)(smooth, smooth, 1.0).abs().max() < 0.5


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.safetensors: no such checkpoint"):
        motion_by("plus", checkpoint=tmp_path / "none.safetensors")
