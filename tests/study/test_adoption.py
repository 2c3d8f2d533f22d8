import shutil

import numpy as np
import pytest
import torch

from selfme_lib.runtime.files import write_json
from selfme_lib.study import adoption, profiles
from selfme_lib.study.adoption import adopt
from selfme_lib.study.run_folder import RunFolder
from selfme_lib.study.store import stored_array
from selfme_lib.study.study import Study


def refuse():
    raise AssertionError("computed again")


@pytest.fixture
def runs(tmp_path):
    """A folder of runs with one of the smoke profile, as `selfme reproduce` leaves it: a motion, a fold, a state, a lock."""
    run = RunFolder(tmp_path / "smoke")
    write_json(run.profile, profiles.to_dict(profiles.load("smoke")))
    stored_array(run.fields / "selfme-1.npy", lambda: torch.ones(2))
    for name in ("fold-a-1.json", "progress.json"):
        write_json(run.folds / name, {})
    run.checkpoints.mkdir()
    (run.checkpoints / "motion-1.state").write_bytes(b"half-trained")
    return tmp_path


def test_what_a_run_of_the_same_profile_has_computed_is_not_computed_again(runs, capsys):
    study = Study.open("smoke", runs / "lab", seed=3)
    assert "takes over 2 motions, folds and networks from the run smoke" in capsys.readouterr().out
    assert stored_array(study.run.fields / "selfme-1.npy", refuse).tolist() == [1, 1]
    assert [path.name for path in study.run.folds.iterdir()] == ["fold-a-1.json"]
    assert not study.run.checkpoints.exists(), "a training that is going on is not taken over"
    Study.open("smoke", runs / "lab")
    assert capsys.readouterr().out == "", "there is nothing more to take over"


def test_a_file_that_is_made_anew_leaves_the_other_run_alone(runs):
    adopt(RunFolder(runs / "lab"), "smoke")
    own, other = (RunFolder(runs / name).fields / "selfme-1.npy" for name in ("lab", "smoke"))
    before = other.read_bytes()
    np.save(own.with_suffix(".tmp.npy"), np.zeros(3))
    own.unlink()
    stored_array(own, lambda: torch.zeros(3))
    assert stored_array(own, refuse).tolist() == [0, 0, 0] and other.read_bytes() == before


def test_own_files_stay_and_a_disk_without_links_gets_copies(runs, monkeypatch):
    lab = RunFolder(runs / "lab")
    stored_array(lab.fields / "selfme-1.npy", lambda: torch.zeros(2))

    def no_links(*_):
        raise OSError("not here")

    monkeypatch.setattr(adoption.os, "link", no_links)
    assert adopt(lab, "smoke") == {"smoke": 1}
    assert stored_array(lab.fields / "selfme-1.npy", refuse).tolist() == [0, 0]
    assert (lab.folds / "fold-a-1.json").read_bytes() == (runs / "smoke" / "folds" / "fold-a-1.json").read_bytes()


def test_a_run_that_is_to_compute_adopts_nothing_and_other_profiles_are_left_alone(runs):
    verify, point = RunFolder(runs / "verify"), runs / "point"
    shutil.copytree(runs / "smoke", verify.path)
    shutil.rmtree(verify.fields)
    assert adopt(verify, "smoke") == {}, "else `make verify` would compare the run with itself"
    write_json(point / "shared.json", "../shared")
    assert adopt(RunFolder(point), "smoke") == {}
    assert adopt(RunFolder(runs / "lab"), "quick") == {}
    assert not (runs / "lab").exists()


def test_a_damaged_run_beside_it_is_passed_over_with_a_warning(runs, caplog):
    (runs / "broken").mkdir()
    (runs / "broken" / "profile.json").write_text("{")
    assert adopt(RunFolder(runs / "lab"), "smoke") == {"smoke": 2}
    assert "broken" in caplog.text
