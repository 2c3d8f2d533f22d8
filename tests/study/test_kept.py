"""Nothing old is taken: whatever is kept has another name as soon as a module that matters says something else."""

import shutil
from pathlib import Path

import pytest
import torch

from selfme_lib.data import Clip
from selfme_lib.data.frame_cache import FrameCache
from selfme_lib.runtime import fingerprint
from selfme_lib.study import inspection, keys, store
from selfme_lib.study import study as module
from selfme_lib.study.rows import Row, table_3
from selfme_lib.study.study import Study
from selfme_lib.synthme import SynthConfig
from selfme_lib.synthme import fingerprint as synthme_fingerprint


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package, whose sources the fingerprints are taken from."""
    copy = tmp_path / "selfme_lib"
    shutil.copytree(fingerprint.PACKAGE, copy, ignore=shutil.ignore_patterns("*.npz", "*.safetensors", "__pycache__"))
    monkeypatch.setattr(fingerprint, "PACKAGE", copy)
    return copy


@pytest.fixture
def study(tmp_path, monkeypatch):
    picture = tmp_path / "img1.png"
    picture.write_bytes(b"not looked into")
    labels = {"dataset": "synthme", "emotion": "happiness", "action_units": "12", "label": 1, "fps": 200.0}
    frames = {"frames": (picture, picture), "frame_numbers": (1, 2), "onset": 1, "apex": 2, "offset": 2}
    study = Study.open("smoke", tmp_path / "run", motion={"steps": 2})
    study.__dict__["clips"] = [Clip(subject=name, name="a", **labels, **frames) for name in ("01", "02")]
    monkeypatch.setattr(Study, "inputs", lambda *_: torch.zeros(2, 2, 64, 64))
    return study


def tcae(study: Study, monkeypatch) -> str:
    monkeypatch.setattr(module, "stored_tcae", lambda path, *_, **__: path)
    return study.tcae_file().name


def folds(study: Study, monkeypatch) -> str:
    from selfme_lib.evaluation import loso

    names = []
    monkeypatch.setattr(loso, "run_fold", lambda *_: {"subject": "x", "probabilities": [[1, 0, 0]], "seconds": 0.0})
    monkeypatch.setattr(loso, "write_record", lambda path, _: names.append(Path(path).name))
    monkeypatch.setattr(loso, "write_json", lambda *_: None)
    loso.run_folds(study.experiments(Row("x")), store=study.run.folds)
    return " ".join(names)


def classifier(study: Study, _) -> str:
    row = table_3(study.settings)[0]
    config = row.classifier(study.settings.classifier)
    return str(inspection._files(study, config, torch.zeros(2, 2, 4, 4), ["01"], inspection.DEVICE))


KEPT = {
    "rendered data": (
        lambda *_: synthme_fingerprint(SynthConfig()),
        "synthme.render synthme.texture synthme.sensor synthme.timeline",
    ),
    "frames": (lambda study, _: FrameCache(Path(), 64)._key(study.clips[0]), "data.images data.alignment data.faces"),
    "apexes": (
        lambda *_: fingerprint.fingerprint(code="selfme_lib.study.apex"),
        "study.apex flow grids motion.learner",
    ),
    "motion": (
        lambda study, _: study.motion_file("selfme", bspline=True, gamma=2.0).name,
        "study.extraction flow grids data.images motion.diffeo motion.dense_motion motion.keypoints synthme.truth",
    ),
    "fine-tuned learner": (
        lambda study, _: keys.fine_tuned(study).name,
        "motion.training motion.losses motion.equivariance motion.pairs synthme.pretraining synthme.render grids",
    ),
    "TCAE": (tcae, "baselines.tcae baselines.tcae_training motion.pairs synthme.render"),
    "folds": (folds, "classifier.training classifier.network classifier.symmetry classifier.augmentation grids"),
    "networks of folds": (classifier, "classifier.training classifier.network classifier.symmetry grids"),
}


@pytest.mark.parametrize("kind", KEPT)
def test_a_changed_line_gives_another_name_and_a_comment_does_not(kind, package, study, monkeypatch):
    name, modules = KEPT[kind]
    before = name(study, monkeypatch)
    assert before and name(study, monkeypatch) == before
    for dotted in modules.split():
        path = package.joinpath(*dotted.split(".")).with_suffix(".py")
        source = path.read_text()
        path.write_text(f"{source}\n# a comment\n")
        assert name(study, monkeypatch) == before, f"{dotted}: a comment"
        path.write_text(f"{source}\nCHANGED = 1\n")
        assert name(study, monkeypatch) != before, f"{dotted}: a line"
        path.write_text(source)
    assert name(study, monkeypatch) == before


def test_the_device_is_part_of_every_name_but_that_of_the_data(study, monkeypatch):
    names = [KEPT[kind][0] for kind in ("motion", "fine-tuned learner", "TCAE", "networks of folds")]
    before = [name(study, monkeypatch) for name in names]
    for place in (module, inspection, keys, store):
        monkeypatch.setattr(place, "DEVICE", "cuda")
    assert all(name(study, monkeypatch) != old for name, old in zip(names, before))
