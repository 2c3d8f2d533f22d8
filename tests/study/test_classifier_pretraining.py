import numpy as np
import pytest
import torch

from selfme_lib.study import classifier_pretraining
from selfme_lib.study.classifier_pretraining import FRAME, LATTICE
from selfme_lib.study.motion_methods import MotionMethod


@pytest.fixture
def faces(tmp_path):
    """Frames as `render_pairs` leaves them, of three pairs."""
    path = tmp_path / "faces.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (3, 2, FRAME, FRAME, 3), np.uint8))
    path.with_suffix(".json").write_text("{}")
    return path


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_motions_do_not_depend_on_the_number_of_threads(faces, three_threads, monkeypatch):
    def as_long_as_there_are_threads(onset, apex):
        return torch.full((len(onset), 2, FRAME, FRAME), float(torch.get_num_threads()))

    monkeypatch.setattr(
        classifier_pretraining, "method_of", lambda name, *, device: MotionMethod(as_long_as_there_are_threads)
    )
    found = classifier_pretraining._motions(faces.parent, faces, "plus", "cpu")
    one = (LATTICE - 1) / (FRAME - 1)  # a flow of 1 px, in pixels of the smaller lattice
    np.testing.assert_allclose(found, np.full((3, 2, LATTICE, LATTICE), one), rtol=1e-3)
    assert torch.get_num_threads() == 3, "others have their threads back"
