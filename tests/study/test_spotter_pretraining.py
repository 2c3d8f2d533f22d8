"""`selfme pretrain --stage spotter` and `--stage expressions`, as small as they can be."""

from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from selfme_lib.app.cli import app
from selfme_lib.classifier.expressions import load_recogniser
from selfme_lib.classifier.pretraining import ClassifierPretraining
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.spotting.network import SpotterConfig
from selfme_lib.spotting.spotter import load_spotter
from selfme_lib.spotting.training import SpotterTraining
from selfme_lib.study import expression_training, spotter_pretraining
from selfme_lib.study import study as study_module
from selfme_lib.study.classifier_pretraining import ClassifierRecipe
from selfme_lib.study.expression_training import ExpressionRecipe, train_expressions
from selfme_lib.study.spotter_pretraining import SpotterRecipe, pretrain_spotter
from selfme_lib.synthme.long_script import Behaviour

TINY = SpotterRecipe(
    motion="farneback_tuned",
    persons=3,
    validation_persons=1,
    seconds=3,
    behaviour=Behaviour(micro=40, macro=0, blink=60, empty=0),
    training=SpotterTraining(steps=4, batch_size=2, window=48),
    network=SpotterConfig(width=8, dilations=(1, 2)),
)


def test_a_spotter_is_made_and_the_same_call_gives_the_same(tmp_path):
    path = pretrain_spotter(tmp_path / "made", TINY, workers=1)
    spotter = load_spotter(path)
    assert spotter.network.config == TINY.network
    assert 0 < spotter.thresholds.micro <= 1 and 0 < spotter.thresholds.macro <= 1
    path.unlink()
    measured = sorted((tmp_path / "made/motions").glob("*.npz"))
    times = [one.stat().st_mtime_ns for one in measured]
    assert len(measured) == 3
    again = load_spotter(pretrain_spotter(tmp_path / "made", TINY, workers=1))
    assert again.thresholds == spotter.thresholds
    assert all(torch.equal(a, b) for a, b in zip(again.network.parameters(), spotter.network.parameters()))
    assert [one.stat().st_mtime_ns for one in measured] == times  # what was measured is not measured again
    with pytest.raises(DataError):  # other people in the same folder
        pretrain_spotter(tmp_path / "made", SpotterRecipe(persons=4, validation_persons=1, seconds=3), workers=1)


def test_people_who_teach_and_people_who_choose_are_not_the_same():
    with pytest.raises(ValueError, match="leave none to train on"):
        SpotterRecipe(persons=3, validation_persons=3)


def test_an_unknown_motion_is_a_wrong_call(tmp_path):
    with pytest.raises(UsageError, match="motion nobody: one of plus"):
        spotter_pretraining.method_of("nobody")
    told = CliRunner().invoke(app, ["pretrain", str(tmp_path / "x"), "--stage", "spotter", "--motion", "nobody"])
    assert isinstance(told.exception, UsageError) or told.exit_code == 2
    told = CliRunner().invoke(app, ["pretrain", str(tmp_path / "x"), "--stage", "spotter", "--task", "units"])
    assert isinstance(told.exception, UsageError) or told.exit_code == 2
    assert not (tmp_path / "x").exists()


def test_the_models_behind_the_trunk_are_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(study_module, "DATA", tmp_path)
    pairs = ClassifierRecipe(persons=4, validation_persons=2, pairs=2, training=ClassifierPretraining(steps=1))
    recipe = ExpressionRecipe(persons=expression_training.FOLDS, clips=2, pairs=pairs, told=-1e9)
    path = train_expressions(tmp_path / "made", recipe, workers=1)
    models = load_recogniser(path=path).models
    assert models.classes == ("negative", "positive", "surprise") and models.gamma == 2
    assert models.temperature > 0.05 and 0 < models.confidence <= 1
    assert {name[0] for name in models.units} <= {"L", "R"} and len(models.units) % 2 == 0
    with pytest.raises(DataError, match="no unit is foretold"):
        train_expressions(tmp_path / "made", replace(recipe, told=0.99), workers=1)
    assert "right on people left out" in capsys.readouterr().err
