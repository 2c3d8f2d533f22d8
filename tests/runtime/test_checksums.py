"""Whatever is kept is noticed when it was damaged, and never gives other numbers."""

import os
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.kept import (
    are_sound_weights,
    new_array,
    read_array,
    read_record,
    read_weights,
    seal,
    write_array,
    write_record,
    write_weights,
)

VALUES = np.arange(2 * 3 * 4 * 4, dtype=np.float32).reshape(2, 3, 4, 4)
OTHERS = {
    "transposed": VALUES.swapaxes(2, 3),
    "zeros": np.zeros_like(VALUES),
    "integers": VALUES.astype(np.int64),
    "reversed": VALUES[::-1],
    "of one clip": VALUES[:1],
    "doubles": VALUES.astype(np.float64),
    "flat": VALUES.ravel(),
    "not a number": np.full_like(VALUES, np.nan),
}


@pytest.mark.parametrize("mapped", [False, True])
def test_an_array_comes_back_as_it_was_written(tmp_path, mapped):
    path = tmp_path / "field.npy"
    assert read_array(path) is None
    write_array(path, VALUES)
    found = read_array(path, mapped=mapped)
    assert isinstance(found, np.memmap) == mapped and found.dtype == VALUES.dtype
    np.testing.assert_array_equal(found, VALUES)
    np.testing.assert_array_equal(np.load(path, allow_pickle=False), VALUES)  # to others it is a plain .npy file


@pytest.mark.parametrize("kind", [*OTHERS, "cut", "empty", "a bit", "text", "another's place", "without its end"])
def test_a_damaged_field_file_is_noticed(tmp_path, caplog, kind):
    path = tmp_path / "field.npy"
    write_array(path, VALUES)
    content = path.read_bytes()
    if kind in OTHERS:
        np.save(path, OTHERS[kind])
    elif kind == "another's place":
        shutil.copy(path, tmp_path / "other.npy")
        path = tmp_path / "other.npy"
    else:
        flipped = content[:200] + bytes([content[200] ^ 1]) + content[201:]
        changed = {"cut": content[:150], "empty": b"", "a bit": flipped, "text": b"x" * 500}
        path.write_bytes(changed.get(kind, content[:-72]))
    assert read_array(path) is None
    assert f"{path}: damaged since it was written" in caplog.text


def test_sealing_twice_is_sealing_once(tmp_path):
    write_array(tmp_path / "a.npy", VALUES)
    content = (tmp_path / "a.npy").read_bytes()
    seal(tmp_path / "a.npy", "a.npy")
    assert (tmp_path / "a.npy").read_bytes() == content


@pytest.mark.parametrize("value", [{"a": [1, 0.1 + 0.2, None], "3": "ü"}, [1, 2], 5])
def test_a_record_comes_back_and_any_change_is_noticed(tmp_path, caplog, value):
    path = tmp_path / "fold.json"
    assert read_record(path) is None
    write_record(path, value)
    assert read_record(path) == value and not caplog.text
    text = path.read_text()
    changes = [text.replace("1", "2"), text[:-10], "{}", "[]", "5", "[" * 100_000, '{"sha256": 1, "value": NaN}']
    for change in changes:
        if change != text:
            path.write_text(change)
            assert read_record(path) is None
    path.write_bytes(b"\xff")
    assert read_record(path) is None and "fold.json: damaged" in caplog.text


def test_names_in_a_record_are_text_as_in_its_file(tmp_path):
    write_record(tmp_path / "a.json", {2: "a", 10: "b"})
    assert read_record(tmp_path / "a.json") == {"2": "a", "10": "b"}


def test_weights_come_back_and_any_change_is_noticed(tmp_path):
    path = tmp_path / "net.safetensors"
    weights = {"a": torch.rand(3, 2), "b": torch.tensor(2.0, dtype=torch.bfloat16), "c": torch.arange(3)}
    write_weights(path, weights, {"kind": "test"})
    found, metadata = read_weights(path)
    assert metadata["kind"] == "test" and all(torch.equal(found[name], value) for name, value in weights.items())
    save_file({**weights, "a": weights["a"] + 1}, path, metadata=metadata)
    assert not are_sound_weights(path)
    with pytest.raises(DataError, match=r"net\.safetensors: damaged"):
        read_weights(path, sealed=False)
    save_file(weights, path)
    assert not are_sound_weights(path), "without a checksum"
    assert read_weights(path, sealed=False)[0].keys() == weights.keys()
    path.write_bytes(b"x")
    assert not are_sound_weights(path)


@pytest.mark.parametrize("fallocate", [True, False])
def test_the_space_of_a_mapped_file_is_reserved(tmp_path, monkeypatch, fallocate):
    if not fallocate:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    frames = new_array(tmp_path / "frames.npy", (50, 64, 64, 3))
    if hasattr(os.stat_result, "st_blocks"):
        assert (tmp_path / "frames.npy").stat().st_blocks * 512 >= frames.nbytes
    frames[1] = 3
    frames.flush()
    found = np.load(tmp_path / "frames.npy", allow_pickle=False)
    assert found.shape == (50, 64, 64, 3) and found[1].min() == 3 and found[0].max() == 0


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="Linux and its kin")
def test_a_full_disk_is_an_error_before_anything_is_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"No space left on device \(.* GiB needed\)") as error:
        new_array(tmp_path / "frames.npy", (2, 8, 8, 3))
    assert error.value.filename.endswith("frames.npy")
