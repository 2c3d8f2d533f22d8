import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning.losses import SupConLoss
from pytorch_metric_learning.reducers import MeanReducer

from selfme_lib.classifier.symmetry import (
    contrast,
    flip_motion,
    mirror_right_half,
    region_embeddings,
    symmetric_contrastive_loss,
)
from selfme_lib.grids import warp

ACROSS = {0: 1, 1: 0, 2: 3, 3: 2}
batches = settings(deadline=None, max_examples=25)


def random_batch(seed, batch, width, classes=3):
    generator = torch.Generator().manual_seed(seed)
    regions = torch.randn(batch, 4, width, generator=generator, dtype=torch.float32)
    return regions, torch.randint(classes, (batch,), generator=generator)


def loops_eq14(regions, labels, tau):
    """Eq 14, resolved, as it would be written on a blackboard."""
    unit = F.normalize(regions, dim=-1)
    everyone = range(len(regions))
    terms = []
    for i in everyone:
        for alpha in range(4):
            for beta in range(4):
                if beta not in (alpha, ACROSS[alpha]):
                    continue
                others = [a for a in everyone if not (a == i and alpha == beta)]
                positives = [p for p in others if labels[p] == labels[i]]
                if not positives:
                    continue
                total = sum(torch.exp(unit[i, alpha] @ unit[a, beta] / tau) for a in others)
                logs = [torch.log(torch.exp(unit[i, alpha] @ unit[p, beta] / tau) / total) for p in positives]
                terms.append(-sum(logs) / len(positives))
    return sum(terms) / len(terms)


def printed_eq14(regions, labels, tau):
    """Eq 14 exactly as printed: the same exponential above and below the line."""
    unit = F.normalize(regions, dim=-1)
    everyone = range(len(regions))
    loss = 0
    for i in everyone:
        for alpha in range(4):
            for beta in (alpha, ACROSS[alpha]):
                positives = [p for p in everyone if labels[p] == labels[i]]
                others = [a for a in everyone if not (a == i and alpha == beta)]
                same = torch.exp(unit[i, alpha] @ unit[i, beta] / tau)
                for _ in positives:
                    loss = loss - torch.log(same / sum(same for _ in others)) / len(positives)
    return loss


@batches
@given(
    seed=st.integers(0, 10**6), batch=st.integers(1, 6), width=st.integers(1, 9), tau=st.sampled_from([0.07, 0.5, 2])
)
def test_loss_is_eq_14(seed, batch, width, tau):
    regions, labels = random_batch(seed, batch, width)
    ours = symmetric_contrastive_loss(regions, labels, tau=tau)
    torch.testing.assert_close(ours, loops_eq14(regions.double(), labels, tau).float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("denominator", ["pair", "all"])
def test_batches_beside_each_other_have_the_losses_and_gradients_that_each_has_alone(denominator):
    batches_, labels = (torch.stack(some) for some in zip(*(random_batch(seed, 7, 6) for seed in range(3))))
    batches_.requires_grad_()
    together = symmetric_contrastive_loss(batches_, labels, denominator=denominator)
    alone = [symmetric_contrastive_loss(*each, denominator=denominator) for each in zip(batches_, labels)]
    torch.testing.assert_close(together, torch.stack(alone))
    assert together.unique().numel() == 3
    gradients = [torch.autograd.grad(loss, batches_)[0] for loss in (together.sum(), sum(alone))]
    torch.testing.assert_close(*gradients)


def test_printed_eq_14_teaches_nothing():
    regions, labels = random_batch(0, 5, 6)
    regions = regions.double().requires_grad_()
    loss = printed_eq14(regions, labels, 0.07)
    (gradient,) = torch.autograd.grad(loss, regions)
    expected = 5 * 4 * (torch.log(torch.tensor(4.0)) + torch.log(torch.tensor(5.0)))  # sum of log |A|: no Φ in it
    torch.testing.assert_close(loss.detach(), expected.double())
    assert gradient.abs().max() < 1e-12
    regions = regions.detach().float().requires_grad_()
    (gradient,) = torch.autograd.grad(symmetric_contrastive_loss(regions, labels), regions)
    assert gradient.abs().max() > 1e-3


@batches
@given(seed=st.integers(0, 10**6), batch=st.integers(4, 12))
def test_one_region_is_supcon(seed, batch):
    embedding = random_batch(seed, batch, 8)[0][:, 0]
    labels = torch.arange(batch) % 2  # every anchor has positives and negatives
    unit = F.normalize(embedding, dim=-1)
    itself = torch.eye(batch, dtype=torch.bool)
    positive = (labels[:, None] == labels) & ~itself
    ours = contrast(unit @ unit.T / 0.07, positive=positive, candidate=~itself)
    torch.testing.assert_close(ours, SupConLoss(temperature=0.07)(embedding, labels), rtol=1e-4, atol=1e-5)


@batches
@given(seed=st.integers(0, 10**6), batch=st.integers(1, 8))
def test_all_regions_is_supcon_with_a_mask(seed, batch):
    regions, labels = random_batch(seed, batch, 8)
    where = [(i, alpha) for i in range(batch) for alpha in range(4)]
    positives = torch.tensor(
        [
            [labels[i] == labels[p] and beta in (alpha, ACROSS[alpha]) and (i, alpha) != (p, beta) for p, beta in where]
            for i, alpha in where
        ]
    )
    negatives = ~positives & ~torch.eye(4 * batch, dtype=torch.bool)
    pairs = (*positives.nonzero(as_tuple=True), *negatives.nonzero(as_tuple=True))
    oracle = SupConLoss(temperature=0.07, reducer=MeanReducer())  # its own leaves out anchors whose loss rounds to 0
    oracle = oracle(regions.flatten(0, 1), indices_tuple=pairs)
    ours = symmetric_contrastive_loss(regions, labels, denominator="all")
    torch.testing.assert_close(ours, oracle, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("denominator", ["pair", "all"])
@pytest.mark.parametrize("labels", [[0], [0, 1], [0, 1, 2], [2, 2]])
def test_anchors_without_positives_leave_gradients_finite(denominator, labels):
    regions = torch.randn(len(labels), 4, 5, requires_grad=True)
    loss = symmetric_contrastive_loss(regions, torch.tensor(labels), denominator=denominator)
    (gradient,) = torch.autograd.grad(loss, regions)
    assert loss.isfinite() and loss >= 0 and gradient.isfinite().all()


def test_no_positives_at_all_is_zero():
    nobody = torch.zeros(3, 3, dtype=torch.bool)
    assert contrast(torch.randn(3, 3), positive=nobody, candidate=nobody) == 0


def test_symmetric_and_alike_within_a_class_is_the_least():
    labels = torch.tensor([0, 0, 1, 1])
    class_vectors = torch.eye(4)[labels]
    ideal = torch.stack([class_vectors] * 2 + [class_vectors.roll(2, dims=1)] * 2, dim=1)  # halves equal, rows differ
    asymmetric = ideal * torch.tensor([1, -1, 1, -1])[:, None]
    ideal_loss = symmetric_contrastive_loss(ideal, labels, tau=0.5)
    assert ideal_loss < symmetric_contrastive_loss(asymmetric, labels, tau=0.5)
    assert ideal_loss < symmetric_contrastive_loss(ideal, torch.tensor([0, 1, 0, 1]), tau=0.5)


def test_left_and_right_are_interchangeable_and_length_does_not_matter():
    regions, labels = random_batch(3, 6, 5)
    expected = symmetric_contrastive_loss(regions, labels)
    torch.testing.assert_close(symmetric_contrastive_loss(regions[:, [1, 0, 3, 2]], labels), expected)
    torch.testing.assert_close(symmetric_contrastive_loss(regions * torch.rand(6, 4, 1), labels), expected)


def test_regions_are_the_quadrants_of_the_image():
    patches = torch.arange(16.0).view(1, 16, 1)  # row by row
    upper_left = (0 + 1 + 4 + 5) / 4
    expected = [upper_left, upper_left + 2, upper_left + 8, upper_left + 10]
    assert region_embeddings(patches).flatten().tolist() == expected


@pytest.mark.parametrize("patches", [9, 49, 8, 1])
def test_regions_need_an_even_square_grid(patches):
    with pytest.raises(ValueError, match=f"even, square grid of patches, got {patches}"):
        region_embeddings(torch.zeros(1, patches, 2))


def test_a_flipped_motion_moves_the_flipped_image():
    image, motion = torch.rand(2, 3, 9, 12), 2 * torch.randn(2, 2, 9, 12)
    torch.testing.assert_close(
        warp(image.flip(-1), flip_motion(motion)), warp(image, motion).flip(-1), atol=1e-5, rtol=0
    )
    assert torch.equal(flip_motion(flip_motion(motion)), motion)


def test_mirror_makes_the_halves_of_a_symmetric_stretch_alike():
    half = torch.randn(3, 2, 8, 4)
    stretch = torch.cat([half, flip_motion(half)], dim=-1)  # what the left does, the right does mirrored
    left, right = stretch.chunk(2, dim=-1)
    raw = F.cosine_similarity(left[:, 0].mean((1, 2)), right[:, 0].mean((1, 2)), dim=0)
    torch.testing.assert_close(raw, torch.tensor(-1.0))  # dx as the loss sees it without `mirror`
    left, right = mirror_right_half(stretch).chunk(2, dim=-1)
    assert torch.equal(left, right) and torch.equal(left, half)
