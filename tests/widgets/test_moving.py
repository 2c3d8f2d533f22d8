import numpy as np
import pytest
import torch
from explorer_samples import CLIPS, scene

from selfme_lib.motion.checkpoint import PLUS, load_estimator
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.runtime.errors import UsageError
from selfme_lib.synthme.identity import POPULATIONS
from selfme_lib.synthme.studio import film
from selfme_lib.widgets.moving import MOST_FRAMES, STEPS, MovingClip, Take, follow, pack, pair, unpack
from selfme_lib.widgets.samples import load_samples


class Growing:
    """Finds a shift to the right that is as long as the later frame is bright."""

    def dense_motion(self, onset, apex):
        return apex.mean((1, 2, 3))[:, None, None, None] * torch.tensor([1.0, 0.0])[:, None, None].expand(2, 8, 8)


def take(levels, **known):
    frames = np.stack([np.full((16, 16, 3), level, np.uint8) for level in levels])
    return Take(frames=frames, **known)


def test_motion_leads_from_the_onset_to_each_frame_and_the_longest_is_the_apex():
    clip = follow(take([0, 51, 255, 102] * 3), Growing())
    torch.testing.assert_close(clip.motion[:, 0].amax((1, 2)), torch.tensor([0.0, 0.2, 1.0, 0.4] * 3))
    assert clip.apex == 2 and clip.moments() == [(place, 1.0) for place in range(12)]
    assert follow(take([0, 51, 255, 102], apex=3), Growing()).apex == 3, "a labelled one stays"
    assert follow(take([0, 0, 0]), Growing()).apex != 0, "the onset is no apex even if nothing moves"


@pytest.mark.parametrize("count", [1, MOST_FRAMES + 1])
def test_too_few_or_too_many_frames(count):
    with pytest.raises(UsageError, match="expected 2 to"):
        follow(take([0] * count), Growing())


def test_a_pair_moves_from_onset_to_apex_and_back():
    clip = pair(torch.zeros(3, 16, 16), torch.full((3, 16, 16), 0.5), Growing())
    shares = [share for _, share in clip.moments()]
    assert len(shares) == STEPS and shares[0] == 0 and max(shares) == 1 and shares[1:] == pytest.approx(shares[:0:-1])
    expected = diffeomorphic_motion(clip.motion[1:], (16, 16), gamma=4.0)[0]
    assert torch.equal(clip.amplified(1, 4.0), expected)


def test_packing_loses_less_than_can_be_seen():
    motion, truth = (
        torch.randn(3, 2, 8, 8) * torch.tensor([0.0, 1.0, 5.0])[:, None, None, None],
        torch.randn(3, 2, 5, 5),
    )
    ramp = np.broadcast_to(np.linspace(0, 255, 32).astype(np.uint8)[:, None, None], (3, 32, 32, 3))
    known = {"onset": 1, "apex": 2, "offset": None, "about": "happiness", "rate": 200.0, "blinks": (0, 2)}
    clip = MovingClip(frames=ramp, motion=motion, truth=truth, **known)
    again = unpack(*pack(clip))
    for name, value in known.items():
        assert getattr(again, name) == value
    assert (again.frames.astype(int) - ramp).max() <= 4
    largest = motion.abs().amax((1, 2, 3))
    assert ((again.motion - motion).abs().amax((1, 2, 3)) <= largest / 250 + 1e-6).all()
    assert (again.truth - truth).abs().max() <= truth.abs().max() / 250
    assert unpack(*pack(MovingClip(frames=ramp, motion=motion, apex=2))).truth is None


def test_truth_that_is_not_known_is_not_shown():
    with pytest.raises(UsageError, match="not known"):
        pair(torch.zeros(3, 16, 16), torch.ones(3, 16, 16), Growing()).amplified(1, 1.0, truth=True)


def test_samples_hold_what_selfme_plus_finds():
    """Their motion was found in frames before JPEG, so it differs a little."""
    clips = {name: unpack(*packed) for name, packed in load_samples().items()}
    assert len(clips) >= 3 and any(clip.blinks for clip in clips.values())
    for clip in clips.values():
        assert "AU" in clip.about and clip.truth is not None and clip.onset < clip.apex < clip.offset
    clip = next(iter(clips.values()))
    onset, apex = (clip.frame(place)[None] for place in (clip.onset, clip.apex))
    found = load_estimator(PLUS).dense_motion(onset, apex)[0]
    assert (found - clip.motion[clip.apex]).norm(dim=0).mean() < 0.1 * found.norm(dim=0).max()


def test_samples_are_what_the_tool_films():
    """Of each clip one frame is filmed again; in the file it is a JPEG."""
    assert list(load_samples()) == list(CLIPS)
    for how, packed in zip(CLIPS.values(), load_samples().values()):
        (renderer, script), clip = scene(*how), unpack(*packed)
        assert renderer.identity.world == "home" and renderer.identity.key[0] == POPULATIONS["choice"]
        assert clip.about == f"{script.emotion}, AU {script.action_units}" and len(clip.frames) == len(script)
        assert (clip.onset, clip.apex, clip.offset) == (script.onset, script.apex, script.offset)
        assert bool(clip.blinks) == (how[3] > 0)
        ((_, frame),) = film(renderer, script, wanted=[script.onset])
        assert np.abs(frame.astype(float) - clip.frames[clip.onset]).mean() < 4
