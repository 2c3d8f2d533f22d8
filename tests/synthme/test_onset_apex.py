import shutil
from dataclasses import replace

import numpy as np
import pytest

from selfme_lib.data import load_clips, read_frame
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.synthme import SYNTHME_2, SynthConfig, onset_apex, read_onset_apex, render_onset_apex, write_dataset
from selfme_lib.synthme.truth import load_truth

SMALL = SynthConfig(subjects=2, clips=2, size=32, seed=4, world="home", difficulty=SYNTHME_2, population="choice")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    return render_onset_apex(tmp_path_factory.mktemp("pairs") / "made", SMALL, workers=1)


def test_it_is_what_the_whole_set_holds(rendered, tmp_path):
    root = write_dataset(tmp_path / "whole", SMALL, workers=1)
    found, clips = read_onset_apex(rendered), load_clips("synthme", root)
    assert list(zip(found.table["subject"], found.table["clip"])) == [(clip.subject, clip.name) for clip in clips]
    for row, clip in enumerate(clips):
        truth = load_truth(root, clip.subject, clip.name)
        for picture, path in ((found.onset[row], clip.onset_path), (found.apex[row], clip.apex_path)):
            np.testing.assert_array_equal(picture, (read_frame(path).permute(1, 2, 0) * 255).round().byte().numpy())
        np.testing.assert_array_equal(found.flow_backward[row], truth.flow_backward.numpy())
        np.testing.assert_array_equal(found.au_flow_backward[row], truth.au_flow_backward.numpy())
        np.testing.assert_array_equal(found.surface[row], truth.surface.numpy())
        np.testing.assert_array_equal(found.visible[row], truth.visible.numpy())
        labels = found.table.iloc[row]
        assert (labels["onset"], labels["apex"], labels["offset"]) == (clip.onset, clip.apex, clip.offset)
        assert labels["true_apex"] == truth.true_apex and labels["emotion"] == clip.emotion
        assert set(labels["action_units"].split("+")) <= {name.lstrip("LR") for name in truth.au_names} | set(
            truth.au_names
        )


def test_two_processes_write_the_same_bytes(rendered, tmp_path):
    assert contents(render_onset_apex(tmp_path / "again", SMALL, workers=2)) == contents(rendered)


def test_a_killed_run_resumes_with_what_is_missing(rendered, tmp_path, monkeypatch):
    real, asked = onset_apex._render_person, []

    def killed(path, config, clips):
        if asked:
            path.with_name(".sub02-0123456789ab.npz").write_bytes(b"half of it")
            raise KeyboardInterrupt
        asked.append(path.name)
        real(path, config, clips)

    monkeypatch.setattr(onset_apex, "_render_person", killed)
    with pytest.raises(KeyboardInterrupt):
        render_onset_apex(tmp_path / "again", SMALL, workers=1)
    with pytest.raises(DataError, match=r"sub02\.npz: missing, unfinished or damaged"):
        read_onset_apex(tmp_path / "again")
    assert len(read_onset_apex(tmp_path / "again", ["01"]).onset) == 2
    monkeypatch.setattr(onset_apex, "_render_person", lambda path, *rest: (asked.append(path.name), real(path, *rest)))
    render_onset_apex(tmp_path / "again", SMALL, workers=1)
    assert asked == ["sub01.npz", "sub02.npz"], "what was finished is kept"
    assert contents(tmp_path / "again") == contents(rendered)


def test_damaged_files_are_noticed_and_made_anew(rendered, tmp_path):
    again = shutil.copytree(rendered, tmp_path / "again")
    (again / "sub01.npz").write_bytes((again / "sub01.npz").read_bytes()[:-9])
    (again / "clips.csv").write_text("nothing")
    for subjects in (None, ["01"]):
        with pytest.raises(DataError, match="render the folder again"):
            read_onset_apex(again, subjects)
    assert contents(render_onset_apex(again, SMALL, workers=1)) == contents(rendered)
    with pytest.raises(DataError, match=r"sub07\.npz"):
        read_onset_apex(again, ["07"])


def test_other_folders_and_fresh_people_are_refused(rendered, tmp_path):
    with pytest.raises(DataError, match="other clips"):
        render_onset_apex(rendered, replace(SMALL, clips=1), workers=1)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="neither empty"):
        render_onset_apex(tmp_path, SMALL, workers=1)
    with pytest.raises(UsageError, match="final_tables"):
        render_onset_apex(tmp_path / "new", replace(SMALL, population="fresh"), workers=1)
    assert not (tmp_path / "new").exists()
