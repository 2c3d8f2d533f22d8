"""Commands about data sets: render one, check one, cut faces out of recordings."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from selfme_lib.runtime.errors import DataError, UsageError

from .choices import folder, one_of
from .output import Stopwatch, counted, print_json, print_table

if TYPE_CHECKING:
    from selfme_lib.data.faults import Fault


def synth(
    out: Annotated[Path, typer.Argument(help="Folder to create.", show_default=False)],
    layout: Annotated[
        Literal["casme2", "smic", "samm", "casme2-long", "samm-long"],
        typer.Option(help="Data set whose files and labels are imitated; long: CAS(ME)2 and SAMM Long Videos."),
    ] = "casme2",
    subjects: Annotated[int, typer.Option(metavar="N", min=1, max=10_000, help="Number of people.")] = 12,
    clips: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=1_000, help="Labelled clips per person; or long videos.", show_default="12; 1 long"
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, max=2**63 - 1, help="The same seed gives the same bytes.")
    ] = 0,
    size: Annotated[int, typer.Option(metavar="N", min=32, max=4096, help="Side of the frames in pixels.")] = 256,
    yaw: Annotated[
        float, typer.Option(metavar="N", min=-45, max=45, help="Degrees by which every head is turned.")
    ] = 0.0,
    first_identity: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=2**31 - 1, help="Number of the first person; other numbers are other people."
        ),
    ] = 0,
    world: Annotated[
        Literal["home", "other"], typer.Option(help="Where the people live: other skin, light and cameras.")
    ] = "home",
    codec: Annotated[
        Literal["none", "h264"], typer.Option(help="h264: recorded as a video first, as real data sets were.")
    ] = "none",
    seconds: Annotated[
        float | None, typer.Option(metavar="N", min=1, max=600, help="Length of long videos.", show_default="30")
    ] = None,
    fps: Annotated[
        int | None,
        typer.Option(metavar="N", min=10, max=1000, help="Frames a second of long videos.", show_default="30 or 200"),
    ] = None,
) -> None:
    """Render the SynthME data set: faces whose motion is known."""
    from selfme_lib.synthme import SYNTHME_2, SynthConfig, write_dataset
    from selfme_lib.synthme.long_dataset import LongConfig, write_long_dataset

    time = Stopwatch()
    folder("OUT", out)
    who_and_how: dict[str, Any] = {"subjects": subjects, "size": size, "seed": seed, "first_identity": first_identity}
    who_and_how |= {"yaw": yaw, "world": world, "codec": codec}
    if layout == "casme2-long" or layout == "samm-long":
        length = 30.0 if seconds is None else seconds
        long = LongConfig(videos=clips or 1, seconds=length, layout=layout, fps=fps, **who_and_how)
        write_long_dataset(out, long)
        print(
            f"{out}: {counted(subjects, 'subject')}, {counted(long.videos, 'video')} each, in {time}", file=sys.stderr
        )
        return
    for option, value in (("--seconds", seconds), ("--fps", fps)):
        if value is not None:
            raise UsageError(f"{option} is for long videos; add --layout casme2-long or samm-long")
    config = SynthConfig(clips=clips or 12, layout=layout, difficulty=SYNTHME_2, **who_and_how)
    write_dataset(out, config)
    print(f"{out}: {counted(subjects, 'subject')}, {counted(config.clips, 'clip')} each, in {time}", file=sys.stderr)


def doctor(
    dataset: Annotated[
        str,
        typer.Option(
            help="casme2, smic, samm, casme3, mmew, 4dme, folder (your own), composite, synthme, voxceleb or features; "
            "of long videos: casme2-long or samm-long.",
            show_default=False,
        ),
    ],
    root: Annotated[Path, typer.Option(help="Folder of the data set.", show_default=False)],
    classes: Annotated[int, typer.Option(metavar="N", help="3; casme2 and samm also 5, casme3 also 4 and 7.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of a table.")] = False,
) -> None:
    """Check a data set before spending hours on it. Exit code 1 if something is wrong."""
    from selfme_lib.data import DATASETS, examine
    from selfme_lib.data.long_videos import LONG_DATASETS

    time = Stopwatch()
    one_of("--dataset", dataset, (*DATASETS, "voxceleb", *LONG_DATASETS))
    examination = examine(dataset, root, classes=classes)
    if as_json:
        print_json(examination.to_dict())
    else:
        _print_faults(examination.faults, root)
        print(", ".join(f"{name} {count}" for name, count in examination.summary.items()), f"in {time}", sep="; ")
    if examination.errors:
        raise DataError(f"{root}: {counted(len(examination.errors), 'error')} in the lines above; each says what to do")


def align(
    source: Annotated[Path, typer.Argument(help="Folder of recorded frames, or a video.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="Folder to create.", show_default=False)],
    size: Annotated[int, typer.Option(metavar="N", min=32, max=4096, help="Side of the crops in pixels.")] = 256,
) -> None:
    """Cut faces out of recordings. Each folder or video is cropped at one fixed place; the same command resumes."""
    from selfme_lib.data.align_tree import align_tree

    time = Stopwatch()
    folder("OUT", out)
    faults = align_tree(source, out, size=size)
    _print_faults(faults, source)
    if errors := sum(fault.severity == "error" for fault in faults):
        raise DataError(
            f"{source}: {counted(errors, 'error')} in the lines above; fix them and give the same command again"
        )
    print(f"{out}: faces of {size} x {size} pixels, in {time}", file=sys.stderr)


def features(
    out: Annotated[Path, typer.Argument(help="Folder of the pictures and their labels.csv.", show_default=False)],
    root: Annotated[Path, typer.Option(help="Folder of the data set.", show_default=False)],
    dataset: Annotated[str, typer.Option(help="casme2, smic, samm, casme3, composite or synthme.")] = "synthme",
    method: Annotated[
        str, typer.Option(help="selfme, plus, printed, truth, or a classical flow: tvl1, dis.")
    ] = "selfme",
    gamma: Annotated[float, typer.Option(metavar="N", min=0, max=1_000, help="Motion amplification.")] = 1.0,
    profile: Annotated[
        str, typer.Option(help="Whose frames and learner: smoke, quick, paper, or a YAML file.")
    ] = "quick",
) -> None:
    """Write the motion of every clip as a picture. Red, green and blue are u, v and optical strain."""
    from selfme_lib.motion.checkpoint import SHIPPED_FORMS, load_estimator
    from selfme_lib.runtime.device import DEVICE
    from selfme_lib.study import keys, profiles
    from selfme_lib.study.clips import prepare_clips
    from selfme_lib.study.extraction import LEARNED, MOTION_METHODS, extract
    from selfme_lib.study.feature_pictures import check_empty, write_feature_pictures

    time = Stopwatch()
    folder("OUT", out)
    one_of("--method", method, MOTION_METHODS)
    if not root.is_dir():
        raise DataError(f"--root {root}: no such folder; give the folder of the data set")
    check_empty(out)
    data = {"dataset": dataset, "root": str(root.absolute())}
    if dataset in ("smic", "composite"):
        data["apex_rule"] = "middle"  # SMIC labels none
    form = {"checkpoint": method} if method in SHIPPED_FORMS else {}
    settings = profiles.load(profile, data=data, motion=form)
    learner = load_estimator(keys.start_of(settings), device=DEVICE) if method in LEARNED else None
    clips = prepare_clips(settings, root)
    motion = extract(
        method, clips, size=settings.data.size, learner=learner, bspline=settings.motion.bspline, gamma=gamma, root=root
    )
    print(f"{write_feature_pictures(out, clips, motion)}: {len(clips)} clips, in {time}", file=sys.stderr)


def _print_faults(faults: "list[Fault]", root: Path) -> None:
    """A table of severity, file (relative to `root`), row, what is wrong and what to do; nothing if nothing is wrong."""
    from selfme_lib.data.faults import printable

    rows = []
    for fault in faults:
        inside = fault.file != root and fault.file.is_relative_to(root)
        file = str(fault.file.relative_to(root) if inside else fault.file)
        rows.append([fault.severity, printable(file), fault.row, printable(fault.problem), printable(fault.remedy)])
    if rows:
        print_table(["", "file", "row", "what is wrong", "what to do"], rows)
