from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from selfme_lib.classifier import checkpoint, frozen, pretraining
from selfme_lib.classifier.linear import LinearConfig
from selfme_lib.classifier.network import ClassifierConfig, build_classifier
from selfme_lib.classifier.pretraining import ClassifierPretraining, Examples, learn
from selfme_lib.classifier.symmetry import flip_motion, symmetric_contrastive_loss
from selfme_lib.classifier.training import begin_classifier, train_classifier
from selfme_lib.runtime.errors import DataError, UsageError

SMALL = ClassifierConfig(image_size=32, patch_size=8, depth=1, width=16, heads=2, pool="all", epochs=2, batch_size=8)
SHORT = ClassifierPretraining(steps=60, batch_size=16, lr=3e-3, shift=0.0, zoom=0.0)


def toy(count, seed=0):
    """Three units: each moves its own corner up, left and right apart; the motion says all about them."""
    generator = np.random.default_rng(seed)
    units = generator.normal(0, 1, (count, 3, 2)) * (generator.random((count, 3, 2)) < 0.5)
    motion = np.zeros((count, 2, 32, 32))
    for unit in range(3):
        rows = slice(10 * unit, 10 * unit + 10)
        motion[:, 1, rows, :16] -= units[:, unit, 0, None, None]
        motion[:, 1, rows, 16:] -= units[:, unit, 1, None, None]
    return Examples(motion.astype(np.float16), units.astype(np.float32))


SEEN, OTHERS = toy(200), toy(60, seed=1)


def network(task="units", seed=0):
    torch.manual_seed(seed)
    return build_classifier(SMALL, classes=pretraining.targets_of(task, units=3, patches=4))


def run(tmp_path, task="units", config=SHORT, **options):
    model = network(task)
    config = replace(config, task=task)
    curve = learn(
        model, SEEN, OTHERS, config, side=32, state=tmp_path / "run.state", every=30, progress=False, **options
    )
    return model, curve


@pytest.mark.parametrize("task", ["units", "motion"])
def test_the_task_is_learned_and_measured_on_other_people(tmp_path, task):
    model, curve = run(tmp_path, task, replace(SHORT, steps=300))
    assert [record["step"] for record in curve] == list(range(30, 301, 30))
    assert (
        curve[-1]["explained"] > (0.6 if task == "units" else 0.25) and curve[-1]["explained"] > curve[0]["explained"]
    )
    assert not model.training


def test_half_of_the_faces_are_mirrored_with_their_units():
    mirrored = 0
    config = replace(SHORT, strength=(1.0, 1.0))
    for step in range(6):
        motion, units, _ = pretraining._draw(SEEN, config, 32, step)
        for some, unit in zip(motion, units):
            same = np.abs(SEEN.motion - some.numpy()).max((1, 2, 3)) < 2e-3
            turned = np.abs(SEEN.motion - flip_motion(some[None]).numpy()).max((1, 2, 3)) < 2e-3
            place = int((same | turned).argmax())
            assert (same | turned)[place]
            wanted = SEEN.units[place] if same[place] else SEEN.units[place][:, ::-1]
            np.testing.assert_allclose(unit, wanted, atol=1e-5)
            mirrored += int(not same[place])
    assert 25 < mirrored < 70  # of 96


def test_a_stronger_motion_has_stronger_units():
    motion, units, _ = pretraining._draw(SEEN, replace(SHORT, strength=(3.0, 3.0)), 32, 0)
    weak, few, _ = pretraining._draw(SEEN, replace(SHORT, strength=(1.0, 1.0)), 32, 0)
    torch.testing.assert_close(motion, 3 * weak)
    torch.testing.assert_close(units, 3 * few)


def test_hidden_patches_are_not_seen():
    """Whatever a hidden patch shows, the network says the same."""
    task = pretraining._Task(network("motion").eval(), replace(SHORT, task="motion"))
    motion = torch.from_numpy(SEEN.motion[:4]).float()
    units = torch.from_numpy(SEEN.units[:4])
    told, wanted = task(motion, units, torch.Generator().manual_seed(0))
    shown = torch.rand(4, 16, generator=torch.Generator().manual_seed(0)) >= SHORT.masked
    visible = shown.unflatten(1, (4, 4)).repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None]
    again, other = task(torch.where(visible, motion, 9 * motion + 1), units, torch.Generator().manual_seed(0))
    torch.testing.assert_close(told, again)
    assert not torch.allclose(wanted, other) and told.shape == wanted.shape == (4, 128)


def test_a_killed_training_resumes_and_ends_the_same(tmp_path, monkeypatch):
    whole, curve = run(tmp_path / "whole" if (tmp_path / "whole").mkdir() is None else tmp_path)
    real, state = pretraining._save, tmp_path / "run.state"

    def die(*arguments):
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(pretraining, "_save", die)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.setattr(pretraining, "_save", real)
    resumed, again = run(tmp_path)
    assert again == curve and state.is_file()
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0)


def test_the_state_of_another_training_and_a_damaged_one_are_named(tmp_path):
    run(tmp_path)
    with pytest.raises(DataError, match=r"run.state: belongs to a training with other settings"):
        run(tmp_path, config=replace(SHORT, seed=1))
    others = Examples(-SEEN.motion, SEEN.units)  # of the same shape
    with pytest.raises(DataError, match=r"run.state: belongs to a training with other settings"):
        learn(network(), others, OTHERS, SHORT, side=32, state=tmp_path / "run.state", progress=False)
    content = bytearray((tmp_path / "run.state").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "run.state").write_bytes(content)
    with pytest.raises(DataError, match=r"run.state: damaged"):
        run(tmp_path)


def test_a_training_that_diverges_is_one_line(tmp_path):
    broken = Examples(np.full_like(SEEN.motion, np.nan), SEEN.units)
    with pytest.raises(DataError, match="classifier, step"):
        learn(network(), broken, OTHERS, SHORT, side=32, state=tmp_path / "run.state", every=5, progress=False)


@pytest.fixture
def weights(tmp_path):
    model = network()
    path = tmp_path / "units.safetensors"
    checkpoint.save_pretrained(model, SMALL, path, recipe="a toy")
    return path, model


def test_weights_come_back_but_for_the_last_layer(weights):
    path, model = weights
    loaded = checkpoint.load_pretrained(SMALL, classes=5, path=path)
    for name, value in model.state_dict().items():
        if not name.startswith("head.2."):
            torch.testing.assert_close(loaded.state_dict()[name], value, rtol=2e-3, atol=1e-3)
    assert loaded.head[2].out_features == 5
    assert 2 * sum(value.numel() for value in model.state_dict().values()) + 4000 > path.stat().st_size


def test_another_form_of_network_is_refused_with_what_to_set(weights):
    with pytest.raises(UsageError, match=r"classifier.init: .* need depth 1"):
        checkpoint.load_pretrained(replace(SMALL, depth=2), path=weights[0])
    weights[0].write_bytes(b"x" * 100)
    with pytest.raises(DataError, match=r"units.safetensors: not a checkpoint of a classifier"):
        checkpoint.load_pretrained(SMALL, path=weights[0])


def test_training_begins_with_the_weights_and_changes_only_what_it_should(weights, monkeypatch):
    path, model = weights
    monkeypatch.setitem(checkpoint.SHIPPED, "units", path)
    motion, labels = torch.from_numpy(SEEN.motion[:24]).float(), torch.arange(24) % 3
    config = replace(SMALL, init="units", lr=1e-2)
    start = begin_classifier(config, classes=3).state_dict()
    torch.testing.assert_close(start["read.weight"], model.read.weight.detach(), rtol=2e-3, atol=1e-3)
    changed = {}
    for trained in ("all", "last", "head"):
        after = train_classifier(replace(config, trained=trained), motion, labels, seed=0, progress=False).state_dict()
        changed[trained] = {name.split(".")[0] for name in after if not torch.equal(after[name], start[name])}
    assert changed["head"] == {"head"}
    assert changed["last"] == {"head", "read", "vit"}
    assert changed["all"] == {"head", "read", "vit", "patch_embed"}


def test_a_frozen_network_is_read_once_as_it_is_and_mirrored(weights):
    path, _ = weights
    trunk = checkpoint.load_pretrained(SMALL, path=path).eval()
    motion = torch.from_numpy(SEEN.motion[:70]).float()
    seen = frozen.describe(trunk.describe_regions, motion, batch_size=32)
    assert seen.shape == (70, 2, 4, 16)
    with torch.no_grad():
        for view, some in enumerate((motion, flip_motion(motion))):
            pooled = trunk.pool(trunk.encode(trunk.embed_patches(some)))
            torch.testing.assert_close(seen[:, view].sum(1), pooled, atol=1e-5, rtol=1e-4)
    labels = torch.from_numpy((SEEN.units[:70, :, 0].argmax(1)).astype(np.int64))
    found = frozen.fit_predict(LinearConfig(c=10.0), seen, labels, seen[:10])
    assert (found.argmax(1) == labels[:10]).float().mean() > 0.6


@pytest.mark.parametrize("omega", [0.0, 1.0])
def test_a_head_is_trained_on_what_a_frozen_network_reads(weights, monkeypatch, omega):
    path, _ = weights
    monkeypatch.setitem(checkpoint.SHIPPED, "units", path)
    trunk = checkpoint.load_pretrained(SMALL, path=path).eval()
    seen = frozen.describe(trunk.describe_regions, torch.from_numpy(SEEN.motion[:90]).float())
    labels = torch.from_numpy((SEEN.units[:90, :, 0].argmax(1)).astype(np.int64))
    config = replace(SMALL, trained="head", init="units", omega=omega, lr=5e-3, epochs=40, flip=True)
    found, other = frozen.fit_predict_heads(config, seen, labels, seen[:30], seed=[0, 1])
    (again,) = frozen.fit_predict_heads(config, seen, labels, seen[:30], seed=[0])
    torch.testing.assert_close(found, again, rtol=0.01, atol=1e-3)  # what is trained beside it changes nothing
    assert (found - other).abs().max() > 0.02
    torch.testing.assert_close(found.sum(1), torch.ones(30))
    assert (found.argmax(1) == labels[:30]).float().mean() > 0.6


@pytest.mark.parametrize("omega", [0.0, 0.5])
def test_a_curve_of_each_head_holds_the_mean_losses_of_all_clips_of_an_epoch(omega):
    generator = torch.Generator().manual_seed(0)
    seen, labels = torch.randn(20, 2, 4, 6, generator=generator), torch.arange(20) % 3
    still = replace(SMALL, trained="head", init="units", omega=omega, lr=1e-30, epochs=3)  # nothing is learnt
    heads = frozen.Heads(seen, classes=3, seeds=[4, 5])
    embedded = heads.embed(heads.scaled(seen[:, 0]).expand(2, -1, -1, -1))
    logits = heads.classify(embedded)
    cross_entropy = torch.stack([F.cross_entropy(one, labels) for one in logits.detach()])
    contrasted = torch.stack(
        [symmetric_contrastive_loss(one, labels, tau=still.tau, denominator=still.denominator) for one in embedded]
    )
    for batch_size in (16, 20):  # a batch of four behind one of sixteen, or all at once
        curve = {}
        config = replace(still, batch_size=batch_size)
        found = frozen.fit_predict_heads(config, seen, labels, seen, seed=[4, 5], curve=curve)
        assert set(curve) == ({"loss", "cross_entropy"} if omega else {"loss"})
        alone = curve["cross_entropy" if omega else "loss"]
        torch.testing.assert_close(alone, cross_entropy[:, None].expand(2, 3))
    torch.testing.assert_close(curve["loss"], (cross_entropy + omega * contrasted.detach())[:, None].expand(2, 3))
    assert torch.equal(found, frozen.fit_predict_heads(config, seen, labels, seen, seed=[4, 5]))


def test_a_frozen_network_must_be_a_pretrained_one():
    with pytest.raises(UsageError, match="trained: head and linear need a pre-trained network"):
        frozen.trunk(replace(SMALL, trained="head"))
