"""Motion of videos is kept in parts, under what determines it."""

import numpy as np
import pytest
import torch

from selfme_lib.runtime.errors import DataError
from selfme_lib.spotting import signal
from selfme_lib.spotting.kept_motion import kept_motion


class Stop(Exception):
    """Somebody pulled the plug."""


def frames(count):
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 255, (8, 32, 32, 3), np.uint8)
    return lambda: ((number, pixels[number % 8]) for number in range(count))


def differences(onset, apex):
    return (apex - onset)[:, :2]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(signal, "PART", 32)


def test_a_killed_run_goes_on_where_it_was_and_gives_the_same(small, tmp_path):
    whole = kept_motion(frames(150), fps=30, motion=differences, path=tmp_path / "whole.npz")
    measured = []

    def until(limit):
        def motion(onset, apex):
            if len(measured) >= limit:
                raise Stop
            measured.append(len(onset))
            return differences(onset, apex)

        return motion

    path = tmp_path / "killed.npz"
    with pytest.raises(Stop):
        kept_motion(frames(150), fps=30, motion=until(5), path=path)
    assert not path.exists()
    again = kept_motion(frames(150), fps=30, motion=until(99), path=path)
    assert sum(measured) == 150 + 16  # of the third part, half had been measured for nothing
    for name in ("frames", "cells", "head"):
        assert np.array_equal(getattr(whole, name), getattr(again, name))
    assert sorted(one.name for one in tmp_path.iterdir() if one.suffix == ".parts") == []


def test_what_is_kept_is_not_measured_again_unless_it_is_damaged(small, tmp_path):
    path, calls = tmp_path / "motion.npz", []

    def motion(onset, apex):
        calls.append(1)
        return differences(onset, apex)

    first = kept_motion(frames(20), fps=30, motion=motion, path=path)
    count = len(calls)
    kept_motion(frames(20), fps=30, motion=motion, path=path)
    assert len(calls) == count
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    again = kept_motion(frames(20), fps=30, motion=motion, path=path)
    assert len(calls) == 2 * count and np.array_equal(first.cells, again.cells)


def test_a_broken_frame_is_an_error_and_leaves_what_was_done(small, tmp_path):
    def broken():
        yield from frames(40)()
        raise DataError("img41.jpg: truncated")

    with pytest.raises(DataError, match="img41"):
        kept_motion(broken, fps=30, motion=differences, path=tmp_path / "motion.npz")
    assert (tmp_path / "motion.parts" / "000000.npz").is_file()


def test_the_bar_is_told_every_sample_once(small, tmp_path):
    class Bar:
        n = 0

        def update(self, count):
            self.n += count

    for _ in range(2):
        bar = Bar()
        kept_motion(frames(70), fps=30, motion=differences, path=tmp_path / f"{id(bar)}.npz", bar=bar)
        assert bar.n == 70


def test_motion_is_measured_without_gradients(small, tmp_path):
    weight = torch.ones((), requires_grad=True)
    kept_motion(frames(5), fps=30, motion=lambda a, b: weight * differences(a, b), path=tmp_path / "motion.npz")
