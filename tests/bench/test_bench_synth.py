import pytest

from selfme_lib.bench import synth
from selfme_lib.bench.synth import bench_synth
from selfme_lib.synthme.plan import plan_clips


def test_times_are_those_of_a_clock_that_is_known(monkeypatch):
    """Each reading of the clock of this process is 5 ms after the one before, so everything takes 5 ms."""
    readings = iter(range(1000))
    monkeypatch.setattr(synth.time, "process_time", lambda: 0.005 * next(readings))
    planned = []
    monkeypatch.setattr(synth, "plan_clips", lambda config: planned.append(plan_clips(config)) or planned[-1])
    measured = bench_synth(sizes=(32, 48), people=1, rounds=1, pairs=0)
    assert [clips[0].person.population for clips in planned] == ["choice", "choice"]
    assert measured["version"] == "synthme-2" and set(measured["sizes"]) == {"32", "48"} and "pairs" not in measured
    for times, (clip,) in zip(measured["sizes"].values(), planned):
        assert (times["set_up_ms"], times["truth_ms"]) == (pytest.approx(5), pytest.approx(5))
        assert times["frame_ms"] == pytest.approx(5 / len(clip.script))


def test_pairs_are_counted(monkeypatch):
    rendered = []
    monkeypatch.setattr(synth, "render_onset_apex", lambda folder, config, workers: rendered.append((config, workers)))
    monkeypatch.setattr(synth, "_measure", lambda clip, size, rounds: {"frame_ms": 1.0})
    times = iter([0.0, 12.0])
    monkeypatch.setattr(synth.time, "perf_counter", lambda: next(times))
    measured = bench_synth(world="other", sizes=(32,), people=1, pairs=24, workers=3)["pairs"]
    ((config, workers),) = rendered
    assert (config.subjects, config.clips, config.size, config.world, workers) == (2, 12, 32, "other", 3)
    assert measured == {"n": 24, "workers": 3, "seconds": 12, "per_second": 2, "minutes_for_2400": 20}
