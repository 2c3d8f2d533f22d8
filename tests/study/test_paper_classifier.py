"""The paper's classifier at its full size, as far as a machine without a GPU can: every operation, and no arithmetic."""

from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from selfme_lib.classifier.checkpoint import load_pretrained
from selfme_lib.classifier.network import VIT_SMALL, ClassifierConfig, build_classifier
from selfme_lib.classifier.training import classification_loss, trained_part
from selfme_lib.study import classifier_pretraining, profiles
from selfme_lib.study.classifier_pretraining import ClassifierRecipe
from selfme_lib.study.rows import table_1

PAPER = {  # §4.3
    "image_size": 224, "epochs": 60, "batch_size": 32, "lr": 1e-4, "schedule": "exponential", "lr_decay": 0.9, "omega": 0.1,
    "tau": 0.07, "init": "imagenet", "trained": "all", "pool": "class", **VIT_SMALL,
}  # fmt: skip


@pytest.mark.parametrize("name", ["gpu", "paper"])
def test_profiles_for_gpus_have_the_settings_of_the_paper(name):
    profile = profiles.load(name)
    assert {key: getattr(profile.classifier, key) for key in PAPER} == PAPER
    assert profile.motion.gamma == 2.0 and {row.gamma for row in table_1(profile)} == {1.0, 2.0}
    assert {0.1} < set(profile.evaluation.omegas) and {0.07} < set(profile.evaluation.taus)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"precision": "bf16"},
        {"denominator": "all", "channels": 3},
        {"contrast_on": "encoder", "mirror": True, "precision": "bf16"},
        {"trained": "last", "omega": 0.0, "pool": "all"},
    ],
)
def test_a_step_of_its_training_at_full_size(changes):
    """Forward, both losses, backward and optimiser, with tensors that have shapes and types and no numbers."""
    config = replace(profiles.load("gpu").classifier, init="random", **changes)
    model = build_classifier(config).train()
    if config.pool == "class" and config.channels == 2:
        assert sum(weight.numel() for weight in model.parameters()) == 21_716_355
    mode = FakeTensorMode()
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            setattr(module, name, torch.nn.Parameter(mode.from_tensor(weight.detach())))
    with mode:
        trained = trained_part(config, model)
        optimiser = torch.optim.AdamW(trained, lr=config.lr, fused=True)
        motion, labels = torch.randn(config.batch_size, 2, 224, 224), torch.randint(3, (config.batch_size,))
        loss = classification_loss(config, model, motion, labels)
        assert loss.shape == () and loss.dtype == torch.float32
        loss.backward()
        assert all(weight.grad is not None and weight.grad.dtype == torch.float32 for weight in trained)
        optimiser.step()
        assert model(motion).shape == (32, 3)


def test_vit_small_is_pretrained_by_the_same_command_and_resumes(tmp_path, monkeypatch):
    """`--network vit-small` is ViT-S/16; a small one of its kind is trained, killed, and ends as if it had not been."""
    assert all(getattr(ClassifierConfig(), name) == value for name, value in VIT_SMALL.items())
    small = replace(ClassifierConfig(), image_size=32, depth=1, width=24, heads=2)
    monkeypatch.setattr(classifier_pretraining, "ClassifierConfig", lambda: small)
    training = {"steps": 2, "batch_size": 2}
    recipe = ClassifierRecipe(
        network="vit-small",
        motions=("farneback",),
        persons=2,
        validation_persons=1,
        pairs=2,
        training=classifier_pretraining.ClassifierPretraining(**training),
    )
    real = classifier_pretraining.pretraining.learn

    def killed(*arguments, **options):
        real(*arguments, every=1, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(classifier_pretraining.pretraining, "learn", killed)
    with pytest.raises(KeyboardInterrupt):
        classifier_pretraining.pretrain_classifier(tmp_path / "run", recipe, workers=1)
    assert (tmp_path / "run" / "classifier.state").is_file()
    monkeypatch.setattr(classifier_pretraining.pretraining, "learn", real)
    monkeypatch.setattr(classifier_pretraining, "render_pairs", lambda path, *_, **__: path)  # nothing is made again
    path = classifier_pretraining.pretrain_classifier(tmp_path / "run", recipe, workers=1)
    network = load_pretrained(replace(small, init="units"), path=path)
    assert network(torch.zeros(1, 2, 32, 32)).shape == (1, 3)
    assert not (tmp_path / "run" / "classifier.state").exists()
