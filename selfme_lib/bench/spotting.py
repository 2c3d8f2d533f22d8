"""Who finds expressions in long videos: SelfME+'s spotter, the same network on other motion, and yardsticks that learn little.

All settings and thresholds come from other subjects than the one on whom they are used. What is expensive, curves and motions, is
kept; the speeds are measured anew each time, on the first seconds of a video, on one thread.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from selfme_lib.data.long_videos import LongVideo, load_long_videos
from selfme_lib.runtime.device import one_thread
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.runtime.kept import read_record, write_record
from selfme_lib.runtime.paths import DATA
from selfme_lib.spotting import yardsticks
from selfme_lib.spotting.curves import Curves
from selfme_lib.spotting.intervals import EXPRESSIONS, Interval, truth_of
from selfme_lib.spotting.kept_motion import motion_of_videos, video_fingerprint
from selfme_lib.spotting.metrics import Spotted, SpottingScore, score
from selfme_lib.spotting.signal import FaceMotion, measure
from selfme_lib.spotting.spotter import SHIPPED, Spotter, fit_thresholds, load_spotter
from selfme_lib.study.motion_methods import method_of

from .chain import bench_chain

OURS = {"selfme": "plus", "network_farneback": "farneback_tuned"}
"""Methods with a spotting network, and the motion that it has learned and sees."""
SPOTTING_METHODS = (*OURS, *yardsticks.YARDSTICKS)
KINDS = (*EXPRESSIONS, "all")
TIMED = 4.0  # seconds of a video on which speed is measured


def bench_spotting(
    root: Path, *, dataset: str = "casme2-long", methods: Sequence[str] = SPOTTING_METHODS, folder: Path | None = None
) -> dict[str, Any]:
    """All methods on all videos of a folder.

    Args:
        root: of a data set of long videos whose frames show aligned faces (`selfme align`, or SynthME).
        dataset: of `data.long_videos.LONG_DATASETS`.
        methods: of `SPOTTING_METHODS`.
        folder: where curves and motions are kept, by default among the project's data.

    Returns:
        `videos`, `subjects`, `minutes`, how many `expressions` of each kind are labelled, and `methods`: for each `micro`,
        `macro` and `all` with `precision`, `recall`, `f1` (IoU .5) and its interval over subjects, counts and F1 `by_iou`,
        `average_precision`, `fp_per_minute` and errors of onset, apex and offset; of both kinds together `fp_per_minute` and
        `apex_error_ms`; `times_real_time`; and `end_to_end`, what `chain.bench_chain` gives with the intervals of `selfme`.

    Raises:
        UsageError: no such method or data set.
        DataError: the data cannot be used, or show one subject alone.
    """
    if unknown := [name for name in methods if name not in SPOTTING_METHODS]:
        raise UsageError(f"--methods {unknown[0]}: one of {', '.join(SPOTTING_METHODS)}")
    videos = load_long_videos(dataset, root)
    if len({video.subject for video in videos}) < 2:
        raise DataError(f"{root}: videos of one subject; settings are learned from others, so it takes two or more")
    folder = folder or DATA / "spotting"
    truths = [truth_of(video) for video in videos]
    found = {name: find(name, videos, truths, folder) for name in methods}
    chained = bench_chain(videos, truths, found["selfme"]) if "selfme" in found else None
    some = videos[int(np.argmax([len(truth) for truth in truths]))]
    return {
        "videos": len(videos),
        "subjects": len({video.subject for video in videos}),
        "minutes": sum(video.length / video.fps for video in videos) / 60,
        "expressions": {kind: sum(one.kind == kind for truth in truths for one in truth) for kind in EXPRESSIONS},
        "methods": {
            name: record(scored(videos, truths, intervals)) | {"times_real_time": times_real_time(name, some)}
            for name, intervals in found.items()
        },
        "end_to_end": chained,
    }


def find(
    name: str, videos: Sequence[LongVideo], truths: Sequence[Sequence[Interval]], folder: Path
) -> list[list[Interval]]:
    """What a method finds in each video, with settings from all other subjects."""
    subjects = [video.subject for video in videos]
    if name in OURS:
        motions = motions_of(name, videos, folder)
        return spot_each(spotter_of(name), [motions[video.key] for video in videos], truths, subjects)
    yardstick = yardsticks.YARDSTICKS[name]
    curves = [
        _kept_curves(yardstick.curves, video, folder) for video in tqdm(videos, desc=name, unit="video", disable=None)
    ]
    return yardsticks.leave_one_subject_out(yardstick.finder, curves, truths, subjects)


def spot_each(
    spotter: Spotter, motions: Sequence[FaceMotion], truths: Sequence[Sequence[Interval]], subjects: Sequence[str]
) -> list[list[Interval]]:
    """What the network finds in each video, with thresholds from all other subjects."""
    proposed = [spotter.propose(motion) for motion in motions]
    found = []
    for motion, subject in zip(motions, subjects):
        others = [place for place, other in enumerate(subjects) if other != subject]
        thresholds = fit_thresholds([proposed[place] for place in others], [truths[place] for place in others])
        found.append(spotter.spot(motion, thresholds))
    return found


def spotter_of(name: str) -> Spotter:
    """The shipped network of a method of `OURS`."""
    return load_spotter(SHIPPED if name == "selfme" else SHIPPED.with_name(f"spotter_{OURS[name]}.safetensors"))


def motions_of(name: str, videos: Sequence[LongVideo], folder: Path) -> dict[str, FaceMotion]:
    """The motion of each video by the method that `OURS` names, by the video's key."""
    method = method_of(OURS[name])
    with one_thread():
        return motion_of_videos(
            videos, method=OURS[name], motion=method.motion, weights=method.weights, folder=folder / "motions"
        )


def scored(
    videos: Sequence[LongVideo], truths: Sequence[Sequence[Interval]], found: Sequence[Sequence[Interval]]
) -> SpottingScore:
    """Of what was found in each video."""
    return score(
        [
            Spotted(subject=video.subject, fps=video.fps, frames=video.length, truth=truth, found=intervals)
            for video, truth, intervals in zip(videos, truths, found)
        ]
    )


def record(result: SpottingScore) -> dict[str, Any]:
    """As the benchmark prints it; numbers that do not exist are None."""
    kinds = {name: _kind_record(result[name]) for name in KINDS}
    return {**kinds, **{name: kinds["all"][name] for name in ("fp_per_minute", "apex_error_ms")}}


def _kind_record(one: Any) -> dict[str, Any]:
    numbers = {name: getattr(one, name) for name in ("precision", "recall", "f1", "average_precision", "fp_per_minute")}
    numbers |= {f"{moment}_error_ms": getattr(one, f"{moment}_error_ms") for moment in ("onset", "apex", "offset")}
    numbers |= {"apex_inside": one.apex_inside}
    plain = {name: None if np.isnan(value) else float(value) for name, value in numbers.items()}
    counts = {str(threshold): asdict(some) | {"f1": some.f1} for threshold, some in one.counts.items()}
    return plain | {"f1_interval": list(one.f1_interval), "by_iou": counts}


@one_thread()
def times_real_time(name: str, video: LongVideo) -> float:
    """Seconds of video that are read and looked at in a second, once the method is loaded."""
    count = min(max(2, round(TIMED * video.fps)), video.length)
    read: Callable[[], Iterator[tuple[int, np.ndarray]]] = lambda: video.read(1, count)  # noqa: E731
    if name in OURS:
        motion, spotter = method_of(OURS[name]).motion, spotter_of(name)

        def look() -> None:
            spotter.spot(measure(read(), fps=video.fps, motion=motion))
    else:
        curves = yardsticks.CURVES[yardsticks.YARDSTICKS[name].curves]

        def look() -> None:
            curves((pixels for _, pixels in read()), video.fps)

    look()
    begin = time.perf_counter()
    look()
    return count / video.fps / (time.perf_counter() - begin)


def _kept_curves(name: str, video: LongVideo, folder: Path) -> Curves:
    key = fingerprint(code=yardsticks, curves=name, video=video_fingerprint(video))
    path = folder / "curves" / f"{name}-{key}.json"
    kept = read_record(path)
    if kept is None:
        with one_thread():
            curves = yardsticks.CURVES[name]((pixels for _, pixels in video.read()), video.fps)
        kept = {"values": np.round(curves.values, 6).tolist(), "names": list(curves.names), "step": curves.step}
        kept |= {"fps": curves.fps, "frames": curves.frames}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_record(path, kept)
    return Curves(**{**kept, "values": np.array(kept["values"]), "names": tuple(kept["names"])})
