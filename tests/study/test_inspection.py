from dataclasses import asdict, replace

import pytest
import torch

from selfme_lib.classifier.frozen import describe
from selfme_lib.classifier.network import ClassifierConfig, build_classifier
from selfme_lib.classifier.training import fit_predict, predict
from selfme_lib.data import Clip
from selfme_lib.runtime.errors import DataError
from selfme_lib.study import inspection
from selfme_lib.study.rows import Row
from selfme_lib.study.study import Study
from toy_motion import TINY, moving_blobs, run_loso

MOTION, LABELS, SUBJECTS, NAMES = moving_blobs(3, 4)
ROW = Row("toy")
SHORT = replace(TINY, epochs=2)


def clip(subject, name, label):
    return Clip(
        dataset="synthme", subject=subject, name=name, frames=(), frame_numbers=(), onset=1, apex=2, offset=3,
        emotion="", label=int(label), action_units="", fps=200.0,
    )  # fmt: skip


CLIPS = [clip(*each) for each in zip(SUBJECTS, NAMES, LABELS)]


def toy(folder, **sections):
    study = Study.open("smoke", folder, seed=3, classifier=asdict(SHORT), **sections)
    study.__dict__["clips"] = CLIPS
    return study


def refuse(*_, **__):
    raise AssertionError("computed again")


@pytest.mark.parametrize("workers", [1, 2])
def test_the_network_of_a_fold_is_the_one_that_predicted(tmp_path, monkeypatch, workers):
    study = toy(tmp_path, evaluation={"workers": workers})
    monkeypatch.setattr(Study, "inputs", lambda *_: MOTION)
    monkeypatch.setattr(inspection, "dataset_fingerprint", lambda _: "toy")
    config = ROW.classifier(SHORT)
    expected = run_loso(
        config, MOTION, LABELS.tolist(), SUBJECTS, NAMES, seed=3, store=tmp_path / "folds", fit_predict=fit_predict
    )

    networks = inspection.fold_classifiers(study, [ROW], ["02", "03"])
    for (name, subject), network in networks.items():
        held_out = torch.tensor([other == subject for other in SUBJECTS])
        probabilities = expected[expected.subject == subject][["p0", "p1", "p2"]].to_numpy()
        assert name == "toy"
        assert torch.equal(predict(network, MOTION[held_out]).double(), torch.from_numpy(probabilities))
    assert {subject for _, subject in networks} == {"02", "03"}

    path = next((tmp_path / "checkpoints").glob("classifier-03-*"))
    path.write_bytes(path.read_bytes()[:-4] + b"????")
    assert inspection.kept_classifiers(study, ROW).keys() == {"02"}, "damaged weights predict nothing"

    monkeypatch.setattr(inspection, "train_classifier", refuse)
    (again,) = inspection.fold_classifiers(study, [ROW], ["02"]).values()
    assert torch.equal(predict(again, MOTION), predict(networks["toy", "02"], MOTION))


def test_a_subject_without_clips_is_named(tmp_path):
    with pytest.raises(DataError, match="subject 99 has no clips"):
        inspection.fold_classifiers(toy(tmp_path), [ROW], ["02", "99"])


def test_the_richest_subjects_show_most_classes_then_most_clips():
    shown = {"01": (0, 0, 0, 0), "02": (0, 1, 2), "03": (0, 1, 1), "04": (0, 1, 1, 0)}
    people = [clip(subject, str(n), label) for subject, labels in shown.items() for n, label in enumerate(labels)]
    assert inspection.richest_subjects(people, 3) == ["02", "04", "03"]
    assert inspection.richest_subjects(people, 9)[-1] == "01"


def test_a_frozen_classifier_is_exchanged_for_one_that_is_trained_as_a_whole(tmp_path):
    whole = Study.open("smoke", tmp_path)
    assert inspection.trained_whole(whole) is whole
    frozen = Study.open("smoke", tmp_path, classifier={"init": "units", "trained": "head"})
    assert inspection.trained_whole(frozen).settings.classifier.trained == "all"


def test_evidence_of_held_out_clips_comes_from_a_model_of_the_other_subjects(monkeypatch):
    torch.manual_seed(0)
    config = ClassifierConfig(image_size=32, patch_size=8, depth=1, width=8, heads=2, pool="all")
    network = build_classifier(config).eval()
    motion, labels, subjects = torch.randn(6, 2, 32, 32), torch.tensor([0, 1, 2, 0, 1, 2]), list("aaabbb")
    described = describe(network.describe_regions, motion)
    known = []
    real = inspection.linear.fit_features

    def fit(penalty, views, labels, **options):
        known.append(views[0])
        return real(penalty, views, labels, **options)

    monkeypatch.setattr(inspection.linear, "fit_features", fit)
    heat = inspection.held_out_evidence(network, motion, described, labels, subjects, classes=3)
    assert heat.shape == (6, 32, 32) and (heat >= 0).all() and heat.max() > 0
    assert torch.equal(known[0], described[3:, 0].sum(1)) and torch.equal(known[1], described[:3, 0].sum(1))
    only = inspection.held_out_evidence(network, motion, described, labels, subjects, classes=3, only=["b"])
    assert torch.equal(only, heat[3:]) and len(known) == 3
    other = inspection.held_out_evidence(network, motion, described, labels, subjects, classes=3, target=labels.flip(0))
    assert not torch.equal(other[0], heat[0]) and torch.equal(other[1], heat[1])
