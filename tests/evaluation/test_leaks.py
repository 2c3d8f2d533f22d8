"""Nothing of a held-out subject reaches training, normalisation, pre-training or selection; and what does if one lets it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from selfme_lib.classifier.training import fit_predict, fit_predict_every_epoch, train_classifier
from selfme_lib.data import Clip
from selfme_lib.evaluation import leaks
from selfme_lib.evaluation.loso import Experiment, predictions, run_experiments, run_folds
from selfme_lib.motion.pairs import FramePairs
from selfme_lib.runtime.errors import DataError
from selfme_lib.study import study
from selfme_lib.synthme import pretraining
from selfme_lib.synthme.identity import create_identity
from toy_motion import TINY, moving_blobs

SHORT = replace(TINY, epochs=3, flip=True, shift=1.0)
MOTION, LABELS, SUBJECTS, CLIPS = moving_blobs(3, 6)
HELD_OUT = torch.tensor([subject == "02" for subject in SUBJECTS])
COLUMNS = ["prediction", "p0", "p1", "p2"]
trained_on = []


def watched(config, motion, labels, test_motion, *, classes, seed, device):
    """Keep what the training is given, and the weights that it leads to."""
    model = train_classifier(config, motion, labels, seed=seed, device=device, progress=False)
    trained_on.append((motion, labels, torch.cat([p.detach().flatten() for p in model.parameters()])))
    return torch.full((len(test_motion), 3), 1 / 3)


def experiment(motion=MOTION, labels=LABELS, fit_predict=fit_predict):
    return Experiment(SHORT, motion, labels.tolist(), SUBJECTS, CLIPS, 0, fit_predict)


def test_training_gets_every_clip_but_the_held_out_subjects(tmp_path):
    trained_on.clear()
    run_experiments([experiment(fit_predict=watched)], store=tmp_path)
    motion, labels, _ = trained_on[1]  # folds run in the order of the subjects
    assert torch.equal(motion, MOTION[~HELD_OUT]) and torch.equal(labels, LABELS[~HELD_OUT])
    assert not any(torch.equal(clip, other) for clip in motion for other in MOTION[HELD_OUT])


def test_no_statistic_of_held_out_clips_enters_the_weights(tmp_path):
    """Normalisation: a thousandfold motion of the held-out subject leaves the weights of that fold as they are."""
    trained_on.clear()
    changed = torch.where(HELD_OUT[:, None, None, None], 1000 * MOTION + 5, MOTION)
    for name, motion in (("as it is", MOTION), ("changed", changed)):
        run_experiments([experiment(motion, fit_predict=watched)], store=tmp_path / name)
    before, after = trained_on[:3], trained_on[3:]
    assert torch.equal(before[1][2], after[1][2])
    assert not torch.equal(before[0][2], after[0][2])  # in the other folds it is a training clip


def test_a_prediction_does_not_depend_on_the_subjects_other_clips(tmp_path):
    """No batch statistics of the test clips, no adaptation to them."""
    first = int(HELD_OUT.nonzero()[0])
    others = HELD_OUT.clone()
    others[first] = False
    changed = torch.where(others[:, None, None, None], MOTION.flip(-1) * 7, MOTION)
    alone, among = (
        run_experiments([experiment(motion)], store=tmp_path / str(i))[0] for i, motion in enumerate((MOTION, changed))
    )
    np.testing.assert_allclose(
        alone.loc[first, COLUMNS].astype(float), among.loc[first, COLUMNS].astype(float), atol=1e-6
    )


def test_nothing_is_selected_by_the_held_out_labels(tmp_path):
    wrong = torch.where(HELD_OUT, (LABELS + 1) % 3, LABELS)
    right, wronged = (
        run_experiments([experiment(labels=y)], store=tmp_path / str(i))[0] for i, y in enumerate((LABELS, wrong))
    )
    rows = HELD_OUT.numpy()
    pd.testing.assert_frame_equal(right[rows][COLUMNS], wronged[rows][COLUMNS], check_exact=True)


@pytest.mark.parametrize(
    "profile", ["smoke", "quick", "gpu"]
)  # `paper` has a learner for each fold: tests/study/test_study
def test_stage_1_opens_no_frame_of_anybody_who_is_evaluated(profile, monkeypatch, tmp_path):
    monkeypatch.setattr(study, "DATA", tmp_path)
    honest = study.Study.open(profile, tmp_path)
    assert honest.settings.motion.frames == "rendered" and honest.settings.evaluation.leaks == ()
    rendered = FramePairs(np.zeros((4, 32, 32, 3), dtype=np.uint8), [0, 2, 4])
    monkeypatch.setattr(study, "render_pairs", lambda *_, **__: None)
    monkeypatch.setattr(study.FramePairs, "from_rendered", lambda _: rendered)
    names = {"dataset": "casme2", "subject": "01", "name": "EP01", "emotion": "happiness", "action_units": "12"}
    numbers = {"frame_numbers": (1, 2), "onset": 1, "apex": 2, "offset": 2, "label": 1, "fps": 200.0}
    nowhere = Clip(frames=(Path("no-such-frame1.jpg"), Path("no-such-frame2.jpg")), **names, **numbers)
    honest.__dict__["clips"] = [nowhere]
    assert honest.training_pairs() is rendered
    with pytest.raises((DataError, OSError), match="no-such-frame"):
        honest.changed(motion={"frames": "clips"}).training_pairs()


def test_rendered_people_are_others_than_those_who_are_evaluated(tmp_path, monkeypatch):
    class EnoughSeenError(Exception):
        pass

    def watch(person):
        assert person.population == "pretraining"
        raise EnoughSeenError

    monkeypatch.setattr(pretraining, "make_face", watch)
    with pytest.raises(EnoughSeenError):
        pretraining.render_pairs(tmp_path / "faces.npy", range(2), pairs_per_identity=1, size=32, workers=1)
    for number in range(8):
        rendered, evaluated = create_identity(number, "pretraining"), create_identity((0, number))
        assert repr(rendered) != repr(evaluated)


def at_epoch(experiment, folds, epoch):
    """Predictions after one epoch, the same for all folds."""
    chosen = {name: {**fold, "probabilities": fold["probabilities"][epoch]} for name, fold in folds.items()}
    return predictions(experiment, chosen)


def test_the_last_epoch_is_the_honest_one(tmp_path):
    honest = experiment()
    (folds,) = run_folds([experiment(fit_predict=fit_predict_every_epoch)], store=tmp_path)
    (table,) = run_experiments([honest], store=tmp_path)
    pd.testing.assert_frame_equal(at_epoch(honest, folds, -1)[COLUMNS], table[COLUMNS], check_exact=True)
    assert not at_epoch(honest, folds, 0)[COLUMNS].equals(table[COLUMNS])


def test_choosing_on_the_test_subject_is_never_worse_in_accuracy_and_uses_the_labels():
    """Folds whose epochs are right about different clips; the labels decide which is reported."""
    subjects, labels = ["01", "01", "02", "02"], [0, 1, 2, 0]
    trial = Experiment(SHORT, MOTION[:4], labels, subjects, list("abcd"), 0, fit_predict=fit_predict)
    said = {"01": [[0, 0], [0, 1], [1, 0]], "02": [[2, 0], [0, 0], [0, 2]]}  # by epoch
    folds = {
        name: {"probabilities": np.eye(3)[np.array(epochs)].tolist(), "seconds": 0.0} for name, epochs in said.items()
    }
    chosen = leaks.choose_epoch_on_test_subject(trial, folds)
    assert chosen["prediction"].tolist() == [0, 1, 2, 0]
    assert at_epoch(trial, folds, -1)["prediction"].tolist() == [1, 0, 0, 2]
    assert list(chosen) == list(
        predictions(trial, {name: {**f, "probabilities": f["probabilities"][0]} for name, f in folds.items()})
    )
