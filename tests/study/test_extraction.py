from dataclasses import replace

import pytest
import torch

from selfme_lib.data import load_clips
from selfme_lib.runtime.errors import DataError
from selfme_lib.study import extraction
from selfme_lib.synthme import SynthConfig, write_dataset

SIZE = 32


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Several batches, and a share that is not a whole one; of each clip the two frames that are needed."""
    config = SynthConfig(subjects=1, clips=5, size=SIZE, ends=True)
    return load_clips("synthme", write_dataset(tmp_path_factory.mktemp("synthme"), config, workers=1)) * 11


@pytest.fixture
def measured_here(monkeypatch):
    """How many clips this process measures at a time."""
    load, counts = extraction.load_onset_apex, []

    def watch(some, size):
        counts.append(len(some))
        return load(some, size)

    monkeypatch.setattr(extraction, "load_onset_apex", watch)
    return counts


def test_what_takes_long_is_shared_and_stays_the_same_to_the_last_bit(clips, measured_here, monkeypatch):
    alone = extraction.extract("farneback", clips, size=SIZE, workers=2)  # too quick to be worth it
    assert measured_here == [16, 16, 16, 7] and alone[:5].unique(dim=0).shape[0] == 5
    monkeypatch.setattr(extraction, "PATIENCE", -1.0)
    measured_here.clear()
    assert torch.equal(extraction.extract("farneback", clips, size=SIZE, workers=2), alone)
    assert measured_here == [16]


def test_a_clip_that_cannot_be_measured_is_named_by_a_worker_too(clips, monkeypatch):
    monkeypatch.setattr(extraction, "PATIENCE", -1.0)
    broken = [*clips[:-1], replace(clips[-1], apex=None)]
    with pytest.raises(DataError, match="labels no apex frame; choose one by a rule"):
        extraction.extract("farneback", broken, size=SIZE, workers=2)
