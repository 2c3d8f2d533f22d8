"""What is wrong with the frames of clips.

Threads check the header and the end of every frame, and decode the onset and the apex, on which a clip depends. So a data set
of ten thousand frames takes seconds.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from .clips import Clip
from .faults import Fault, FaultyData, Severity
from .images import frame_size, read_pixels, several_sizes


def check_frames(clips: Sequence[Clip]) -> list[list[Fault]]:
    """The faults of each clip's frames: damage, several sizes, copies."""
    with ThreadPoolExecutor() as pool:
        checks = pool.map(_check_clip, clips)
        checked = list(tqdm(checks, total=len(clips), desc="frames", unit="clip", disable=None))
    faults = [of_clip for of_clip, _ in checked]
    _add_copies(clips, [moments for _, moments in checked], faults)
    return faults


def _check_clip(clip: Clip) -> tuple[list[Fault], tuple[str, str] | None]:
    """The faults of a clip's frames, and hashes of its onset and peak if both are sound."""
    faults: list[Fault] = []
    sizes: dict[Path, tuple[int, int]] = {}
    hashes: dict[Path, str] = {}
    onset, peak = clip.onset_path, clip.peak_path
    for path in clip.frames:
        try:
            if path in (onset, peak):
                pixels = read_pixels(path)
                sizes[path] = pixels.shape[1], pixels.shape[0]
                hashes[path] = hashlib.sha256(pixels.tobytes()).hexdigest()
            else:
                sizes[path] = frame_size(path)
        except FaultyData as error:
            faults.append(error.fault)
    faults += several_sizes(sizes)
    return faults, (hashes[onset], hashes[peak]) if {onset, peak} == set(hashes) else None


def _add_copies(
    clips: Sequence[Clip], hashes: Sequence[tuple[str, str] | None], faults_of: Sequence[list[Fault]]
) -> None:
    """Add what is wrong with clips that are copies of others, or whose apex is a copy of their onset, pixel for pixel.

    A copy under another subject's name would leak from training into the test.
    """
    seen: dict[tuple[str, str], Clip] = {}
    for clip, moments, faults in zip(clips, hashes, faults_of):
        if moments is None:
            continue
        folder = clip.frames[0].parent
        if moments[0] == moments[1] and clip.onset_path != clip.peak_path:
            problem = f"onset {clip.onset_path.name} and apex {clip.peak_path.name} are the same picture"
            faults.append(Fault("error", folder, problem, "copy the clip again"))
            continue
        first = seen.setdefault(moments, clip)
        if first is not clip:
            severity: Severity = "note" if first.subject == clip.subject else "error"
            faults.append(Fault(severity, folder, f"onset and apex are those of {first.key}", "keep the right one"))
