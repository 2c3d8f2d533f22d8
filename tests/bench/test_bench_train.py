from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from selfme_lib.bench import train
from selfme_lib.bench.train import _augmented, bench_train, matmul_gflops, plain_loop, report_text, training_flops
from selfme_lib.classifier.network import build_classifier
from selfme_lib.runtime.device import has_compiler
from toy_motion import TINY, moving_blobs


def test_flops_agree_with_torchs_counter():
    config = replace(TINY, depth=2, width=48, heads=3)
    model = build_classifier(config)
    with FlopCounterMode(display=False) as counter:
        model(torch.randn(4, 2, 64, 64)).sum().backward()
    assert training_flops(config) == pytest.approx(counter.get_total_flops() / 4, rel=0.1)


def test_the_plain_loop_learns():
    motion, labels, *_ = moving_blobs(4, 9)
    losses = [plain_loop(replace(TINY, epochs=epochs), motion, labels, seed=0) for epochs in (1, 12)]
    assert losses[1] < 0.5 * losses[0]


def test_the_plain_loop_mirrors_as_ours_does():
    """A mirrored face moves the other way: dx changes its sign, dy does not."""
    motion = torch.randn(40, 2, 8, 8)
    seen = _augmented(replace(TINY, flip=True, shift=0, zoom=0), motion)
    mirrored = motion.flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]
    kept, turned = (torch.isclose(seen, one, atol=1e-5).all((1, 2, 3)) for one in (motion, mirrored))
    assert (kept ^ turned).all() and 8 <= turned.sum() <= 32


class Clock:
    """A clock that only the trainings move: seconds of CPU and of the wall are the same."""

    now = 0.0

    def takes(self, seconds):
        def work(*_, **__):
            self.now += seconds

        return work

    def read(self):
        return self.now


def test_rates_and_ratios_are_those_of_the_clock(monkeypatch):
    """16 clips twice: in 8 s by the plain loop, in 2 s by ours, on a machine of 3 GFLOP/s."""
    clock = Clock()
    monkeypatch.setattr(train.time, "process_time", clock.read)
    monkeypatch.setattr(train.time, "perf_counter", clock.read)
    monkeypatch.setattr(train, "plain_loop", clock.takes(8.0))
    monkeypatch.setattr(train, "_train_fold", clock.takes(2.0))
    monkeypatch.setattr(train, "matmul_gflops", lambda: 3.0)
    monkeypatch.setattr(train, "training_flops", lambda _: 6e6)
    report = bench_train(TINY, clips=16, epochs=2, rounds=2, workers=1)
    plain, ours = report["trainings"]["plain"], report["trainings"]["scvit"]
    assert (plain["samples_per_second"], ours["samples_per_second"]) == (4, 16)
    assert (plain["ms_per_sample"], ours["ms_per_sample"]) == (250, 62.5)
    assert ours["share_of_peak"] == pytest.approx(0.032)  # 16 × 6 MFLOP of 3 GFLOP
    assert report["speedup"]["scvit"] == report["speedup"]["vit"] == 4


def test_the_report_holds_what_was_measured():
    report = bench_train(replace(TINY, flip=True), clips=16, epochs=1, rounds=1, workers=1)
    ours = {"vit", "scvit"} | ({"vit_compiled", "scvit_compiled"} if has_compiler() else set())
    assert set(report["trainings"]) == {"plain", "plain_all_threads"} | ours
    assert set(report["speedup"]) == ours
    assert 0 < report["trainings"]["vit"]["share_of_peak"] < 1.5  # a peak is measured, too
    assert "workers" not in report and "over the plain loop, one thread each: vit" in report_text(report)
    assert matmul_gflops(64, 1) > 0
