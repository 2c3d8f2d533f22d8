"""Two explorers that need clips on disk, which are rendered once."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from selfme_lib.classifier.checkpoint import FORM
from selfme_lib.classifier.frozen import trunk
from selfme_lib.classifier.grad_cam import grad_cam
from selfme_lib.grids import resize_flow
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.study import clips as study_clips
from selfme_lib.study import inspection, study
from selfme_lib.study.classifier_pretraining import SCVIT
from selfme_lib.study.rows import Row
from selfme_lib.study.run_folder import RunFolder
from selfme_lib.study.study import Study
from selfme_lib.synthme.truth import load_truth
from selfme_lib.widgets import explore_loso, explore_timeline, loso
from selfme_lib.widgets.timeline import LONGEST

ROW = Row("truth+SCViT", motion="truth", bspline=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Chapter 05 with one method, and chapter 07 for one of the two subjects."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (study, study_clips):
            patch.setattr(module, "DATA", tmp_path_factory.mktemp("data"))
        finished = Study.open("smoke", tmp_path_factory.mktemp("run"), data={"subjects": 2, "clips": 2})
        finished.record([finished.majority(), *finished.evaluate([ROW])])
        inspection.fold_classifiers(finished, [ROW], ["01"])
        yield finished


@pytest.fixture(scope="module")
def clips(finished):
    return finished.clips


@pytest.fixture
def explorer(finished, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("an explorer must not train or extract anything")

    for name in ("train_classifier", "_train_fold"):
        monkeypatch.setattr(inspection, name, refuse)
    for name in ("extract", "measure", "expand"):
        monkeypatch.setattr(study, name, refuse)
    return explore_loso(finished)


def test_the_explorer_shows_what_the_run_recorded(explorer, finished):
    record = json.loads(finished.run.metrics.read_text())["rows"][1]
    assert explorer.method.options == ("truth+SCViT",), "the majority class looks at no motion"
    for subject in explorer.subject.options:
        explorer.subject.value = subject
        keys = [key for _, key in explorer.clip.options]
        assert keys == [f"{subject}/{one['clip']}" for one in record["predictions"] if one["subject"] == subject]
        for text, key in explorer.clip.options:
            explorer.clip.value = key
            said = explorer.prediction()
            assert said in record["predictions"] and f"{said['subject']}/{said['clip']}" == key
            assert ("✓" in text) == (said["label"] == said["prediction"]) == ("predicted right" in explorer.note.value)
    assert f"UF1 {record['pooled']['uf1']:.3f}" in explorer.note.value


def test_attention_comes_from_the_folds_network_if_it_was_kept(explorer, finished, clips):
    explorer.subject.value = "01"
    network = inspection.kept_classifiers(finished, ROW)["01"]
    motion = finished.inputs(ROW)
    place = [clip.key for clip in clips].index(explorer.clip.value)
    torch.testing.assert_close(explorer.attention(1), grad_cam(network, motion[place][None], 1)[0])
    with_attention = explorer.picture.value
    explorer.subject.value = "02"
    assert explorer.attention(1) is None
    assert explorer.picture.value != with_attention


def test_behind_a_frozen_network_there_is_evidence_for_every_fold(finished, tmp_path):
    form = {name: getattr(SCVIT, name) for name in FORM} | {"init": "units", "trained": "linear"}
    own = Study.open("smoke", tmp_path, data={"subjects": 2, "clips": 2}, classifier=form)
    row = Row("frozen", motion="truth", bspline=False, sc=False)
    own.record(own.evaluate([row]))
    explorer = explore_loso(own)
    network, labels, people = trunk(own.settings.classifier), torch.from_numpy(own.labels), own.subjects.tolist()
    motion = resize_flow(own.motion("truth", bspline=False, gamma=row.gamma), (96, 96))
    for subject in explorer.subject.options:
        explorer.subject.value = subject
        place = [clip.key for clip in own.clips].index(explorer.clip.value)
        for label in (0, 1):
            asked = torch.full_like(labels, label)
            every = inspection.held_out_evidence(
                network, motion, own.inputs(row), labels, people, classes=3, target=asked
            )
            torch.testing.assert_close(explorer.attention(label), every[place])


def test_changing_the_subject_draws_once(explorer, monkeypatch):
    drawn = []
    render = loso.LosoExplorer.render
    monkeypatch.setattr(loso.LosoExplorer, "render", lambda self: drawn.append(self.clip.value) or render(self))
    explorer.subject.value = "02"
    assert len(drawn) == 1 and drawn[0].startswith("02/")


def test_a_run_without_predictions_or_of_other_clips_is_refused(finished, clips, tmp_path):
    def of(run, clips):
        other = Study(finished.settings, run)
        other.__dict__["clips"] = clips
        return other

    elsewhere = RunFolder(tmp_path)
    with pytest.raises(DataError, match="run chapter 05"):
        explore_loso(of(elsewhere, clips))
    with pytest.raises(DataError, match="not of these clips"):
        explore_loso(of(finished.run, clips[:3]))
    (tmp_path / "metrics.json").write_text(finished.run.metrics.read_text())
    with pytest.raises(DataError, match="no motion"):
        explore_loso(of(elsewhere, clips))


def test_the_timeline_follows_clip_and_frame(finished, clips):
    truth = {clip.key: load_truth(finished.root, clip.subject, clip.name) for clip in clips}
    explorer = explore_timeline(clips, truth=truth, size=64)
    first, last = clips[0], clips[-1]
    assert explorer.frame.value == first.apex and f"apex {first.apex}" in explorer.note.value
    seen = {explorer.picture.value}
    explorer.frame.value = first.onset
    assert "+0 ms from the onset" in explorer.note.value
    seen.add(explorer.picture.value)
    explorer.clip.value = last.key
    seen.add(explorer.picture.value)
    assert (explorer.frame.min, explorer.frame.value, explorer.frame.max) == (
        last.frame_numbers[0],
        last.apex,
        last.frame_numbers[-1],
    )
    assert explorer._controls[1][0]["play"]
    assert len(seen) == 3
    assert explore_timeline(clips, size=64).picture.value not in seen, "without the truth no action units are drawn"


def test_curves_are_zero_at_the_onset_and_units_peak_at_the_apex(finished, clips):
    clip = clips[0]
    truth = load_truth(finished.root, clip.subject, clip.name)
    curves = explore_timeline([clip], truth={clip.key: truth}, size=64)._curves(clip.key)
    place = {number: index for index, number in enumerate(clip.frame_numbers)}
    (name, _, change), *units = curves
    assert name == "change from the onset" and change[place[clip.onset]] == 0 and change.max() == 1
    labelled = [name for name, _, _ in units if name.removeprefix("AU ") in clip.action_units.replace("+", " ").split()]
    assert labelled
    for name, _, values in units:
        if name in labelled:
            assert abs(int(values.argmax()) - place[clip.apex]) <= 1
    assert np.isfinite(change.numpy()).all()


def test_no_clip_and_too_long_a_clip_are_refused(clips):
    with pytest.raises(UsageError, match="at least one clip"):
        explore_timeline([])
    long = replace(
        clips[0], frames=clips[0].frames[:1] * (LONGEST + 1), frame_numbers=tuple(range(1, LONGEST + 2)), onset=1
    )
    with pytest.raises(UsageError, match="frames"):
        explore_timeline([long])


def test_blinks_are_labelled(clips, finished):
    clip = clips[0]
    truth = load_truth(finished.root, clip.subject, clip.name)
    closed = truth.au_intensity.clone()
    lids = [at for at, name in enumerate(truth.au_names) if name.endswith("45")]
    closed[:, lids] = 0
    open_eyes = replace(truth, au_intensity=closed)
    blinking = closed.clone()
    blinking[2:5, lids] = 1.0
    place = clip.frame_numbers[3]
    seen = []
    for known in (open_eyes, replace(truth, au_intensity=blinking)):
        explorer = explore_timeline([clip], truth={clip.key: known}, size=32)
        explorer.frame.value = place
        seen.append(
            ("a blink" in explorer.note.value, "AU 45 (blink)" in [name for name, *_ in explorer._curves(clip.key)])
        )
        seen.append(explorer.picture.value)
    assert seen[0] == (False, False) and seen[2] == (True, True) and seen[1] != seen[3]


def test_numbers_of_a_confusion_matrix_can_be_read_on_every_blue():
    confusion = np.array([[2, 4, 1], [0, 0, 3], [1, 1, 1]])
    picture = loso._confusion_picture(confusion, ("negative", "positive", "surprise")).astype(int)
    for row, column in np.ndindex(3, 3):
        cell = picture[40 * row + 2 : 40 * row + 38, 40 + 40 * column : 74 + 40 * column]
        brightness = cell.sum(2)
        assert np.ptp(brightness) > 330, f"{confusion[row, column]} on {cell[0, 0]}"
