from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from data import recordings, trees
from selfme_lib.classifier.linear import cell_means
from selfme_lib.data import FIVE_CLASSES, dataset_fingerprint, load_onset_apex
from selfme_lib.evaluation import loso
from selfme_lib.grids import resize_flow
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_json
from selfme_lib.runtime.kept import read_record
from selfme_lib.study import clips as study_clips
from selfme_lib.study import profiles, store
from selfme_lib.study import study as module
from selfme_lib.study.by_folds import of_fold
from selfme_lib.study.results import part_of, read_results
from selfme_lib.study.rows import Row, table_2, table_3_with_tcae
from selfme_lib.study.study import Study
from selfme_lib.study.tables import per_class
from selfme_lib.synthme.identity import final_tables
from selfme_lib.synthme.truth import load_truth


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Rendered data and an untrained motion learner, once for all tests."""
    folder = tmp_path_factory.mktemp("experiments")
    torch.manual_seed(0)
    sizes = LearnerConfig(size=32, keypoints=3, width=8, depth=2, max_width=16, generator_width=4)
    checkpoint.save(MotionLearner(sizes), folder / "learner.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        for place in (module, study_clips):
            patch.setattr(place, "DATA", folder / "data")
        yield folder


@pytest.fixture
def open_study(folder, tmp_path):
    """Opens a study of the smoke profile with that learner, in a run folder of the test's own."""

    def open_study(run_dir=tmp_path / "run", seed=0, **sections):
        motion = {"checkpoint": str(folder / "learner.safetensors"), "steps": 0, **sections.pop("motion", {})}
        return Study.open("smoke", run_dir, seed=seed, motion=motion, **sections)

    return open_study


@pytest.fixture
def study(open_study):
    return open_study()


def refuse(*_, **__):
    raise AssertionError("computed again")


def test_synthme_is_rendered_once_and_shared_by_runs(study, open_study, folder, monkeypatch):
    assert (len(study.clips), len({clip.subject for clip in study.clips})) == (12, 3)
    monkeypatch.setattr("selfme_lib.synthme.dataset._render_clip", refuse)
    assert dataset_fingerprint(open_study("elsewhere").clips) == dataset_fingerprint(study.clips)
    assert len([path for path in (folder / "data").glob("synthme-*") if path.is_dir()]) == 1


def test_a_data_set_that_must_be_brought_is_asked_for(open_study, tmp_path):
    with pytest.raises(UsageError, match="--root DIR"):
        _ = open_study(data={"dataset": "casme2"}).clips
    with pytest.raises(DataError, match="nowhere"):
        _ = open_study(data={"dataset": "casme2", "root": str(tmp_path / "nowhere")}).clips


def test_fields_are_computed_once_and_amplified(study, monkeypatch):
    truth = study.motion("truth")
    expected = load_truth(study.root, study.clips[0].subject, study.clips[0].name).flow_backward
    assert torch.equal(truth[0], expected)
    plain = study.motion("selfme", bspline=False)
    smooth = study.motion("selfme", bspline=True)
    twice = study.motion("selfme", bspline=False, gamma=2.0)
    assert plain.shape == smooth.shape == (12, 2, 64, 64)
    assert not torch.equal(plain, smooth)
    torch.testing.assert_close(twice, 2 * plain)  # without the exponential, amplification is linear

    monkeypatch.setattr(module, "extract", refuse)
    monkeypatch.setattr(module, "measure", refuse)
    again = study.motion("selfme", bspline=True, gamma=3.0)  # what was measured is kept apart from what is made of it
    torch.testing.assert_close(again, 3 * smooth, atol=1e-2, rtol=0)
    assert torch.equal(study.motion("selfme", bspline=True), smooth)
    torch.testing.assert_close(study.motion("truth", gamma=3.0), 3 * truth)
    path = study.motion_file("truth", bspline=True, gamma=1.0)
    np.save(path, np.load(path, allow_pickle=False)[:, ::-1])
    with pytest.raises(AssertionError, match="computed again"):  # damaged, it gives no other numbers
        study.motion("truth")
    fewer = Study(study.settings, study.run)
    fewer.__dict__["clips"] = study.clips[:5]
    with pytest.raises(AssertionError, match="computed again"):  # other clips are other fields
        fewer.motion("selfme", bspline=True)


def test_fine_tuning_is_done_once_and_leaves_a_curve(study, open_study, monkeypatch):
    tuned = open_study(motion={"steps": 2, "lr": 1e-3})
    before, after = study.learner().state_dict(), tuned.learner().state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert tuned.learning_curve()["step"].tolist() == [1, 2]
    assert study.learning_curve().empty
    assert not list(study.run.checkpoints.glob("*.state"))

    tuned.learner_file().with_suffix(".json").write_text("[]")
    assert tuned.learner_file() and tuned.learning_curve()["step"].tolist() == [1, 2], "a damaged curve is made anew"

    monkeypatch.setattr(store, "train", refuse)
    again = tuned.learner().state_dict()
    assert all(torch.equal(again[name], after[name]) for name in after)
    with pytest.raises(AssertionError, match="computed again"):
        open_study(seed=1, motion={"steps": 2, "lr": 1e-3}).learner()


def test_fine_tuning_on_the_evaluated_clips_warns(open_study, caplog):
    looking = open_study(motion={"steps": 1, "frames": "clips"})
    pairs = looking.training_pairs()
    assert (len(pairs), len(pairs.frames)) == (12, sum(len(clip.frames) for clip in looking.clips))
    looking.learner()
    assert "transductive" in caplog.text


def test_a_missing_checkpoint_is_named(open_study):
    with pytest.raises(DataError, match=r"missing\.safetensors"):
        open_study(motion={"checkpoint": "missing.safetensors"}).motion("selfme")


def test_a_row_predicts_every_clip_in_this_process_or_in_others(study, open_study, tmp_path):
    row = Row("truth", motion="truth", bspline=False)
    (result,) = study.evaluate([row])
    predictions = result.predictions
    assert predictions[["subject", "clip"]].values.tolist() == [[clip.subject, clip.name] for clip in study.clips]
    assert set(result.fold_seconds[0]) == {clip.subject for clip in study.clips}
    assert result.records[0]["settings"]["motion"] == "truth"

    (elsewhere,) = open_study(tmp_path / "other", evaluation={"workers": 2}).evaluate([row])
    assert elsewhere.records == result.records

    (seeds,) = open_study(evaluation={"seeds": 2}).evaluate([row])
    assert [record["seed"] for record in seeds.records] == [0, 1]
    assert seeds.records[0] == result.records[0]


def test_a_result_has_the_losses_of_each_seed_by_epoch(open_study):
    study = open_study(classifier={"epochs": 3}, evaluation={"seeds": 2})
    results = study.evaluate([Row("truth", motion="truth", bspline=False), Row("yardstick", linear=True)])
    (trained, linear) = read_results(read_json(study.record(results)))
    assert {name: values.shape for name, values in trained.curve.items()} == {"loss": (2, 3), "cross_entropy": (2, 3)}
    kept = [read_record(path)["curve"] for path in study.run.folds.glob("fold-*.json")]
    for name, values in trained.curve.items():
        folds = [curve[name] for curve in kept if curve]
        assert len(folds) == 2 * 3 and np.mean(folds, axis=0) == pytest.approx(values.mean(0))
        assert (values[0] != values[1]).all(), "each seed is a training of its own"
    assert (trained.curve["loss"] > trained.curve["cross_entropy"]).all()
    assert linear.curve == {}


def test_leaking_is_one_switch_and_loud(open_study, caplog):
    row = Row("true motion", motion="truth", bspline=False)
    learning = {"epochs": 4}
    (honest,) = open_study(classifier=learning).evaluate([row])
    assert "LEAKING" not in caplog.text
    (found,) = open_study(classifier=learning, evaluation={"leaks": ["epoch"]}).evaluate([row])
    assert "LEAKING (epoch): these scores are not results" in caplog.text
    assert found.row.name == "LEAKING (epoch): true motion"
    assert found.records[0]["settings"]["leaks"] == ["epoch"] and honest.records[0]["settings"]["leaks"] == []
    assert found.records[0]["pooled"]["accuracy"] >= honest.records[0]["pooled"]["accuracy"]


def test_a_frozen_network_has_no_epochs_to_choose_from(open_study):
    study = open_study(**synthme_2(), evaluation={"leaks": ["epoch"]})
    with pytest.raises(UsageError, match=r"set classifier\.trained to all"):
        study.evaluate([Row("yardstick", linear=True)])


def test_leaking_faces_are_those_of_the_clips(open_study, monkeypatch):
    seen = []

    def watch(self, *_, **__):
        seen.append(self.settings.motion.frames)
        return torch.zeros(12, 2, 64, 64)

    monkeypatch.setattr(Study, "motion", watch)
    row = Row("SelfME")
    for leaks in ([], ["faces"]):
        open_study(motion={"steps": 1}, evaluation={"leaks": leaks}).inputs(row)
    assert seen == ["rendered", "clips"]
    with pytest.raises(UsageError, match=r"motion\.steps is 0"):
        open_study(evaluation={"leaks": ["faces"]}).inputs(row)


def test_the_record_says_what_was_used_and_not_what_was_asked(open_study, monkeypatch, capsys):
    """Without network, `init: imagenet` starts from random weights."""

    def unreachable():
        raise OSError("no network")

    monkeypatch.setattr("selfme_lib.classifier.training.pretrained_weights", unreachable)
    asked = {"image_size": 32, "patch_size": 16, "depth": 12, "width": 384, "heads": 6, "init": "imagenet"}
    study = open_study(classifier=asked, data={"subjects": 2, "clips": 2})
    (result,) = study.evaluate([Row("truth", motion="truth", bspline=False)])
    (row,) = read_json(study.record([result]))["rows"]
    assert row["used"]["devices"] == ["cpu"]
    assert row["used"]["classifier"]["init"] == "random" and row["used"]["classifier"]["width"] == 384
    assert "starting from random weights" in capsys.readouterr().err


def test_motion_learned_by_folds_has_not_seen_the_held_out_subject(open_study, monkeypatch):
    """One learner a fold, whose pairs hold no frame of its subject; what is shown of a clip is its own fold's motion."""
    study = open_study(motion={"steps": 1, "frames": "folds"})
    people = sorted(set(study.subjects.tolist()))
    files = {subject: of_fold(study, subject).learner_file() for subject in people}
    assert len(set(files.values())) == len(people)
    counts = {clip.subject: 0 for clip in study.clips}
    for clip in study.clips:
        counts[clip.subject] += len(clip.frames)
    for subject in people:
        assert of_fold(study, subject).training_pairs().starts[-1] == sum(counts.values()) - counts[subject]
    row = Row("SelfME", gamma=1.0)
    (trial, *_) = study.experiments(row)
    shown = study.inputs(row)
    assert set(trial.motion) == set(people)
    for place, subject in enumerate(study.subjects):
        assert torch.equal(trial.motion[subject][place], shown[place])
    tasks = loso._folds(trial, study.run.folds, "cpu", loso._Inputs())
    for subject, (_, _, task) in tasks.items():
        assert task[5] == subject and np.array_equal(task[2], trial.motion[subject].numpy())


def test_rows_of_another_size_are_resized_in_value_too(open_study):
    study = open_study(classifier={"image_size": 32})
    (trial,) = study.experiments(Row("truth", motion="truth", gamma=1.0))
    assert trial.motion.shape == (12, 2, 32, 32)
    assert trial.motion.abs().max() == pytest.approx(float(study.motion("truth").abs().max()) * 31 / 63, rel=0.2)


def test_every_rival_gets_an_input_of_its_own_and_tcae_is_trained_once(open_study, monkeypatch):
    small = {"rivals": {"tcae": {"size": 32, "width": 0.0625, "steps": 1, "batch_size": 2}}}
    study = open_study(evaluation=small)
    shapes = {row.name: study.inputs(row).shape for row in table_2(study.settings)}
    rivals = study.settings.evaluation.rivals
    assert shapes["LBP-TOP"] == (12, 3 * rivals.lbp_top.blocks**2 * 16, 1, 1)
    assert shapes["Bi-WOOF"] == (12, rivals.bi_woof.blocks**2 * rivals.bi_woof.bins, 1, 1)
    assert shapes["CapsuleNet"][1:] == (3, rivals.capsule_net.size, rivals.capsule_net.size)
    assert shapes["OFF-ApexNet"] == (12, 2, 28, 28) and shapes["STSTNet"] == (12, 3, 28, 28)
    assert shapes["TCAE+FC"] == (12, 2 * 16, 1, 1)

    monkeypatch.setattr(store, "train_tcae", refuse)
    assert study.motion("tcae").shape == (12, 2, 64, 64)
    with pytest.raises(AssertionError, match="computed again"):
        open_study(seed=1, evaluation=small).tcae_file()


def test_where_a_motion_is_kept_is_known_without_training_anything(open_study, monkeypatch):
    for name in ("train", "train_tcae"):
        monkeypatch.setattr(store, name, refuse)
    study = open_study(motion={"steps": 2})
    for method in ("selfme", "tcae", "tvl1", "truth"):
        assert not study.motion_file(method, bspline=True, gamma=1.0).exists()


def test_fine_tuning_that_is_done_does_not_warn_again(open_study, caplog):
    looking = open_study(motion={"steps": 1, "frames": "clips"})
    looking.learner_file()
    caplog.clear()
    looking.learner_file()
    assert "transductive" not in caplog.text


def test_a_rival_is_a_row_like_any_other(study):
    row = next(row for row in table_2(study.settings) if row.name == "STSTNet")
    (result,) = study.evaluate([row])
    assert len(result.predictions) == len(study.clips)
    assert result.records[0]["settings"]["rival"]["method"] == "ststnet"
    study.record([result])
    assert read_json(study.run.metrics)["rows"][0]["name"] == "STSTNet"


def test_motion_that_was_given_is_what_the_picture_says(open_study, tmp_path):
    rows = []
    for subject in ("a", "b"):
        for number in range(3):
            pixels = np.full((40, 40, 3), (0, 128, 128), np.uint8)  # blue, green, red: nothing moves,
            pixels[:, 25:] = (255, 128, 255)  # but a part of the face, to the right, strained
            assert cv2.imwrite(str(tmp_path / f"{subject}_{number}.png"), pixels)
            rows.append(f"{subject},{number},{number}")
    (tmp_path / "labels.csv").write_text("\n".join(["subject,clip,label", *rows]))
    study = open_study(data={"dataset": "features", "root": str(tmp_path)})
    vit, *_ = table_3_with_tcae(study.settings)
    seen = study.inputs(vit)
    assert seen.shape == (6, 2, 64, 64) and seen[:, 1].eq(0).all()
    assert seen[:, 0, :, 44:].eq(1).all() and seen[:, 0, :, :36].eq(0).all()
    row = next(row for row in table_2(study.settings) if row.name == "STSTNet")
    assert study.inputs(row)[0, :, 3, -3].tolist() == [1, 0, 1]
    results = study.evaluate([vit, row])
    assert [len(result.predictions) for result in results] == [6, 6]


def test_the_majority_is_that_of_the_other_subjects(study):
    result = study.majority()
    labels = {clip.key: clip.label for clip in study.clips}
    assert len(result.predictions) == len(labels) > 0
    for line in result.predictions.itertuples():
        others = [label for key, label in labels.items() if not key.startswith(line.subject)]
        assert others.count(line.prediction) == max(map(others.count, range(3)))
    hits = (result.predictions["label"] == result.predictions["prediction"]).mean()
    assert result.records[0]["pooled"]["accuracy"] == pytest.approx(hits)


def test_metrics_json_grows_row_by_row(study):
    majority = study.majority()
    (truth,) = study.evaluate([Row("truth", motion="truth")])
    study.record([majority])
    study.record([truth, majority])
    metrics = read_json(study.run.metrics)
    assert [row["name"] for row in metrics["rows"]] == ["majority class", "truth"]
    assert [set(seconds) for seconds in metrics["times"]["rows"]] == [set(), {"01", "02", "03"}]
    assert metrics["profile"] == profiles.to_dict(study.settings)
    assert metrics["dataset"] == {"name": "synthme", "fingerprint": dataset_fingerprint(study.clips)}
    assert np.sum(metrics["rows"][1]["confusion"]) == len(study.clips)


def test_what_needs_the_truth_gets_synthme_whatever_is_recognised(study, open_study):
    assert study.rendered is study
    data = {"dataset": "smic", "root": "somewhere", "apex_rule": "middle", "size": 96}
    rendered = open_study(data=data).rendered.settings.data
    assert (rendered.dataset, rendered.root, rendered.apex_rule) == ("synthme", "", "label")
    assert rendered.size == 96


def test_the_checkpoint_without_fine_tuning_is_the_profiles(study):
    assert str(study.learner_file()) == study.settings.motion.checkpoint
    assert study.changed(motion={"checkpoint": "printed"}).learner_file() == checkpoint.PRINTED


def test_a_study_with_other_settings_keeps_the_clips_it_has_read(study):
    clips = study.clips
    assert study.changed(evaluation={"seeds": 3}).clips is clips
    assert study.changed(data={"clips": 2}).clips is not clips
    assert study.changed(evaluation={"seeds": 3}).settings.evaluation.seeds == 3
    with pytest.raises(UsageError, match="did you mean seeds"):
        study.changed(evaluation={"seds": 3})


def test_recordings_are_cut_out_before_anything_is_measured(open_study, tmp_path):
    """SAMM as recorded: grey, the head far away. Without its faces cut out it is another data set."""
    root = trees.samm(tmp_path / "samm", rows=trees.SAMM_ROWS[1:4])
    for path in root.rglob("*.jpg"):
        face = recordings.record(int(path.parent.name[-1]) % 2)
        cv2.imwrite(str(path), cv2.cvtColor(face, cv2.COLOR_RGB2GRAY))
    data = {"dataset": "samm", "root": str(root)}
    aligned = open_study(data=data).clips
    assert all(clip.aligned is not None for clip in aligned)
    onset, _ = load_onset_apex(aligned, 64)
    assert onset.shape == (3, 3, 64, 64) and onset[0].std() > 0.05
    as_they_are = open_study(data={**data, "align": False}).clips
    assert all(clip.aligned is None for clip in as_they_are)
    assert dataset_fingerprint(aligned) != dataset_fingerprint(as_they_are)
    pairs = open_study(motion={"frames": "clips"}, data=data).training_pairs()
    assert torch.equal(torch.from_numpy(pairs.frames[0].copy()).permute(2, 0, 1).float() / 255, onset[0])


def test_the_apex_of_smic_by_every_rule(open_study, tmp_path):
    root = trees.smic_cropped(tmp_path / "smic")
    (tmp_path / "apex.csv").write_text(
        "subject,clip,apex\n" + "".join(f"{key.replace('/', ',')},36238\n" for key in trees.SMIC_KEYS)
    )
    chosen = {}
    for rule, more in {"middle": {}, "largest": {"apex_method": "dis"}, "list": {"apex_list": "apex.csv"}}.items():
        more = {name: str(tmp_path / value) if name == "apex_list" else value for name, value in more.items()}
        data = {"dataset": "smic", "root": str(root), "apex_rule": rule, **more}
        clips = open_study(data=data).clips
        assert all(clip.onset < clip.apex <= clip.offset for clip in clips)
        chosen[rule] = [clip.apex for clip in clips]
    assert set(chosen["list"]) == {36238} and chosen["middle"] == [clip.middle for clip in clips]


def test_the_composite_has_a_fold_for_each_subject_of_each_set(open_study, tmp_path):
    data = {"dataset": "composite", "root": str(trees.composite(tmp_path)), "apex_rule": "middle", "align": False}
    clips = open_study(data=data).clips
    assert len(clips) == 16 and all(clip.apex is not None for clip in clips)
    assert len({clip.subject for clip in clips}) == 9
    onset, apex = load_onset_apex(clips, 32)
    assert (onset - apex).abs().amax((1, 2, 3)).min() > 0


def test_the_five_emotions_of_casme2_go_from_the_frames_to_the_tables(open_study, tmp_path):
    """ViT, a rival and the majority class; of one held-out subject no other shows the class."""
    data = {"dataset": "casme2", "root": str(trees.casme2(tmp_path)), "classes": 5, "align": False}
    study = open_study(data=data, evaluation={"workers": 1}, motion={"methods": ["zero"]})
    rows = [
        Row(name="ViT", motion="zero", sc=False),
        *(row for row in table_2(study.settings) if row.name == "STSTNet"),
    ]
    results = [study.majority(), *study.evaluate(rows)]
    for result in results:
        assert result.confusion.shape == (5, 5) and result.confusion.sum() == len(study.clips) == 7
        assert per_class([result])["class"].tolist() == list(FIVE_CLASSES)
        assert per_class([result])["clips"].tolist() == [2, 1, 2, 1, 1]
        assert 0 <= result.score("uar")[0] <= 1
    assert {len(one["probabilities"]) for result in results[1:] for one in result.records[0]["predictions"]} == {5}
    with pytest.raises(UsageError, match="synthme in 5 classes: every data set has 3, casme2 also 5"):
        open_study(data={"classes": 5})


def synthme_2(**sections):
    data = {"version": "synthme-2", "ends": True, "subjects": 3, "clips": 4}
    return {**sections, "data": data}


def test_the_protocol_fresh_trains_on_the_study_and_tests_on_people_of_their_own(open_study):
    study = open_study(**synthme_2(), evaluation={"fresh": 2})
    row = Row("linear", motion="farneback", linear=True)
    with pytest.raises(UsageError, match="fresh people are seen once"):
        _ = study.fresh.clips
    (fresh,) = study.evaluate([row], protocol="fresh")
    (own,) = study.evaluate([row])
    assert study.fresh.settings.data.first_identity == 200  # those before were in earlier tables
    assert sorted(set(fresh.predictions["subject"])) == ["fresh-01", "fresh-02"]
    assert sorted(set(own.predictions["subject"])) == ["01", "02", "03"]
    assert (fresh.protocol, own.protocol, len(fresh.records[0]["predictions"])) == ("fresh", "loso", 8)
    study.record([fresh])
    study.record([own])
    kept = read_json(study.run.metrics)["rows"]
    assert [one["settings"]["protocol"] for one in kept] == ["fresh", "loso"]


def test_what_cannot_have_fresh_people_is_refused(open_study, tmp_path):
    clip = table_2(open_study().settings)[0]
    with pytest.raises(UsageError, match="LBP-TOP looks at whole clips"):
        open_study(**synthme_2(), evaluation={"fresh": 2}).evaluate([clip], protocol="fresh")
    elsewhere = open_study(data={"root": str(tmp_path)})
    with pytest.raises(UsageError, match="only rendered SynthME has"):
        elsewhere.evaluate([Row("x")], protocol="fresh")
    leaking = open_study(evaluation={"leaks": ["epoch"]})
    with pytest.raises(UsageError, match="would not be fresh"):
        leaking.evaluate([Row("x")], protocol="fresh")


def test_the_three_forms_of_motion_are_methods_of_a_study(open_study, monkeypatch):
    study = open_study(**synthme_2(), motion={"checkpoint": "plus"})
    plus = study.motion("plus")
    assert torch.equal(study.motion("selfme"), plus)  # the profile's learner is the same one
    printed = study.motion("printed")
    assert plus.shape == printed.shape and not torch.equal(plus, printed)
    with pytest.raises(UsageError, match=r"motion.steps: plus is learned in closed form"):
        study.changed(motion={"steps": 3}).motion("selfme")


def test_gamma_at_the_test_alone_amplifies_the_held_out_clips_and_nobody_elses(open_study):
    study = open_study(**synthme_2(), evaluation={"fresh": 2, "seeds": 1})
    row = Row("x", motion="farneback", gamma=3.0, gamma_train=1.0, linear=True)
    (trial,) = study.experiments(row)
    once = study.inputs(Row("y", motion="farneback", gamma=1.0, linear=True))
    torch.testing.assert_close(trial.motion, once)
    torch.testing.assert_close(trial.tested, 3 * once)
    with final_tables():
        (fresh,) = study.experiments(row, protocol="fresh")
        torch.testing.assert_close(fresh.motion[: len(once)], once)
        torch.testing.assert_close(fresh.motion[len(once) :], study.fresh.inputs(row))


@pytest.mark.parametrize("condition", ["grey", "yaw15"])
def test_a_condition_changes_the_clips_that_are_tested_and_not_those_that_are_trained_on(open_study, condition):
    study = open_study(**synthme_2())
    plain = Row("x", motion="farneback", gamma=1.0, linear=True)
    (trial,) = study.experiments(replace(plain, tested_under=condition))
    other = study.under(condition)
    assert torch.equal(trial.motion, study.inputs(plain)) and torch.equal(trial.tested, other.inputs(plain))
    assert [clip.label for clip in other.clips] == [clip.label for clip in study.clips]
    before, after = (load_onset_apex(one.clips[:2], 64)[0] for one in (study, other))
    if condition == "grey":
        luminance = before.mul(torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1)
        assert after[:, 0].equal(after[:, 1]) and after[:, 0].equal(after[:, 2])
        assert (after[:, 0] - luminance).abs().max() < 2 / 255
        assert torch.equal(other.motion("truth"), study.motion("truth"))  # colours do not move
    else:
        assert (after - before).abs().mean() > 0.02
        assert not torch.equal(other.motion("truth"), study.motion("truth"))
        assert not torch.equal(trial.tested, trial.motion)  # Farneback's never sees colours


def test_recorded_heads_cannot_be_turned(open_study, tmp_path):
    with pytest.raises(UsageError, match="yaw15: heads of casme2 cannot be turned"):
        open_study(data={"dataset": "casme2", "root": str(tmp_path)}).under("yaw15")


def test_what_is_read_of_a_motion_is_kept_and_the_motion_is_not_looked_at_again(open_study, monkeypatch):
    row = Row("x", motion="farneback", gamma=1.0, linear=True)
    study = open_study()
    read = study.inputs(row)
    motion = resize_flow(study.motion("farneback"), (64, 64))
    assert read.shape == (12, 2, 8, 8)
    torch.testing.assert_close(read.flatten(1), cell_means(motion))
    monkeypatch.setattr(Study, "motion", refuse)
    assert torch.equal(open_study().inputs(row), read)
    with pytest.raises(AssertionError, match="computed again"):
        open_study(classifier={"image_size": 32}).inputs(row)


def test_a_data_set_of_the_composite_is_left_out(open_study, tmp_path):
    data = {"dataset": "composite", "root": str(trees.composite(tmp_path)), "apex_rule": "middle", "align": False}
    study = open_study(data=data)
    (result,) = study.evaluate([Row("x", motion="farneback", linear=True)], protocol="lodo")
    assert set(result.fold_seconds[0]) == {"casme2", "smic", "samm"}
    assert len(result.predictions) == len(study.clips) and result.protocol == "lodo"
    people = {clip.subject for clip in study.clips if clip.dataset == "smic"}
    part = part_of(result, people)
    assert set(part.predictions["subject"]) == people
    together = sum(part_of(result, {name}).confusion for name in set(study.subjects.tolist()))
    assert np.array_equal(together, result.confusion)
    with pytest.raises(UsageError, match="synthme is one data set"):
        open_study().evaluate([Row("x", motion="farneback", linear=True)], protocol="lodo")
