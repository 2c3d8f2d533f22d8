import pytest
import torch

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.half import read_half, write_half

WEIGHTS = {"weight": torch.randn(3, 4), "seen": torch.tensor(70_000)}


def test_weights_come_back_rounded_and_counts_as_they_were(tmp_path):
    write_half(tmp_path / "a.safetensors", WEIGHTS, {"width": 4}, recipe="none")
    weights, form, metadata = read_half(tmp_path / "a.safetensors", kind="a toy")
    assert metadata["recipe"] == "none"
    assert form == {"width": 4} and weights["seen"] == 70_000 and weights["weight"].dtype == torch.float32
    assert torch.equal(weights["weight"], WEIGHTS["weight"].half().float())


@pytest.mark.parametrize("broken", ["missing", "text", "infinite"])
def test_what_is_no_such_file_is_named(tmp_path, broken):
    path = tmp_path / "a.safetensors"
    if broken == "text":
        path.write_text("a" * 64)
    if broken == "infinite":
        write_half(path, {"weight": torch.tensor([1e6])}, {})
    expected = "weight holds numbers that are not finite" if broken == "infinite" else "not a toy"
    with pytest.raises(DataError, match=rf"a\.safetensors: {expected}"):
        read_half(path, kind="a toy")
