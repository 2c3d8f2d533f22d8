import math
from dataclasses import replace

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from selfme_lib.classifier import grad_cam as grad_cam_module
from selfme_lib.classifier.grad_cam import grad_cam, symmetric_attention_index
from selfme_lib.classifier.network import ClassifierConfig, SCViT, build_classifier
from selfme_lib.classifier.training import train_classifier
from selfme_lib.evaluation.intervals import mean_over_subjects
from toy_motion import TINY, moving_blobs


def network(depth=2):
    return build_classifier(ClassifierConfig(image_size=64, depth=depth, width=24, heads=2)).eval()


def tokens_and_gradient(model, layer, motion, target):
    """Output of `layer` and the gradient of the logits of `target` there, by plain autograd."""
    kept = {}
    hook = layer.register_forward_hook(lambda _module, _inputs, output: kept.update(tokens=output))
    logits = model(motion)
    hook.remove()
    (gradient,) = torch.autograd.grad(logits[torch.arange(len(motion)), target].sum(), kept["tokens"])
    return kept["tokens"].detach(), gradient


def test_behind_the_last_block_patches_have_no_gradient():
    model, motion, target = network(), torch.randn(3, 2, 64, 64), torch.tensor([0, 1, 2])
    _, gradient = tokens_and_gradient(model, model.vit.blocks[-1], motion, target)
    assert torch.equal(gradient[:, 1:], torch.zeros_like(gradient[:, 1:]))  # the trap
    assert gradient[:, 0].abs().max() > 0
    _, gradient = tokens_and_gradient(model, model.vit.blocks[-1].norm1, motion, target)
    assert gradient[:, 1:].abs().max() > 0


def test_map_is_relu_of_gradient_weighted_channels():
    model, motion, target = network(), torch.randn(4, 2, 64, 64), torch.tensor([0, 1, 2, 1])
    tokens, gradient = tokens_and_gradient(model, model.vit.blocks[-1].norm1, motion, target)
    weights = gradient[:, 1:].mean(1)  # (b, d)
    heat = torch.einsum("bnd,bd->bn", tokens[:, 1:], weights).relu().view(4, 1, 4, 4)
    expected = nn.functional.interpolate(heat, (64, 64), mode="bilinear").squeeze(1)
    found = grad_cam(model, motion, target)
    assert found.shape == (4, 64, 64) and found.max() > 0
    torch.testing.assert_close(found, expected)


def test_tokens_that_are_no_patches_have_no_place_on_the_map():
    vit = VisionTransformer(64, 16, in_chans=2, num_classes=0, embed_dim=24, depth=2, num_heads=2, reg_tokens=3)
    model, motion = SCViT(vit).eval(), torch.randn(2, 2, 64, 64)
    tokens, gradient = tokens_and_gradient(model, vit.blocks[-1].norm1, motion, torch.tensor([1, 1]))
    heat = torch.einsum("bnd,bd->bn", tokens[:, 4:], gradient[:, 4:].mean(1)).relu().view(2, 1, 4, 4)
    expected = nn.functional.interpolate(heat, (64, 64), mode="bilinear").squeeze(1)
    torch.testing.assert_close(grad_cam(model, motion, 1), expected)


def test_closed_form_when_attention_is_a_mean_and_the_head_is_linear():
    """Uniform attention, identity values: the logit is w · mean of the tokens, so heat is ReLU(w · token) / (n+1)."""
    model, width = network(depth=1), 24
    block = model.vit.blocks[0]
    with torch.no_grad():
        block.attn.qkv.weight.zero_()
        block.attn.qkv.weight[2 * width :] = torch.eye(width)  # queries and keys 0, values as they are
        block.attn.qkv.bias.zero_()
        block.attn.proj.weight.copy_(torch.eye(width))
        block.attn.proj.bias.zero_()
        block.mlp.fc2.weight.zero_()
    model.vit.norm = nn.Identity()
    model.head = nn.Linear(width, 3)
    motion = torch.randn(2, 2, 64, 64)
    tokens, _ = tokens_and_gradient(model, block.norm1, motion, torch.tensor([1, 1]))
    heat = (tokens[:, 1:] @ model.head.weight[1] / 17).relu().detach().view(2, 1, 4, 4)
    expected = nn.functional.interpolate(heat, (64, 64), mode="bilinear").squeeze(1)
    torch.testing.assert_close(grad_cam(model, motion, 1), expected)


def test_looking_leaves_the_model_as_it_was():
    model, motion = network(), torch.randn(2, 2, 64, 64)
    before = model(motion)
    grad_cam(model, motion, 0)
    assert torch.equal(model(motion), before)
    assert not model.vit.blocks[-1].norm1._forward_hooks
    assert all(parameter.grad is None for parameter in model.parameters())


def test_one_target_for_all_or_one_each():
    model, motion = network(), torch.randn(2, 2, 64, 64)
    torch.testing.assert_close(grad_cam(model, motion, 2), grad_cam(model, motion, torch.tensor([2, 2])))


def test_attention_lies_where_the_trained_class_moves():
    motion, labels, *_ = moving_blobs(6, 6)
    model = train_classifier(TINY, motion, labels, seed=0)
    surprise = motion[labels == 2]  # brows, in the upper half
    heat = grad_cam(model, surprise, 2).mean(0)
    assert heat[:32].sum() > heat[32:].sum()


def test_symmetric_attention_index():
    half = torch.rand(2, 8, 4)
    symmetric = torch.cat([half, half.flip(-1)], dim=-1)
    one_sided = torch.cat([half, torch.zeros(2, 8, 4)], dim=-1)
    torch.testing.assert_close(symmetric_attention_index(symmetric), torch.ones(2))
    torch.testing.assert_close(symmetric_attention_index(one_sided), torch.zeros(2))
    mixed = symmetric_attention_index(symmetric + one_sided)
    assert ((mixed > 0) & (mixed < 1)).all()
    torch.testing.assert_close(symmetric_attention_index(7 * (symmetric + one_sided)), mixed)
    assert symmetric_attention_index(torch.zeros(1, 4, 4)).isnan().all()


@pytest.mark.parametrize("side", [2, 5])
def test_symmetric_attention_index_of_odd_and_even_widths(side):
    middle = torch.zeros(1, 3, side)
    middle[..., (side - 1) // 2 : side // 2 + 1] = 1
    torch.testing.assert_close(symmetric_attention_index(middle), torch.ones(1))


def test_the_subject_is_the_unit_of_an_interval():
    """Two values a subject: many clips do not make it narrower if they are all of the same two subjects."""
    few, many = torch.tensor([0.0, 1.0]), torch.tensor([0.0] * 20 + [1.0] * 20)
    expected = (0.5, 0.0, 1.0)
    assert mean_over_subjects(few, ["a", "b"]) == expected
    assert mean_over_subjects(many, ["a"] * 20 + ["b"] * 20) == expected
    mean, low, high = mean_over_subjects(many, [f"{place}" for place in range(40)])
    assert mean == 0.5 and 0.3 < low < 0.4 and 0.6 < high < 0.7  # .5 ± 1.96 · .5 / √40


def test_empty_maps_are_left_out_of_a_mean():
    values = torch.tensor([0.2, float("nan"), 0.4, float("nan")])
    mean, low, high = mean_over_subjects(values, ["a", "a", "b", "c"])
    assert mean == pytest.approx(0.3) and low == pytest.approx(0.2) and high == pytest.approx(0.4)
    assert all(map(math.isnan, mean_over_subjects(values[[1, 3]], ["a", "b"])))


def test_evidence_of_the_patches_adds_up_to_what_the_motion_changes():
    config = ClassifierConfig(image_size=32, patch_size=8, depth=1, width=16, heads=2, pool="all")
    torch.manual_seed(0)
    model = build_classifier(config).eval()
    motion, direction = torch.randn(3, 2, 32, 32), torch.randn(3, 16)
    found = grad_cam_module.evidence(model, motion, direction)
    against = grad_cam_module.evidence(model, motion, -direction)
    assert found.shape == (3, 32, 32) and (found >= 0).all()
    with torch.no_grad():
        change = model.describe_regions(motion).sum(1) - model.describe_regions(torch.zeros_like(motion)).sum(1)
    told = 16 * (found - against).mean((1, 2))  # of 16 patches; interpolation keeps the mean
    torch.testing.assert_close(told, (change * direction).sum(1), rtol=0.15, atol=0.2)
    with pytest.raises(ValueError, match="reads all of them"):
        grad_cam_module.evidence(build_classifier(replace(config, pool="class")), motion, direction)


def test_the_map_of_attention_suits_the_classifier():
    config = ClassifierConfig(image_size=32, patch_size=8, depth=1, width=16, heads=2)
    torch.manual_seed(0)
    motion, target = torch.randn(3, 2, 32, 32), torch.tensor([0, 1, 2])
    reads_class = build_classifier(config).eval()
    found = grad_cam_module.attention_map(reads_class, motion, target)
    assert torch.equal(found, grad_cam_module.grad_cam(reads_class, motion, target))
    reads_all = build_classifier(replace(config, pool="all")).eval()
    with torch.no_grad():  # an MLP that is linear here: GELU(x) ≈ x far to the right
        reads_all.head[0].bias += 50
    weights = reads_all.head[2].weight @ reads_all.head[0].weight  # (k, d)
    expected = grad_cam_module.evidence(reads_all, motion, weights[target])
    found = grad_cam_module.attention_map(reads_all, motion, target)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
