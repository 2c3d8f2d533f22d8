import pytest
import torch

from selfme_lib.classifier.symmetry import symmetric_contrastive_loss
from selfme_lib.plots.results import REGIONS
from selfme_lib.runtime.errors import UsageError
from selfme_lib.widgets import explore_contrast

LABELS = torch.tensor([0, 1, 0, 1, 0])


@pytest.fixture
def regions():
    return torch.randn(len(LABELS), 4, 6)


@pytest.fixture
def explorer(regions):
    return explore_contrast(torch.randn(len(LABELS), 2, 16, 16), LABELS, regions)


@pytest.mark.parametrize("tau", [0.05, 0.5])
def test_the_mean_over_all_anchors_and_pairs_is_the_loss(explorer, regions, tau):
    explorer.tau.value = tau
    losses = []
    for anchor in range(len(LABELS)):
        for region in REGIONS:
            for partner in explorer.partner.options:
                explorer.anchor.value, explorer.region.value, explorer.partner.value = anchor, region, partner
                losses.append(explorer.loss())
    whole = symmetric_contrastive_loss(regions, LABELS, tau=tau)
    assert sum(losses) / len(losses) == pytest.approx(float(whole), rel=1e-4)
    assert f"all anchors and pairs {whole:.2f}" in explorer.note.value


def test_with_all_regions_in_the_denominator_too(explorer, regions):
    explorer.denominator.value = "all"
    losses = []
    for anchor in range(len(LABELS)):
        for region in REGIONS:
            explorer.anchor.value, explorer.region.value = anchor, region
            losses.append(explorer.loss())
    whole = symmetric_contrastive_loss(regions, LABELS, denominator="all")
    assert sum(losses) / len(losses) == pytest.approx(float(whole), rel=1e-4)


def test_an_anchor_is_not_its_own_positive(explorer):
    explorer.partner.value = "the same region"
    _, positive, counts = explorer.candidates()
    assert counts.tolist() == [False] + 4 * [True]
    assert positive.tolist() == [False, False, True, False, True]
    explorer.partner.value = "across the face"
    _, positive, counts = explorer.candidates()
    assert counts.all() and positive[0], "the other half of the same face is a positive"


def test_a_small_temperature_attends_to_the_nearest_only(explorer):
    explorer.partner.value = "the same region"
    cosine, _, counts = explorer.candidates()
    nearest = cosine.masked_fill(~counts, -1).argmax()
    explorer.tau.value = 0.01
    ((*_, (title, _)),), _ = explorer.render()
    assert title == f"largest share: clip {nearest + 1}"


def test_every_control_changes_the_picture(explorer):
    seen = [explorer.picture.value]
    changes = [("anchor", 3), ("region", "BL"), ("partner", "the same region"), ("tau", 1.0), ("denominator", "all")]
    for name, value in changes:
        getattr(explorer, name).value = value
        seen.append(explorer.picture.value)
    assert len(set(seen)) == len(seen)


def test_one_clip_cannot_be_compared():
    with pytest.raises(UsageError, match="at least two clips"):
        explore_contrast(torch.zeros(1, 2, 16, 16), LABELS[:1], torch.zeros(1, 4, 6))
