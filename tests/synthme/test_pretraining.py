import shutil

import numpy as np
import pytest

from selfme_lib.runtime.errors import DataError
from selfme_lib.synthme import pretraining as module
from selfme_lib.synthme import render_pairs

BLACK = np.zeros((32, 32, 3))
REQUEST = {"pairs_per_identity": 2, "size": 32, "seed": 1}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return render_pairs(tmp_path_factory.mktemp("faces") / "pairs.npy", [3, 5], workers=1, **REQUEST)


def test_pairs_are_two_states_of_one_person(pairs):
    frames = np.load(pairs, allow_pickle=False).astype(float)
    assert frames.shape == (4, 2, 32, 32, 3)
    within = np.abs(frames[:, 0] - frames[:, 1]).mean((1, 2, 3))
    between = np.abs(frames[:2, 0] - frames[2:, 0]).mean((1, 2, 3))
    assert (within > 0.5).all()
    assert within.max() < between.min()


def test_two_processes_write_the_same_bytes(pairs, tmp_path):
    again = render_pairs(tmp_path / "pairs.npy", [3, 5], workers=2, **REQUEST)
    assert again.read_bytes() == pairs.read_bytes()


def test_an_interrupted_run_resumes(pairs, tmp_path, monkeypatch):
    from selfme_lib.synthme import pretraining

    real = pretraining._render_person

    def only(allowed):
        return lambda path, index, *rest: real(path, index, *rest) if index == allowed else 1 / 0

    monkeypatch.setattr(pretraining, "_render_person", only(0))
    with pytest.raises(ZeroDivisionError):
        render_pairs(tmp_path / "pairs.npy", [3, 5], workers=1, **REQUEST)
    assert not (tmp_path / "pairs.npy").exists()
    monkeypatch.setattr(pretraining, "_render_person", only(1))
    again = render_pairs(tmp_path / "pairs.npy", [3, 5], workers=1, **REQUEST)
    assert again.read_bytes() == pairs.read_bytes()
    assert render_pairs(again, [3, 5], workers=1, **REQUEST) == again  # nothing left to do


@pytest.mark.parametrize("damaged", ["pairs.npy", "pairs.json"])
def test_a_damaged_file_is_made_anew(pairs, tmp_path, damaged):
    for path in pairs.parent.glob("pairs.*"):
        shutil.copy(path, tmp_path)
    content = bytearray((tmp_path / damaged).read_bytes())
    content[-200] ^= 1
    (tmp_path / damaged).write_bytes(content)
    again = render_pairs(tmp_path / "pairs.npy", [3, 5], workers=1, **REQUEST)
    assert again.read_bytes() == pairs.read_bytes()


@pytest.mark.parametrize("damage", ["transposed", "cut", "a person"])
def test_people_damaged_while_a_run_rested_are_rendered_again(pairs, tmp_path, damage):
    shutil.copy(pairs.with_suffix(".json"), tmp_path)  # everybody is finished but for the last renaming
    frames, partial = np.load(pairs, allow_pickle=False), tmp_path / "pairs.partial.npy"
    if damage == "a person":
        frames[3] = 0
    np.save(partial, frames.swapaxes(0, 1) if damage == "transposed" else frames)
    if damage == "cut":
        partial.write_bytes(partial.read_bytes()[:-100])
    again = render_pairs(tmp_path / "pairs.npy", [3, 5], workers=1, **REQUEST)
    assert again.read_bytes() == pairs.read_bytes()


def test_other_arguments_are_refused(pairs):
    with pytest.raises(DataError, match="other arguments"):
        render_pairs(pairs, [3, 6], workers=1, **REQUEST)


@pytest.mark.parametrize("world", ["synthme-1", "home"])
def test_unit_motions_are_those_of_the_states_that_are_rendered(world, monkeypatch):
    found = module.unit_motions([3, 5], pairs_per_identity=4, seed=1, world=world)
    assert found.shape == (8, len(module.MOVING_UNITS), 2) and found.dtype == np.float32
    renderers = {person: module.set_up(module.make_face(module._person(person, world)), 32) for person in (3, 5)}
    for row, (person, pair) in zip(found, [(3, 0), (3, 1), (3, 2), (3, 3), (5, 0), (5, 1), (5, 2), (5, 3)]):
        renderer, shown = renderers[person], []
        monkeypatch.setattr(
            renderer, "render", lambda expression, _pose, *, shot, shown=shown: shown.append(expression) or BLACK
        )
        module.draw_pair(renderer, module._generator(1, person, pair))
        before, after = (state.action_units for state in shown)
        for unit, motion in zip(module.MOVING_UNITS, row):
            change = np.subtract(after.get(unit, (0, 0)), before.get(unit, (0, 0)))
            np.testing.assert_array_equal(np.sign(motion), np.sign(change).astype(np.float32))
    assert np.abs(found).max(axis=(1, 2)).min() > 0.1 and np.abs(found).max() < 2.5 * module.LARGEST_PEAK
