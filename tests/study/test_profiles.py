import dataclasses

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from selfme_lib.classifier.network import ClassifierConfig
from selfme_lib.motion import checkpoint
from selfme_lib.motion.settings import TrainingConfig
from selfme_lib.runtime.errors import UsageError
from selfme_lib.study import profiles, rows


@pytest.mark.parametrize("name", ["smoke", "quick", "gpu", "paper"])
def test_a_profile_file_holds_every_value_and_nothing_else(name):
    values = yaml.safe_load((profiles.PROFILES / f"{name}.yaml").read_text())
    assert set(values) == {"profile", "seed", *profiles.SECTIONS}
    for section, kind in profiles.SECTIONS.items():
        assert set(values[section]) == {field.name for field in dataclasses.fields(kind)}
    assert profiles.to_dict(profiles.load(name)) == values  # so papermill's -f and load("name") are the same


def test_the_paper_profile_is_the_papers():
    paper = profiles.load("paper")
    classifier = paper.classifier
    assert (classifier.depth, classifier.width, classifier.heads, classifier.patch_size) == (12, 384, 6, 16)  # ViT-S/16
    assert (classifier.epochs, classifier.batch_size, classifier.lr, classifier.lr_decay) == (60, 32, 1e-4, 0.9)
    assert (classifier.omega, classifier.tau, paper.motion.gamma, paper.motion.lr) == (0.1, 0.07, 2, 2e-6)


def test_the_paper_profiles_stage_1_is_the_papers():
    """§3.2 and §4.3: no matching, contrast, homes, second pass or dense term; VGG-19; fine-tuned on the data set, by folds."""
    paper = profiles.load("paper").motion
    form = checkpoint.load(checkpoint.start_of(paper.checkpoint)).config
    assert (form.matching, form.contrast, form.reach, form.passes) == (False, False, None, 1)
    training = paper.training(seed=3)
    assert (training.perceptual, training.lambda_dense, training.augmentation, training.seed) == ("vgg19", 0, None, 3)
    rates = [training.learning_rate(epoch * training.steps // 35) for epoch in (0, 19, 20, 29, 30)]
    assert rates == pytest.approx([2e-6, 2e-6, 2e-7, 2e-7, 2e-8])
    assert (paper.frames, paper.gamma, paper.bspline) == ("folds", 2, True)
    ours = profiles.load("gpu").motion
    assert (ours.checkpoint, ours.steps, ours.frames) == ("plus", 0, "rendered")  # not the paper's form, and it says so


def test_every_setting_of_the_motions_training_is_in_a_profile():
    for field in dataclasses.fields(TrainingConfig):
        if field.name != "seed":
            assert field.name in {other.name for other in dataclasses.fields(profiles.MotionProfile)}
    assert profiles.load("quick", motion={"steps": 120}).motion.training(0) == TrainingConfig(
        steps=120, batch_size=4, lr=1e-4, schedule="one-cycle", seed=0
    )


def test_values_can_be_changed_and_the_rest_stays():
    quick, other = profiles.load("quick"), profiles.load("quick", classifier={"epochs": 3, "lr": 1}, seed=7)
    assert (other.classifier.epochs, other.seed) == (3, 7)
    assert isinstance(other.classifier.lr, float)
    assert (
        dataclasses.replace(other.classifier, epochs=quick.classifier.epochs, lr=quick.classifier.lr)
        == quick.classifier
    )
    assert other.data == quick.data


def test_parameters_of_a_notebook_give_the_profile_back():
    before = profiles.load("quick", data={"subjects": 5}, evaluation={"workers": 1})
    parameters = profiles.to_dict(before)
    assert profiles.load(parameters.pop("profile"), **parameters) == before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: profiles.load("quik"), "profile quik is unknown; did you mean quick?"),
        (lambda: profiles.load("quick", clasifier={}), "clasifier is unknown; did you mean classifier?"),
        (lambda: profiles.load("quick", classifier={"epoch": 1}), "classifier.epoch is unknown; did you mean epochs?"),
        (
            lambda: profiles.load("quick", classifier={"epochs": "x"}),
            "classifier.epochs: expected a whole number, got 'x'",
        ),
        (lambda: profiles.load("quick", classifier={"epochs": 2.5}), "classifier.epochs: expected a whole number"),
        (lambda: profiles.load("quick", classifier={"epochs": True}), "classifier.epochs: expected a whole number"),
        (lambda: profiles.load("quick", classifier={"flip": 1}), "classifier.flip: expected true or false"),
        (lambda: profiles.load("quick", classifier={"lr": "1e-4"}), "write 1.0e-4"),
        (lambda: profiles.load("quick", classifier={"precision": "bf8"}), "bf8 is unknown; did you mean bf16?"),
        (
            lambda: profiles.load("quick", data={"dataset": "smick"}),
            "data.dataset: smick is unknown; did you mean smic?",
        ),
        (
            lambda: profiles.load("quick", motion={"methods": ["tvl"]}),
            "motion.methods: tvl is unknown; did you mean tvl1?",
        ),
        (lambda: profiles.load("quick", motion={"methods": "tvl1"}), "motion.methods: expected a list"),
        (lambda: profiles.load("quick", motion=3), "motion: expected names and values, got 3"),
        (lambda: profiles.load("missing.yaml"), "missing.yaml: no such file"),
    ],
)
def test_a_mistake_is_named_in_one_line(call, message):
    with pytest.raises(UsageError) as error:
        call()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_settings_that_do_not_fit_together_are_told_without_all_the_others():
    with pytest.raises(UsageError) as error:
        profiles.load("smoke", classifier={"width": 32, "heads": 3})
    assert str(error.value).startswith("classifier: ") and "heads" in str(error.value)
    assert "{" not in str(error.value) and "image_size" not in str(error.value)


def test_a_file_of_ones_own_holds_only_what_differs(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("profile: smoke\nclassifier: {epochs: 2}\n")
    mine = profiles.load(str(path))
    assert mine == profiles.load("smoke", classifier={"epochs": 2})
    assert profiles.load(str(path), classifier={"epochs": 4}).classifier.epochs == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classifier: {epochs: 2}", "expected a line `profile: NAME`"),
        ("profile: smoke\nclasifier: {}", "clasifier is unknown"),
        ("profile: [smoke", "not valid YAML"),
        ("just words", "expected `name: value` lines"),
    ],
)
def test_a_faulty_file_is_named(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"mine\.yaml") as error:
        profiles.load(str(path))
    assert message in str(error.value)


def test_a_missing_value_is_named(tmp_path):
    for name in ("smoke", "quick"):
        (tmp_path / f"{name}.yaml").write_text((profiles.PROFILES / f"{name}.yaml").read_text())
    text = (tmp_path / "smoke.yaml").read_text().replace("  tau: 0.07\n", "")
    (tmp_path / "smoke.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"classifier\.tau: no value given"):
        profiles.load("smoke", folder=tmp_path)


@settings(deadline=None)  # each example reads a file
@given(name=st.text(min_size=1, max_size=12))
def test_no_unknown_name_is_ever_ignored(name):
    known = {field.name for field in dataclasses.fields(ClassifierConfig)}
    if name not in known:
        with pytest.raises(UsageError):
            profiles.load("smoke", classifier={name: 1})


def test_one_rivals_epochs_leave_the_others_as_they_are(tmp_path):
    own = tmp_path / "mine.yaml"
    own.write_text("profile: smoke\nevaluation: {rivals: {ststnet: {epochs: 7}}}\n")
    rivals, before = profiles.load(str(own)).evaluation.rivals, profiles.load("smoke").evaluation.rivals
    assert rivals.ststnet == dataclasses.replace(before.ststnet, epochs=7)
    assert dataclasses.replace(rivals, ststnet=before.ststnet) == before


def test_the_paper_profile_has_every_rival_at_its_own_size():
    rivals = profiles.load("paper").evaluation.rivals
    networks = [value for value in vars(rivals).values() if hasattr(value, "width")]
    assert {network.width for network in networks} == {1.0}
    assert (rivals.ststnet.size, rivals.vgg16.size, rivals.tcae.size) == (28, 224, 256)


def test_table_1_has_table_3s_rows_without_a_spline():
    """What TV-L1's rows are to be compared with, since they have none."""
    quick = profiles.load("quick")
    ablation = {dataclasses.replace(row, name="") for row in rows.table_1(quick)}
    learned = [row for row in rows.table_3(quick) if row.motion == "selfme"]
    assert len(learned) == 2 and not any(row.bspline for row in rows.table_3(quick) if row.motion == "tvl1")
    assert {dataclasses.replace(row, name="", bspline=False) for row in learned} <= ablation
