"""The recogniser: trunk, two linear models, temperature, and when it cannot tell."""

from dataclasses import replace

import pytest
import torch

from selfme_lib.classifier.expressions import Models, Recogniser, load_recogniser, named, save_models
from selfme_lib.classifier.linear import LinearHead
from selfme_lib.runtime.errors import DataError
from selfme_lib.study.classifier_pretraining import SCVIT

FORM = replace(SCVIT, init="units")
WIDTH = FORM.width


def models(**changes) -> Models:
    generator = torch.Generator().manual_seed(0)
    head = LinearHead(
        torch.randn(3, WIDTH, generator=generator).double(), torch.zeros(3).double(), torch.zeros(WIDTH).double(), 2.0
    )
    plain = dict(
        form=FORM,
        gamma=2.0,
        classes=("negative", "positive", "surprise"),
        units=("L12", "R12"),
        head=head,
        unit_weights=torch.randn(2, WIDTH, generator=generator),
        unit_bias=torch.tensor([0.5, -0.5]),
        temperature=1.5,
        confidence=0.6,
    )
    return Models(**{**plain, **changes})


@pytest.fixture(scope="module")
def motion():
    return torch.randn(5, 2, 128, 128, generator=torch.Generator().manual_seed(1)).cumsum(-1) / 50


def test_probabilities_are_those_of_the_head_at_the_temperature(motion):
    cold, warm = (Recogniser(models(temperature=t)).recognise(motion).probabilities for t in (1.0, 3.0))
    assert torch.allclose(cold.sum(1), torch.ones(5))
    assert torch.allclose((cold.log() / 3).softmax(-1), warm, atol=1e-5)
    assert torch.equal(cold.argmax(1), warm.argmax(1))


def test_it_cannot_tell_below_its_confidence(motion):
    answer = Recogniser(models(confidence=0.6)).recognise(motion)
    assert torch.equal(answer.sure, answer.probabilities.amax(1) >= 0.6)
    assert not Recogniser(models(confidence=1.1)).recognise(motion).sure.any()


def test_no_motion_gives_the_bias_alone_whatever_the_size():
    recogniser = Recogniser(models())
    small, large = (recogniser.recognise(torch.zeros(1, 2, side, side)).units for side in (64, 128))
    assert torch.allclose(small, large, atol=1e-5)


def test_it_is_as_it_was_after_saving(motion, tmp_path):
    path = tmp_path / "expressions.safetensors"
    save_models(models(), path, recipe="by hand")
    before, after = Recogniser(models()).recognise(motion), load_recogniser(path=path).recognise(motion)
    assert torch.allclose(before.probabilities, after.probabilities, atol=1e-4)
    assert torch.allclose(before.units, after.units, atol=1e-3)
    assert torch.equal(before.sure, after.sure)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"expressions\.safetensors"):
        load_recogniser(path=path)
    with pytest.raises(DataError, match="no such file"):
        load_recogniser(path=tmp_path / "none")


def test_numbers_are_named_to_three_digits():
    assert named([0.12345, 2.0], ["L1", "R1"]) == {"L1": 0.123, "R1": 2.0}
