import torch

from data import recordings
from selfme_lib.data import load_clips, load_onset_apex
from selfme_lib.data.frame_cache import FrameCache
from selfme_lib.widgets import ClipFrames


def test_an_explorer_crops_the_faces_of_the_clip_it_shows(tmp_path):
    clips = load_clips("samm", recordings.samm(tmp_path / "samm"))
    onset, apex = ClipFrames(clips, 48, FrameCache(tmp_path, 48))[clips[1].key]
    expected = load_onset_apex(FrameCache(tmp_path, 48).with_aligned(clips), 48)
    assert torch.equal(onset, expected[0][1]) and torch.equal(apex, expected[1][1])
    assert not torch.equal(onset, ClipFrames(clips, 48)[clips[1].key][0])
