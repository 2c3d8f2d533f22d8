import numpy as np
import pytest
import torch

from data import recordings, trees
from selfme_lib.data import Clip, load_clips, load_onset_apex, read_clip_frame
from selfme_lib.data.frame_cache import FrameCache
from selfme_lib.plots.montage import to_bytes
from selfme_lib.synthme.truth import Truth
from selfme_lib.widgets import ClipFrames, WholeClips
from selfme_lib.widgets import clips as widget_clips


def clip_of(subject, name):
    return Clip(
        dataset="casme2", subject=subject, name=name, frames=(), frame_numbers=(), onset=1, apex=2, offset=3,
        emotion="", label=0, action_units="", fps=200.0,
    )  # fmt: skip


def test_frames_of_a_data_set_are_read_on_demand(monkeypatch):
    asked = []

    def load(clips, size):
        asked.append(clips[0].key)
        return torch.rand(1, 3, size, size), torch.rand(1, 3, size, size)

    monkeypatch.setattr(widget_clips, "load_onset_apex", load)
    frames = ClipFrames([clip_of("01", f"EP0{number}") for number in range(3)], 32)
    assert list(frames) == ["01/EP00", "01/EP01", "01/EP02"] and asked == []
    frames["01/EP02"]
    assert asked == ["01/EP02"]


def test_an_explorer_crops_the_faces_of_the_clip_it_shows(tmp_path):
    clips = load_clips("samm", recordings.samm(tmp_path / "samm"))
    onset, apex = ClipFrames(clips, 48, FrameCache(tmp_path, 48))[clips[1].key]
    expected = load_onset_apex(FrameCache(tmp_path, 48).with_aligned(clips), 48)
    assert torch.equal(onset, expected[0][1]) and torch.equal(apex, expected[1][1])
    assert not torch.equal(onset, ClipFrames(clips, 48)[clips[1].key][0])


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    rows = [trees.Row("01", "EP02_01f", 46, 59, 61, "6+12", "happiness", range(40, 62))]
    (clip,) = load_clips("casme2", trees.casme2(tmp_path_factory.mktemp("casme2"), rows=rows))
    return clip


def test_a_whole_clip_is_named_by_emotion_and_units(clip):
    whole = WholeClips([clip], 32)
    (name,) = whole
    assert name == "01/EP02_01f · happiness · AU 6+12"
    take = whole[name]
    assert take.frames.shape == (22, 32, 32, 3) and (take.onset, take.apex, take.offset) == (6, 19, 21)
    assert np.array_equal(take.frames[6], to_bytes(read_clip_frame(clip, 46, 32)))
    assert take.about == "happiness, AU 6+12" and take.rate == 200


def test_a_long_clip_is_shown_from_onset_to_offset_and_thinned_out(clip, monkeypatch):
    monkeypatch.setattr(widget_clips, "MOST_FRAMES", 8)
    take = next(iter(WholeClips([clip], 32).values()))
    assert len(take.frames) <= 8 and take.onset == 0 and take.offset == len(take.frames) - 1
    assert np.array_equal(take.frames[take.apex], to_bytes(read_clip_frame(clip, 59, 32)))


def test_blinks_are_marked_where_the_truth_is_known(clip):
    intensity = torch.zeros(22, 3)
    intensity[5, 1], intensity[7, 2], intensity[9, 0] = 0.9, 0.5, 1.0
    known = object.__new__(Truth)  # its motion is not asked for
    known.__dict__.update(au_names=("L12", "L45", "R45"), au_intensity=intensity)
    assert next(iter(WholeClips([clip], 32, truth=lambda _: known).values())).blinks == (5, 7)
    assert next(iter(WholeClips([clip], 32).values())).blinks == ()
