"""Clips of a data set for explorers, read from disk when asked for: onset and apex alone, or whole."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from selfme_lib.data import Clip, load_onset_apex, read_clip_frame
from selfme_lib.data.frame_cache import FrameCache
from selfme_lib.plots.montage import to_bytes
from selfme_lib.synthme.truth import Truth

from .moving import MOST_FRAMES, Take

LIDS = 0.25  # of a closed lid: from here on it is called a blink


class ClipFrames(Mapping):
    """Onset and apex of the clips of a data set by their keys (`01/EP02_01f`).

    Args:
        clips: from `data.load_clips`.
        size: side of the frames in pixels.
        cache: where faces cut out of recordings are kept; None takes the frames as they are.
    """

    def __init__(self, clips: Sequence[Clip], size: int, cache: FrameCache | None = None):
        self._clips, self._size, self._cache = {clip.key: clip for clip in clips}, size, cache

    def __getitem__(self, key: str) -> Any:
        """Onset and apex, each (3, size, size)."""
        onset, apex = load_onset_apex([self._clip(key)], self._size)
        return onset[0], apex[0]

    def _clip(self, key: str) -> Clip:
        clip = self._clips[key]
        return self._cache.with_aligned([clip])[0] if self._cache else clip

    def __iter__(self) -> Iterator[str]:
        return iter(self._clips)

    def __len__(self) -> int:
        return len(self._clips)


class WholeClips(ClipFrames):
    """Whole clips of a data set by key, emotion and action units (`01/EP02_01f · happiness · AU 6+12`).

    A clip longer than `MOST_FRAMES` is shown from onset to offset, thinned out if need be.

    Args:
        truth: key of a clip → its truth, where it is known: frames with a blink are marked.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        size: int,
        cache: FrameCache | None = None,
        truth: Callable[[Clip], Truth | None] = lambda _: None,
    ):
        super().__init__(clips, size, cache)
        self._truth, self._clips = truth, {title(clip): clip for clip in clips}

    def __getitem__(self, key: str) -> Take:
        """The whole clip."""
        clip = self._clip(key)
        numbers = np.array(clip.frame_numbers)
        if len(numbers) > MOST_FRAMES:
            numbers = numbers[(numbers >= clip.onset) & (numbers <= clip.offset)]
        apex = clip.middle if clip.apex is None else clip.apex
        if len(numbers) > MOST_FRAMES:
            every = numbers[:: -(-len(numbers) // (MOST_FRAMES - 3))]
            numbers = np.union1d(every, [clip.onset, apex, clip.offset])
        place = {number: at for at, number in enumerate(numbers.tolist())}
        frames = np.stack([to_bytes(read_clip_frame(clip, number, self._size)) for number in place])
        closed = blinks_of(self._truth(clip))
        blinks = tuple(at for number, at in place.items() if clip.frame_numbers.index(number) in closed)
        return Take(
            frames=frames,
            onset=place[clip.onset],
            apex=place[apex],
            offset=place.get(clip.offset),
            about=about(clip),
            rate=float(clip.fps),
            blinks=blinks,
        )


def about(clip: Clip) -> str:
    """Emotion and action units as labelled, if they are."""
    units = f"AU {clip.action_units}" if clip.action_units.strip("? ") else ""
    return ", ".join(filter(None, [clip.emotion, units]))


def title(clip: Clip) -> str:
    return " · ".join([clip.key, *filter(None, about(clip).split(", "))])


def blinks_of(truth: Truth | None) -> set[int]:
    """Positions of the frames in which the lids close; none if the truth is not known."""
    if truth is None:
        return set()
    lids = [at for at, name in enumerate(truth.au_names) if name.lstrip("LR") == "45"]
    return set(np.flatnonzero(truth.au_intensity[:, lids].numpy().max(1, initial=0) > LIDS).tolist())
