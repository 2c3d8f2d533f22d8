from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from selfme_lib.bench.train import bench_train, matmul_gflops, plain_loop, report_text, training_flops
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


def test_the_report_holds_what_was_measured():
    report = bench_train(replace(TINY, flip=True), clips=16, epochs=1, rounds=1, workers=1)
    ours = {"vit", "scvit"} | ({"vit_compiled", "scvit_compiled"} if has_compiler() else set())
    assert set(report["trainings"]) == {"plain", "plain_all_threads"} | ours
    rates = report["trainings"]["vit"]
    assert rates["ms_per_sample"] == pytest.approx(1e3 / rates["samples_per_second"])
    share = rates["samples_per_second"] * report["flops_per_sample"] / report["matmul_gflops"] / 1e9
    assert 0 < rates["share_of_peak"] == pytest.approx(share)
    assert set(report["speedup"]) == ours
    assert report["speedup"]["vit"] == pytest.approx(
        rates["samples_per_second"] / report["trainings"]["plain"]["samples_per_second"]
    )
    assert "workers" not in report and "over the plain loop, one thread each: vit" in report_text(report)
    assert matmul_gflops(64, 1) > 0
