import re
from dataclasses import replace

import pytest
import torch

from data import trees
from selfme_lib.app import cli
from selfme_lib.data import examine, load_clips
from selfme_lib.data.features import load_features
from selfme_lib.grids import optical_strain
from selfme_lib.runtime.errors import DataError
from selfme_lib.study.feature_pictures import write_feature_pictures


@pytest.fixture
def clips(tmp_path):
    found = load_clips("casme2", trees.casme2(tmp_path / "casme2"))
    return [*found[:-1], replace(found[-1], subject="../x", name="=a b")]


def test_what_is_written_is_read_again_within_quantisation(tmp_path, clips):
    motion = torch.randn(len(clips), 2, 40, 40, generator=torch.Generator().manual_seed(0))
    table = write_feature_pictures(tmp_path / "out", clips, motion)
    assert examine("features", table.parent).errors == []
    read = load_clips("features", table.parent)
    order = {clip.frames[0].stem: place for place, clip in enumerate(read)}
    values = load_features(read, 40)
    places = [
        order[next(stem for stem in order if stem.startswith(clip.name.strip("=").replace(" ", "_")))] for clip in clips
    ]
    flow, strain = values[places, :2] * motion.abs().max(), values[places, 2:] * optical_strain(motion).max()
    assert (flow - motion).abs().max() <= 0.501 * motion.abs().max() / 127
    assert (strain - optical_strain(motion)).abs().max() <= 0.501 * optical_strain(motion).max() / 255
    assert [read[place].label for place in places] == [clip.label for clip in clips]
    assert all(path.resolve().is_relative_to(table.parent) for path in (tmp_path / "out").rglob("*"))


def test_no_motion_is_grey(tmp_path, clips):
    table = write_feature_pictures(tmp_path / "out", clips, torch.zeros(len(clips), 2, 28, 28))
    assert load_features(load_clips("features", table.parent), 28).abs().max() == 0


def test_a_folder_with_something_in_it_is_left_alone(tmp_path, clips):
    with pytest.raises(DataError, match="the folder is not empty"):
        write_feature_pictures(tmp_path, clips, torch.zeros(len(clips), 2, 28, 28))


def test_the_command_writes_a_data_set(tmp_path, monkeypatch, capfd):
    root = trees.casme2(tmp_path / "casme2")
    monkeypatch.chdir(tmp_path)
    options = ["--dataset", "casme2", "--root", str(root), "--method", "farneback", "--profile", "smoke"]
    assert cli.run(["features", "out", *options]) == 0
    assert re.search(r"labels\.csv: 6 clips, in [0-9.]+ s\n$", capfd.readouterr().err)
    assert len(load_clips("features", tmp_path / "out")) == 6
    assert cli.run(["features", "out", *options]) == 1
    assert "out: the folder is not empty" in capfd.readouterr().err
    assert cli.run(["features", "new", *options[:2], "--root", "nowhere"]) == 1
    assert cli.run(["features", "new", *options, "--method", "nonsense"]) == 2


def test_the_learned_motion_is_the_profiles_or_one_that_comes_with_the_package(tmp_path, monkeypatch):
    root = trees.casme2(tmp_path / "casme2")
    monkeypatch.chdir(tmp_path)
    for method in ("selfme", "plus", "printed"):  # the profile smoke takes plus
        options = ["--dataset", "casme2", "--root", str(root), "--profile", "smoke", "--method", method]
        assert cli.run(["features", method, *options]) == 0
    selfme, plus, printed = (
        load_features(load_clips("features", tmp_path / name), 28) for name in ("selfme", "plus", "printed")
    )
    assert torch.equal(selfme, plus) and not torch.equal(plus, printed)


def test_a_profile_whose_checkpoint_is_missing_is_named(tmp_path, monkeypatch, capfd):
    root = trees.casme2(tmp_path / "casme2")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("profile: smoke\nmotion: {checkpoint: lost.safetensors}\n")
    assert cli.run(["features", "out", "--dataset", "casme2", "--root", str(root), "--profile", "mine.yaml"]) == 1
    assert (
        "lost.safetensors: no such checkpoint of a motion learner; correct motion.checkpoint" in capfd.readouterr().err
    )
    assert not (tmp_path / "out").exists()
