import hashlib
import time
from copy import deepcopy
from dataclasses import replace

import pytest
import safetensors.torch
import timm
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from timm.models.vision_transformer import VisionTransformer

from selfme_lib.classifier import imagenet, training
from selfme_lib.classifier.augmentation import augment
from selfme_lib.classifier.network import ClassifierConfig, SCViT, build_classifier
from selfme_lib.classifier.symmetry import flip_motion, region_embeddings, symmetric_contrastive_loss
from selfme_lib.classifier.training import (
    begin_classifier,
    classification_loss,
    epoch_order,
    fit_predict,
    predict,
    resolve_for_device,
    train_classifier,
)
from selfme_lib.grids import identity_grid, optical_strain
from selfme_lib.runtime.errors import DataError
from toy_motion import TINY, moving_blobs

SMALL = ClassifierConfig(image_size=64, depth=2, width=24, heads=2)
FORMS = {
    "qk_norm": {"qk_norm": True},
    "layer scale": {"init_values": 0.1},
    "registers": {"reg_tokens": 3, "no_embed_class": True},
    "pre-norm": {"pre_norm": True, "depth": 3},
    "no class token": {"class_token": False, "global_pool": "avg"},
}
"""ViTs of other forms than ours, by what timm calls the difference."""


def tiny(**changes) -> ClassifierConfig:
    return replace(TINY, **changes)


def model(**changes) -> SCViT:
    return build_classifier(replace(SMALL, **changes))


def timm_vit(**form) -> VisionTransformer:
    sizes = {
        "img_size": 64,
        "patch_size": 16,
        "in_chans": 2,
        "num_classes": 0,
        "embed_dim": 24,
        "depth": 2,
        "num_heads": 2,
    }
    return VisionTransformer(**{**sizes, **form})


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def test_patch_embedding_is_a_product_with_the_flattened_patches():
    network, motion = model(), torch.randn(3, 2, 64, 64)
    flat = motion.unfold(2, 16, 16).unfold(3, 16, 16).permute(0, 2, 3, 1, 4, 5).reshape(3, 16, -1)  # (b, n, c*p*p)
    convolution = network.patch_embed.proj
    expected = flat @ convolution.weight.flatten(1).T + convolution.bias
    torch.testing.assert_close(network.embed_patches(motion), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_any_vit_of_timms_gives_its_own_logits_in_training_and_in_prediction(form):
    """A patch embedding of ours, and an encoder that is another one than timm's, would both show here."""
    vit, motion, labels = timm_vit(**form), torch.randn(6, 2, 64, 64), torch.arange(6) % 3
    network = SCViT(deepcopy(vit))
    vit.head = network.head
    torch.testing.assert_close(network(motion), vit(motion))
    torch.testing.assert_close(predict(network, motion), vit(motion).softmax(-1))
    losses = [
        F.cross_entropy(vit(motion), labels),
        classification_loss(replace(SMALL, omega=0.0), network, motion, labels),
    ]
    torch.testing.assert_close(losses[1], losses[0])
    gradients = [torch.autograd.grad(loss, vit.head[0].weight)[0] for loss in losses]
    torch.testing.assert_close(gradients[1], gradients[0])


@pytest.mark.parametrize("contrast_on", ["patches", "encoder"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_contrast_compares_patches_whatever_else_the_encoder_carries(form, contrast_on):
    vit, motion, labels = timm_vit(**form), torch.randn(6, 2, 64, 64), torch.arange(6) % 3
    network = SCViT(deepcopy(vit))
    patches = vit.patch_embed(motion) if contrast_on == "patches" else vit.forward_features(motion)[:, -16:]
    config = replace(SMALL, contrast_on=contrast_on, omega=1.0)
    expected = F.cross_entropy(network(motion), labels) + symmetric_contrastive_loss(region_embeddings(patches), labels)
    torch.testing.assert_close(classification_loss(config, network, motion, labels), expected)


def test_head_is_a_perceptron_with_one_hidden_layer_behind_a_layer_norm():
    hidden, _, out = model().head
    assert (hidden.in_features, out.out_features) == (24, 3)
    tokens = model().encode(torch.randn(2, 16, 24))
    torch.testing.assert_close(tokens.mean(-1), torch.zeros(2, 17), atol=1e-5, rtol=0)


def test_input_scale_is_one_factor_for_all():
    torch.manual_seed(1)
    plain = model()
    scaled = model(input_scale=2.5)
    scaled.load_state_dict(plain.state_dict())
    motion = torch.randn(2, 2, 64, 64)
    torch.testing.assert_close(scaled(motion), plain(2.5 * motion))


def test_strain_of_a_stretch_and_of_a_rotation():
    grid = identity_grid(10, 12)
    stretch = torch.stack([0.1 * grid[0], torch.zeros(10, 12)])[None]
    rotation = torch.stack([-0.1 * grid[1], 0.1 * grid[0]])[None]
    torch.testing.assert_close(optical_strain(stretch), torch.full((1, 1, 10, 12), 0.1))
    torch.testing.assert_close(optical_strain(rotation), torch.zeros(1, 1, 10, 12), atol=1e-6, rtol=0)


def test_third_channel_is_the_strain():
    network = model(channels=3)
    assert network.patch_embed.proj.in_channels == 3
    kernel = network.patch_embed.proj.weight
    kernel.data[:, :2] = 0
    shift = torch.ones(1, 2, 64, 64)  # moves, but does not stretch
    torch.testing.assert_close(network.embed_patches(shift), network.embed_patches(torch.zeros(1, 2, 64, 64)))
    assert not torch.allclose(network.embed_patches(torch.randn(1, 2, 64, 64)), network.embed_patches(shift))


def reached_by_contrast(config: ClassifierConfig) -> set[str]:
    """Names of the parameters whose gradient changes with omega."""
    torch.manual_seed(0)
    network, motion, labels = model(), torch.randn(6, 2, 64, 64), torch.arange(6) % 3
    gradients = []
    for omega in (0.0, config.omega):
        network.zero_grad()
        classification_loss(replace(config, omega=omega), network, motion, labels).backward()
        gradients.append({name: parameter.grad.clone() for name, parameter in network.named_parameters()})
    return {name for name in gradients[0] if not torch.equal(gradients[0][name], gradients[1][name])}


def test_contrast_before_the_encoder_reaches_the_patch_embedding_alone():
    assert reached_by_contrast(tiny()) == {"patch_embed.proj.weight", "patch_embed.proj.bias"}
    assert "vit.blocks.0.attn.qkv.weight" in reached_by_contrast(tiny(contrast_on="encoder"))


@pytest.mark.parametrize("contrast_on", ["patches", "encoder"])
def test_mirror_changes_the_contrast_and_nothing_else(contrast_on):
    network, motion, labels = model(), torch.randn(6, 2, 64, 64), torch.arange(6) % 3

    def loss(**changes):
        return classification_loss(tiny(contrast_on=contrast_on, **changes), network, motion, labels)

    assert loss(omega=0.0, mirror=True) == loss(omega=0.0)
    assert loss(omega=0.1, mirror=True) != loss(omega=0.1)


def test_augmentation_mirrors_the_face_with_dx_negated():
    motion = torch.randn(32, 2, 16, 16)
    seen = augment(motion, flip=True, shift=0, zoom=0, generator=torch.Generator().manual_seed(0))
    flipped = torch.tensor([torch.allclose(a, b, atol=1e-4) for a, b in zip(seen, flip_motion(motion))])
    kept = torch.tensor([torch.allclose(a, b, atol=1e-4) for a, b in zip(seen, motion)])
    assert (flipped ^ kept).all() and flipped.any() and kept.any()


def test_what_has_no_direction_is_turned_but_not_negated():
    strain = torch.rand(32, 3, 16, 16)
    seen = augment(strain, flip=True, shift=0, zoom=0, generator=torch.Generator().manual_seed(0))
    kept = augment(strain, flip=True, shift=0, zoom=0, motion=False, generator=torch.Generator().manual_seed(0))
    assert (kept >= 0).all() and torch.equal(kept[:, 2], seen[:, 2]) and (seen[:, 0] < 0).any()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), k=st.floats(-0.3, 0.3))
def test_augmentation_keeps_an_expansion_about_the_centre(seed, k):
    """u -> k u looks the same from every distance and in a mirror: zoom and flip rescale vectors as they do places."""
    field = (k * (identity_grid(33, 33) - 16))[None]
    seen = augment(field, flip=True, shift=0, zoom=0.2, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(seen[..., 5:-5, 5:-5], field[..., 5:-5, 5:-5], atol=1e-4, rtol=0)


def test_augmentation_moves_strain_and_pictures_without_changing_their_values():
    motion = torch.randn(16, 2, 8, 8)
    options = {"flip": True, "shift": 1, "zoom": 0.1}
    both = augment(
        torch.cat([motion, motion[:, :1]], dim=1), **options, generator=torch.Generator().manual_seed(0)
    )  # a third channel that is no motion
    picture = augment(motion[:, :1], **options, motion=False, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(both[:, 2:], picture)
    torch.testing.assert_close(both[:, :2], augment(motion, **options, generator=torch.Generator().manual_seed(0)))
    sign = (both[:, 0] * both[:, 2]).flatten(1).sum(1).sign()
    assert set(sign.tolist()) == {-1.0, 1.0}  # in a mirrored face dx is negated, the third channel is not


def test_augmentation_shifts_by_at_most_so_many_pixels():
    field = identity_grid(32, 32).expand(64, 2, 32, 32)  # tells where it was read
    seen = augment(field, flip=False, shift=2.0, zoom=0, generator=torch.Generator().manual_seed(0))
    moved = (seen - field)[..., 3:-3, 3:-3].amax((2, 3))
    assert 1.5 < moved.abs().max() <= 2.0001


def test_training_learns_the_toy_problem():
    motion, labels, subjects, _ = moving_blobs(6, 9)
    known = torch.tensor([subject <= "04" for subject in subjects])
    probabilities = fit_predict(TINY, motion[known], labels[known], motion[~known], seed=0)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(18))
    assert (probabilities.argmax(1) == labels[~known]).float().mean() > 0.85


@pytest.mark.parametrize("omega", [0.0, 0.5])
def test_a_curve_holds_the_mean_losses_of_all_clips_of_an_epoch(omega):
    motion, labels, *_ = moving_blobs(2, 5)
    still = tiny(epochs=3, omega=omega, lr=1e-30)  # nothing is learnt: each epoch has the losses of the first weights
    torch.manual_seed(0)
    network = begin_classifier(still, classes=3)
    logits, whole = network(motion).detach(), classification_loss(still, network, motion, labels).detach()
    for batch_size in (8, 10):  # ten clips: a batch of two behind one of eight, or all at once
        curve = {}
        fit_predict(replace(still, batch_size=batch_size), motion, labels, motion[:1], seed=0, curve=curve)
        assert set(curve) == ({"loss", "cross_entropy"} if omega else {"loss"})
        alone = curve["cross_entropy" if omega else "loss"]
        torch.testing.assert_close(alone, F.cross_entropy(logits, labels).expand(3))
    torch.testing.assert_close(curve["loss"], whole.expand(3))
    assert (whole > alone[0]) == bool(omega)


def test_a_curve_falls_and_whoever_asks_for_it_gets_the_same_predictions():
    motion, labels, *_ = moving_blobs(2, 6)
    curve = {}
    answers = fit_predict(TINY, motion, labels, motion, seed=0, curve=curve)
    assert torch.equal(answers, fit_predict(TINY, motion, labels, motion, seed=0))
    assert curve["loss"].shape == (TINY.epochs,) and curve["loss"][-1] < curve["loss"][0] / 2


def test_same_seed_same_weights_and_nothing_else_is_touched():
    motion, labels, *_ = moving_blobs(2, 6)
    config = tiny(epochs=2, flip=True, shift=2.0, zoom=0.1)
    before = torch.random.get_rng_state()
    torch.set_num_threads(2)
    first = weights(train_classifier(config, motion, labels, seed=3))
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(5)  # what the caller draws does not matter either
    assert torch.equal(first, weights(train_classifier(config, motion, labels, seed=3)))
    assert not torch.equal(first, weights(train_classifier(config, motion, labels, seed=4)))


def test_exponential_schedule_decays_after_each_epoch():
    motion, labels, *_ = moving_blobs(2, 6)
    frozen = {"schedule": "exponential", "lr_decay": 0.0}  # nothing is learnt after the first epoch
    one = weights(train_classifier(tiny(epochs=1, **frozen), motion, labels, seed=0))
    assert torch.equal(one, weights(train_classifier(tiny(epochs=3, **frozen), motion, labels, seed=0)))
    decaying = {"schedule": "exponential", "lr_decay": 0.9}
    assert not torch.equal(one, weights(train_classifier(tiny(epochs=3, **decaying), motion, labels, seed=0)))


OPTIONS = {
    "omega": (0.0, {}),
    "denominator": ("all", {}),
    "tau": (0.5, {}),
    "contrast_on": ("encoder", {}),
    "mirror": (True, {}),
    "channels": (3, {}),
    "balanced": (True, {}),
    "flip": (True, {}),
    "shift": (3.0, {}),
    "zoom": (0.2, {}),
    "input_scale": (2.0, {}),
    "weight_decay": (1.0, {}),
    "schedule": ("exponential", {}),
    "lr_decay": (0.1, {"schedule": "exponential", "epochs": 2}),
}
"""Another value of each option, and what else it needs to count."""


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_changes_the_training_by_far_more_than_rounding_does(name):
    """Rounding changes less than 1e-6; a second training of the same settings changes nothing at all."""
    value, needed = OPTIONS[name]
    motion, labels, *_ = moving_blobs(2, 6)
    config = tiny(**{"epochs": 1, **needed})

    def answer(config):
        return predict(train_classifier(config, motion, labels, seed=0), motion)

    plain = answer(config)
    assert torch.equal(answer(config), plain)
    assert (answer(replace(config, **{name: value})) - plain).abs().max() > 3e-4


def test_bfloat16_trains_to_nearly_the_same_answer():
    motion, labels, *_ = moving_blobs(2, 6)
    exact = predict(train_classifier(tiny(epochs=1), motion, labels, seed=0), motion)
    rough = predict(train_classifier(tiny(epochs=1, precision="bf16"), motion, labels, seed=0), motion)
    assert 0 < (exact - rough).abs().max() < 0.05


def test_a_compiled_training_gives_nearly_the_same_answer_whatever_was_compiled_before():
    if not training.has_compiler():  # not asked when tests are collected: it takes a second
        pytest.skip("needs a C++ compiler")
    config = tiny(epochs=1, batch_size=4)
    motion, labels, *_ = moving_blobs(2, 5)  # 10 samples: the last batch is not full
    by_hand = train_classifier(config, motion, labels, seed=0)
    torch._dynamo.reset()  # forget what other tests compiled
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    compiled = train_classifier(replace(config, compile=True), motion, labels, seed=0)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > graphs
    torch.testing.assert_close(predict(compiled, motion), predict(by_hand, motion), atol=1e-4, rtol=0)
    torch._dynamo.reset()  # as in another process
    train_classifier(replace(config, compile=True, batch_size=7), motion, labels, seed=0)
    assert torch.equal(
        weights(train_classifier(replace(config, compile=True), motion, labels, seed=0)), weights(compiled)
    )


def test_one_step_in_all_is_enough_for_the_one_cycle_schedule():
    motion, labels, *_ = moving_blobs(1, 4)
    assert weights(train_classifier(tiny(epochs=1), motion, labels, seed=0)).isfinite().all()


def test_motion_of_another_size_is_refused():
    motion, labels, *_ = moving_blobs(1, 3, size=48)
    with pytest.raises(ValueError, match="expected a motion of 64 x 64 px, got 48 x 48"):
        train_classifier(TINY, motion, labels, seed=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 112}, r"even number of patches a side, not 112/16 = 7"),
        ({"image_size": 100}, r"even number of patches"),
        ({"width": 32, "heads": 3}, "width 32 cannot be shared among 3 heads"),
        ({"epochs": 0}, "epochs\n.*greater than or equal to 1"),
        ({"init": "imagenet"}, "ViT-S/16 only"),
        ({"lr": float("nan")}, "lr\n.*finite"),
        ({"zoom": 1}, "zoom\n.*less than 1"),
        ({"precision": "bf8"}, "'fp32' or 'bf16'"),
        ({"epoch": 1}, "epoch\n.*[Uu]nexpected keyword"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        tiny(**changes)


def test_without_network_random_weights_and_one_line(monkeypatch, capsys):
    def unreachable(*_args, **_kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(imagenet, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr(imagenet, "get_hf_file_metadata", unreachable)
    start = time.perf_counter()
    assert resolve_for_device(ClassifierConfig(init="imagenet")) == ClassifierConfig(init="random")
    assert time.perf_counter() - start < 1
    assert capsys.readouterr().err.splitlines() == [
        "no ImageNet weights of ViT-S/16 (Name or service not known): starting from random weights"
    ]


def test_weights_are_those_of_one_revision_and_hash(monkeypatch, tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"other weights")
    asked = []

    def cached(repository, name, revision):
        asked.append(f"{repository}/{name}@{revision}")
        return str(file)

    monkeypatch.setattr(imagenet, "try_to_load_from_cache", cached)
    with pytest.raises(DataError, match=r"model\.safetensors: not timm's ImageNet weights \(SHA-256 [0-9a-f]{12}…\)"):
        resolve_for_device(ClassifierConfig(init="imagenet"))  # not random weights instead
    assert asked == [f"timm/{imagenet.VIT_SMALL_WEIGHTS}/model.safetensors@{imagenet.REVISION}"]
    monkeypatch.setattr(imagenet, "SHA256", hashlib.sha256(b"other weights").hexdigest())
    assert imagenet.pretrained_weights() == file


def test_a_training_follows_its_settings_or_fails(monkeypatch):
    def unreachable():
        raise OSError("no network")

    monkeypatch.setattr(training, "pretrained_weights", unreachable)
    config = ClassifierConfig(image_size=96, init="imagenet")
    with pytest.raises(OSError, match="no network"):
        fit_predict(config, torch.zeros(2, 2, 96, 96), torch.tensor([0, 1]), torch.zeros(1, 2, 96, 96), seed=0)


def test_without_arithmetic_for_it_bfloat16_is_left_alone(monkeypatch, capsys):
    config = ClassifierConfig(precision="bf16")
    monkeypatch.setattr(training, "cpu_has_bfloat16", lambda: False)
    assert resolve_for_device(config) == ClassifierConfig(precision="fp32")
    assert capsys.readouterr().err == "this CPU has no bfloat16 arithmetic: computing in float32\n"
    assert resolve_for_device(config, device="cuda") == config
    monkeypatch.setattr(training, "cpu_has_bfloat16", lambda: True)
    assert resolve_for_device(config) == config


def test_without_a_compiler_nothing_is_compiled(monkeypatch, capsys):
    config = ClassifierConfig(compile=True)
    monkeypatch.setattr(training, "has_compiler", lambda device: False)
    assert resolve_for_device(config) == ClassifierConfig(compile=False)
    assert capsys.readouterr().err == "torch.compile finds no compiler or no Python.h here: training without it\n"


def test_a_compiler_without_pythons_headers_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    assert not training.has_compiler() and not training.has_compiler("cuda")


def test_a_missing_compiler_is_noticed():
    with torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",)}):
        assert not training.has_compiler()


def test_a_balanced_epoch_shows_every_class_equally_often():
    labels, generator = torch.tensor([0] * 88 + [1] * 32 + [2] * 25), torch.Generator().manual_seed(0)
    once = epoch_order(labels, balanced=False, generator=generator)
    assert once.sort().values.tolist() == list(range(145))
    drawn = torch.cat([epoch_order(labels, balanced=True, generator=generator) for _ in range(100)])
    shares = torch.bincount(labels[drawn], minlength=3) / len(drawn)
    torch.testing.assert_close(shares, torch.full((3,), 1 / 3), atol=0.02, rtol=0)
    assert set(drawn.tolist()) == set(range(145))
    assert epoch_order(torch.tensor([0, 2, 2]), balanced=True, generator=generator).shape == (
        3,
    )  # a class may be absent


def test_imagenet_weights_are_loaded_and_their_colours_folded(tmp_path):
    original = timm.create_model(imagenet.VIT_SMALL_WEIGHTS, pretrained=False)
    file = tmp_path / "model.safetensors"
    safetensors.torch.save_file(original.state_dict(), file)
    network = build_classifier(ClassifierConfig(image_size=96, init="imagenet"), weights=file)
    assert torch.equal(network.vit.blocks[5].mlp.fc1.weight, original.blocks[5].mlp.fc1.weight)
    kernel, colours = network.patch_embed.proj.weight, original.patch_embed.proj.weight
    torch.testing.assert_close(kernel, colours[:, :2] * 1.5)
    assert network(torch.randn(1, 2, 96, 96)).shape == (1, 3)
