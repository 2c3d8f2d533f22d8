"""How fast SynthME renders: frames, true motion and people on one core, and pairs of frames on several.

One core is timed by the CPU time of this process, which other programs hardly affect; several by the wall clock, with the time
that processes take to start. A frame is as `write_dataset` writes it: posed, rendered, exposed and encoded.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import cv2

from selfme_lib.synthme.ground_truth import truth_arrays
from selfme_lib.synthme.identity import World, make_face
from selfme_lib.synthme.onset_apex import render_onset_apex
from selfme_lib.synthme.plan import VERSIONS, PlannedClip, SynthConfig, Version, plan_clips
from selfme_lib.synthme.render import Renderer
from selfme_lib.synthme.studio import film, set_up

MANY = 2400  # pairs: 200 people with 12 clips each
Result = TypeVar("Result")


def bench_synth(
    *,
    world: World = "home",
    sizes: Sequence[int] = (128, 256),
    people: int = 3,
    rounds: int = 3,
    pairs: int = 96,
    workers: int = 2,
) -> dict[str, Any]:
    """Measure the renderer on choice people of a world, with all nuisances of its version.

    Args:
        sizes: of the frames in pixels.
        people: of whom a clip each is rendered at each size.
        rounds: measurements of each clip, of which the fastest counts.
        pairs: of onset and apex with their true motion, rendered at the first size by all workers, 12 a person; 0 leaves it out.
        workers: processes.

    Returns:
        `world`, `version`; by size in pixels, means over people of `set_up_ms` (face, paint, first shadows), `frame_ms` and
        `truth_ms` (of a clip); `pairs` {"n", "workers", "seconds", "per_second", "minutes_for_2400"}.
    """
    version: Version = "synthme-1" if world == "synthme-1" else "synthme-2"
    difficulty = VERSIONS[version]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        by_size = {}
        for size in sizes:
            config = SynthConfig(people, 1, size, population="choice", world=world, difficulty=difficulty)
            clips = [_measure(clip, size, rounds) for clip in plan_clips(config)]
            by_size[str(size)] = {name: sum(clip[name] for clip in clips) / len(clips) for name in clips[0]}
    finally:
        cv2.setNumThreads(threads)
    report: dict[str, Any] = {"world": world, "version": version, "sizes": by_size}
    if pairs:
        config = replace(config, subjects=-(-pairs // 12), clips=min(pairs, 12), size=sizes[0])
        report["pairs"] = _side_by_side(config, workers)
    return report


def _measure(clip: PlannedClip, size: int, rounds: int) -> dict[str, float]:
    """Milliseconds of this process."""

    def prepare() -> Renderer:
        renderer = set_up(make_face(clip.person), size)
        next(film(renderer, clip.script))  # what is prepared for the first frame
        return renderer

    def record() -> None:
        for _, picture in film(renderer, clip.script):
            clip.files.encode(picture, clip.script.jpeg_quality)

    set_up_ms, renderer = _fastest(prepare, 1)
    frames_ms, _ = _fastest(record, rounds)
    truth_ms, _ = _fastest(lambda: truth_arrays(renderer, clip.script), rounds)
    return {"set_up_ms": set_up_ms, "frame_ms": frames_ms / len(clip.script), "truth_ms": truth_ms}


def _fastest(work: Callable[[], Result], rounds: int) -> tuple[float, Result]:
    times = []
    for _ in range(rounds):
        begin = time.process_time()
        result = work()
        times.append(1e3 * (time.process_time() - begin))
    return min(times), result


def _side_by_side(config: SynthConfig, workers: int) -> dict[str, float]:
    n = config.subjects * config.clips
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        render_onset_apex(Path(folder) / "pairs", config, workers=workers)
        seconds = time.perf_counter() - begin
    rate = n / seconds
    return {"n": n, "workers": workers, "seconds": seconds, "per_second": rate, f"minutes_for_{MANY}": MANY / rate / 60}
