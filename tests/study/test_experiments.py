from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from data import recordings, trees
from selfme_lib.data import FIVE_CLASSES, dataset_fingerprint, load_onset_apex
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import LearnerConfig, MotionLearner
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_json
from selfme_lib.study import experiments, profiles
from selfme_lib.study.rival_tables import motion_rows, rival_rows
from selfme_lib.study.run_folder import RunFolder
from selfme_lib.study.tables import Row, per_class, table
from selfme_lib.synthme.truth import load_truth


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Rendered data and an untrained motion learner, once for all tests."""
    folder = tmp_path_factory.mktemp("experiments")
    torch.manual_seed(0)
    sizes = LearnerConfig(size=32, keypoints=3, width=8, depth=2, max_width=16, generator_width=4)
    checkpoint.save(MotionLearner(sizes), folder / "learner.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments, "DATA", folder / "data")
        yield folder


@pytest.fixture
def settings(folder):
    return change(folder)


def change(folder, seed=0, **sections):
    motion = {"checkpoint": str(folder / "learner.safetensors"), "steps": 0, **sections.pop("motion", {})}
    return profiles.load("smoke", seed=seed, motion=motion, **sections)


@pytest.fixture
def clips(settings):
    return experiments.prepare_data(settings)


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path / "run")


def refuse(*_, **__):
    raise AssertionError("computed again")


def test_synthme_is_rendered_once_and_shared_by_runs(settings, clips, folder, monkeypatch):
    assert (len(clips), len({clip.subject for clip in clips})) == (12, 3)
    monkeypatch.setattr("selfme_lib.synthme.dataset._render_clip", refuse)
    assert dataset_fingerprint(experiments.prepare_data(settings)) == dataset_fingerprint(clips)
    assert len(list((folder / "data").glob("synthme-*"))) == 1


def test_a_data_set_that_must_be_brought_is_asked_for(folder, tmp_path):
    with pytest.raises(UsageError, match="--root DIR"):
        experiments.prepare_data(change(folder, data={"dataset": "casme2"}))
    with pytest.raises(DataError, match="nowhere"):
        experiments.prepare_data(change(folder, data={"dataset": "casme2", "root": str(tmp_path / "nowhere")}))


def test_fields_are_computed_once_and_amplified(settings, clips, run, monkeypatch):
    truth = experiments.motion_fields(settings, run, clips, "truth")
    expected = load_truth(experiments.data_root(settings), clips[0].subject, clips[0].name).flow_backward
    assert torch.equal(truth[0], expected)
    plain = experiments.motion_fields(settings, run, clips, "selfme", bspline=False)
    smooth = experiments.motion_fields(settings, run, clips, "selfme", bspline=True)
    twice = experiments.motion_fields(settings, run, clips, "selfme", bspline=False, gamma=2.0)
    assert plain.shape == smooth.shape == (12, 2, 64, 64)
    assert not torch.equal(plain, smooth)
    torch.testing.assert_close(twice, 2 * plain)  # without the exponential, amplification is linear

    monkeypatch.setattr(experiments, "extract", refuse)
    assert torch.equal(experiments.motion_fields(settings, run, clips, "selfme", bspline=True), smooth)
    torch.testing.assert_close(experiments.motion_fields(settings, run, clips, "truth", gamma=3.0), 3 * truth)
    with pytest.raises(AssertionError, match="computed again"):  # other clips are other fields
        experiments.motion_fields(settings, run, clips[:5], "selfme", bspline=True)


def test_fine_tuning_is_done_once_and_leaves_a_curve(folder, clips, run, monkeypatch):
    settings = change(folder, motion={"steps": 2, "lr": 1e-3})
    before = experiments.motion_learner(change(folder), run, clips).state_dict()
    after = experiments.motion_learner(settings, run, clips).state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert experiments.training_curve(settings, run, clips)["step"].tolist() == [1, 2]
    assert experiments.training_curve(change(folder), run, clips).empty
    assert not list(run.checkpoints.glob("*.state"))

    monkeypatch.setattr(experiments, "train", refuse)
    again = experiments.motion_learner(settings, run, clips).state_dict()
    assert all(torch.equal(again[name], after[name]) for name in after)
    with pytest.raises(AssertionError, match="computed again"):
        experiments.motion_learner(change(folder, seed=1, motion={"steps": 2, "lr": 1e-3}), run, clips)


def test_fine_tuning_on_the_evaluated_clips_warns(folder, clips, run, caplog):
    settings = change(folder, motion={"steps": 1, "frames": "clips"})
    pairs = experiments.training_pairs(settings, clips)
    assert (len(pairs), len(pairs.frames)) == (12, sum(len(clip.frames) for clip in clips))
    experiments.motion_learner(settings, run, clips)
    assert "transductive" in caplog.text


def test_a_missing_checkpoint_is_named(folder, clips, run):
    with pytest.raises(DataError, match=r"missing\.safetensors"):
        experiments.motion_fields(change(folder, motion={"checkpoint": "missing.safetensors"}), run, clips, "selfme")


def test_a_row_predicts_every_clip_in_this_process_or_in_others(folder, settings, clips, run, tmp_path):
    row = Row("truth", motion="truth", bspline=False)
    (result,) = experiments.evaluate(settings, run, clips, [row])
    predictions = result.predictions
    assert predictions[["subject", "clip"]].values.tolist() == [[clip.subject, clip.name] for clip in clips]
    assert set(result.fold_seconds[0]) == {clip.subject for clip in clips}
    assert result.records[0]["settings"]["motion"] == "truth"

    parallel = change(folder, evaluation={"workers": 2})
    (elsewhere,) = experiments.evaluate(parallel, RunFolder(tmp_path / "other"), clips, [row])
    assert elsewhere.records == result.records

    (seeds,) = experiments.evaluate(change(folder, evaluation={"seeds": 2}), run, clips, [row])
    assert [record["seed"] for record in seeds.records] == [0, 1]
    assert seeds.records[0] == result.records[0]
    assert len(table([seeds])) == 1


def test_leaking_is_one_switch_and_loud(folder, clips, run, caplog):
    row = Row("true motion", motion="truth", bspline=False)
    learning = {"epochs": 4}
    (honest,) = experiments.evaluate(change(folder, classifier=learning), run, clips, [row])
    leaking = change(folder, classifier=learning, evaluation={"leaks": ["epoch"]})
    assert "LEAKING" not in caplog.text
    (found,) = experiments.evaluate(leaking, run, clips, [row])
    assert "LEAKING (epoch): these scores are not results" in caplog.text
    assert found.row.name == "LEAKING (epoch): true motion"
    assert found.records[0]["settings"]["leaks"] == ["epoch"] and honest.records[0]["settings"]["leaks"] == []
    assert found.records[0]["pooled"]["accuracy"] >= honest.records[0]["pooled"]["accuracy"]


def test_leaking_faces_are_those_of_the_clips(folder, clips, run, monkeypatch):
    seen = []

    def watch(settings, *_, **__):
        seen.append(settings.motion.frames)
        return torch.zeros(12, 2, 64, 64)

    monkeypatch.setattr(experiments, "motion_fields", watch)
    row = Row("SelfME")
    for leaks in ([], ["faces"]):
        settings = change(folder, motion={"steps": 1}, evaluation={"leaks": leaks})
        experiments.classifier_inputs(settings, run, clips, row)
    assert seen == ["rendered", "clips"]
    with pytest.raises(UsageError, match=r"motion\.steps is 0"):
        experiments.classifier_inputs(change(folder, evaluation={"leaks": ["faces"]}), run, clips, row)


def test_rows_of_another_size_are_resized_in_value_too(folder, clips, run):
    settings = change(folder, classifier={"image_size": 32})
    (trial,) = experiments.experiments_of(settings, run, clips, Row("truth", motion="truth", gamma=1.0))
    truth = experiments.motion_fields(settings, run, clips, "truth")
    assert trial.motion.shape == (12, 2, 32, 32)
    assert trial.motion.abs().max() == pytest.approx(float(truth.abs().max()) * 31 / 63, rel=0.2)


def test_every_rival_gets_an_input_of_its_own_and_tcae_is_trained_once(settings, clips, run, monkeypatch):
    small = {"tcae": {"size": 32, "width": 0.0625, "steps": 1, "batch_size": 2}}
    settings = change(Path(settings.motion.checkpoint).parent, evaluation={"rivals": small})
    shapes = {row.name: experiments.rival_inputs(settings, run, clips, row).shape for row in rival_rows(settings)}
    rivals = settings.evaluation.rivals
    assert shapes["LBP-TOP"] == (12, 3 * rivals.lbp_top.blocks**2 * 16, 1, 1)
    assert shapes["Bi-WOOF"] == (12, rivals.bi_woof.blocks**2 * rivals.bi_woof.bins, 1, 1)
    assert shapes["CapsuleNet"][1:] == (3, rivals.capsule_net.size, rivals.capsule_net.size)
    assert shapes["OFF-ApexNet"] == (12, 2, 28, 28) and shapes["STSTNet"] == (12, 3, 28, 28)
    assert shapes["TCAE+FC"] == (12, 2 * 16, 1, 1)

    monkeypatch.setattr(experiments, "train_tcae", refuse)
    assert experiments.motion_fields(settings, run, clips, "tcae").shape == (12, 2, 64, 64)
    with pytest.raises(AssertionError, match="computed again"):
        experiments.tcae_checkpoint(replace(settings, seed=1), run)


def test_a_rival_is_a_row_like_any_other(settings, clips, run):
    row = next(row for row in rival_rows(settings) if row.name == "STSTNet")
    (result,) = experiments.evaluate(settings, run, clips, [row])
    assert len(result.predictions) == len(clips)
    assert result.records[0]["settings"]["rival"]["method"] == "ststnet"
    experiments.record(settings, run, clips, [result])
    assert read_json(run.metrics)["rows"][0]["name"] == "STSTNet"


def test_motion_that_was_given_is_what_the_picture_says(folder, run, tmp_path):
    rows = []
    for subject in ("a", "b"):
        for number in range(3):
            pixels = np.full((40, 40, 3), (0, 128, 255), np.uint8)  # blue, green, red: no strain, no v, u to the right
            assert cv2.imwrite(str(tmp_path / f"{subject}_{number}.png"), pixels)
            rows.append(f"{subject},{number},{number}")
    (tmp_path / "labels.csv").write_text("\n".join(["subject,clip,label", *rows]))
    settings = change(folder, data={"dataset": "features", "root": str(tmp_path)})
    clips = experiments.prepare_data(settings)
    vit, *_ = motion_rows(settings)
    seen = experiments.classifier_inputs(settings, run, clips, vit)
    assert seen.shape == (6, 2, 64, 64) and seen[:, 0].eq(1).all() and seen[:, 1].eq(0).all()
    row = next(row for row in rival_rows(settings) if row.name == "STSTNet")
    assert experiments.rival_inputs(settings, run, clips, row)[0, :, 3, 3].tolist() == [1, 0, 0]
    results = experiments.evaluate(settings, run, clips, [vit, row])
    assert [len(result.predictions) for result in results] == [6, 6]


def test_the_majority_is_that_of_the_other_subjects(settings, clips):
    result = experiments.majority(settings, clips)
    labels = {clip.key: clip.label for clip in clips}
    for line in result.predictions.itertuples():
        others = [label for key, label in labels.items() if not key.startswith(line.subject)]
        assert others.count(line.prediction) == max(map(others.count, range(3)))
    assert result.records[0]["pooled"]["uar"] <= 1 / 3 + 1e-9 or len(set(result.predictions.prediction)) > 1


def test_metrics_json_grows_row_by_row(settings, clips, run):
    majority = experiments.majority(settings, clips)
    (truth,) = experiments.evaluate(settings, run, clips, [Row("truth", motion="truth")])
    experiments.record(settings, run, clips, [majority])
    experiments.record(settings, run, clips, [truth, majority])
    metrics = read_json(run.metrics)
    assert [row["name"] for row in metrics["rows"]] == ["majority class", "truth"]
    assert [set(seconds) for seconds in metrics["times"]["rows"]] == [set(), {"01", "02", "03"}]
    assert metrics["profile"] == profiles.to_dict(settings)
    assert metrics["dataset"] == {"name": "synthme", "fingerprint": dataset_fingerprint(clips)}
    assert np.sum(metrics["rows"][1]["confusion"]) == len(clips)


def test_what_needs_the_truth_gets_synthme_whatever_is_recognised(settings):
    assert experiments.with_truth(settings) is settings
    data = {"dataset": "smic", "root": "somewhere", "apex_rule": "middle", "size": 96}
    changed = experiments.with_truth(profiles.load("smoke", data=data))
    assert (changed.data.dataset, changed.data.root, changed.data.apex_rule) == ("synthme", "", "label")
    assert changed.data.size == 96


def test_the_checkpoint_without_fine_tuning_is_the_profiles(settings, clips, run):
    assert str(experiments.motion_checkpoint(settings, run, clips)) == settings.motion.checkpoint
    shipped = replace(settings, motion=replace(settings.motion, checkpoint=""))
    assert experiments.motion_checkpoint(shipped, run, clips) == checkpoint.SHIPPED


def test_recordings_are_cut_out_before_anything_is_measured(folder, tmp_path):
    """SAMM as recorded: grey, the head far away. Without its faces cut out it is another data set."""
    root = trees.samm(tmp_path / "samm", rows=trees.SAMM_ROWS[1:4])
    for path in root.rglob("*.jpg"):
        face = recordings.record(int(path.parent.name[-1]) % 2)
        cv2.imwrite(str(path), cv2.cvtColor(face, cv2.COLOR_RGB2GRAY))
    data = {"dataset": "samm", "root": str(root)}
    aligned = experiments.prepare_data(change(folder, data=data))
    assert all(clip.aligned is not None for clip in aligned)
    onset, _ = load_onset_apex(aligned, 64)
    assert onset.shape == (3, 3, 64, 64) and onset[0].std() > 0.05
    as_they_are = experiments.prepare_data(change(folder, data={**data, "align": False}))
    assert all(clip.aligned is None for clip in as_they_are)
    assert dataset_fingerprint(aligned) != dataset_fingerprint(as_they_are)
    pairs = experiments.training_pairs(change(folder, motion={"frames": "clips"}, data=data), aligned)
    assert torch.equal(torch.from_numpy(pairs.frames[0].copy()).permute(2, 0, 1).float() / 255, onset[0])


def test_the_apex_of_smic_by_every_rule(folder, tmp_path):
    root = trees.smic_cropped(tmp_path / "smic")
    (tmp_path / "apex.csv").write_text(
        "subject,clip,apex\n" + "".join(f"{key.replace('/', ',')},36238\n" for key in trees.SMIC_KEYS)
    )
    chosen = {}
    for rule, more in {"middle": {}, "largest": {"apex_method": "dis"}, "list": {"apex_list": "apex.csv"}}.items():
        more = {name: str(tmp_path / value) if name == "apex_list" else value for name, value in more.items()}
        data = {"dataset": "smic", "root": str(root), "apex_rule": rule, **more}
        clips = experiments.prepare_data(change(folder, data=data))
        assert all(clip.onset < clip.apex <= clip.offset for clip in clips)
        chosen[rule] = [clip.apex for clip in clips]
    assert set(chosen["list"]) == {36238} and chosen["middle"] == [clip.middle for clip in clips]


def test_the_composite_has_a_fold_for_each_subject_of_each_set(folder, tmp_path):
    data = {"dataset": "composite", "root": str(trees.composite(tmp_path)), "apex_rule": "middle", "align": False}
    clips = experiments.prepare_data(change(folder, data=data))
    assert len(clips) == 16 and all(clip.apex is not None for clip in clips)
    assert len({clip.subject for clip in clips}) == 9
    onset, apex = load_onset_apex(clips, 32)
    assert (onset - apex).abs().amax((1, 2, 3)).min() > 0


def test_the_five_emotions_of_casme2_go_from_the_frames_to_the_tables(folder, run, tmp_path):
    """ViT, a rival and the majority class; of one held-out subject no other shows the class."""
    data = {"dataset": "casme2", "root": str(trees.casme2(tmp_path)), "classes": 5, "align": False}
    settings = change(folder, data=data, evaluation={"workers": 1}, motion={"methods": ["zero"]})
    clips = experiments.prepare_data(settings)
    rows = [Row(name="ViT", motion="zero", sc=False), *(row for row in rival_rows(settings) if row.name == "STSTNet")]
    results = [experiments.majority(settings, clips), *experiments.evaluate(settings, run, clips, rows)]
    for result in results:
        assert result.confusion.shape == (5, 5) and result.confusion.sum() == len(clips) == 7
        assert per_class([result])["class"].tolist() == list(FIVE_CLASSES)
        assert per_class([result])["clips"].tolist() == [2, 1, 2, 1, 1]
        assert 0 <= result.score("uar")[0] <= 1
    assert {len(one["probabilities"]) for result in results[1:] for one in result.records[0]["predictions"]} == {5}
    with pytest.raises(UsageError, match="synthme in 5 classes: every data set has 3, casme2 also 5"):
        change(folder, data={"classes": 5})
