"""The clips of a study: read, their faces cropped, and with an apex each."""

from dataclasses import replace
from pathlib import Path

from selfme_lib.data import Clip, load_clips
from selfme_lib.data.frame_cache import FrameCache
from selfme_lib.data.readers import with_apexes, without_apex
from selfme_lib.motion import checkpoint
from selfme_lib.runtime.device import DEVICE
from selfme_lib.runtime.paths import DATA

from .apex import largest_motion
from .profiles import Profile


def prepare_clips(settings: Profile, root: Path) -> list[Clip]:
    """The clips in `root`, with an apex by the profile's rule and, if they are recordings, with their faces cropped.

    Raises:
        DataError: something is wrong with the data.
    """
    data = settings.data
    by_motion = data.apex_rule == "largest"
    rule = "label" if by_motion else data.apex_rule
    clips = load_clips(
        data.dataset,
        root,
        apex_rule=rule,
        apex_list=data.apex_list or None,
        classes=data.classes,
        skip_broken=data.skip_broken,
    )
    frames = FrameCache(DATA / "frames", data.size, grey=data.grey)
    if data.grey and not data.align:
        clips = [replace(clip, cropped=True) for clip in clips]
    if data.align or data.grey:
        clips = frames.with_aligned(clips)
    if by_motion:
        start = checkpoint.start_of(settings.motion.checkpoint)
        learner = checkpoint.load_estimator(start, device=DEVICE) if data.apex_method == "selfme" else None
        missing = without_apex(data.dataset, clips)
        clips = with_apexes(clips, largest_motion(missing, method=data.apex_method, cache=frames, learner=learner))
    return clips
