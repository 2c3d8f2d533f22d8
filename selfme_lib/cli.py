"""The `selfme` command.

JSON on standard output is nothing but JSON; words for people go to standard error. Exit codes: 0 all went well, 1
something is wrong with the user's data, 2 wrong usage. A failure that the user can mend is one line: which file, what
is wrong, what to do. What is slow to import is imported by the command that needs it.
"""

import importlib.metadata
import json
import math
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from .errors import DataError, UsageError

app = typer.Typer(
    name="selfme",
    help="SelfME (CVPR 2023) reproduced: learned motion for micro-expression recognition.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
bench = typer.Typer(no_args_is_help=True, help="Measure methods against known truth.")
app.add_typer(bench, name="bench")


def main() -> None:
    """Entry point: runs the command and turns failures into one line and an exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code."""
    try:
        code = app(arguments, prog_name="selfme", standalone_mode=False)
    except DataError as error:
        return _complain(error, 1)
    except UsageError as error:
        return _complain(error, 2)
    except typer.TyperException as error:  # wrong options; a call without a command has shown its help already
        return _complain(error.format_message(), error.exit_code)
    except BrokenPipeError:  # whoever read our output has seen enough
        return 1
    except OSError as error:  # a folder that cannot be written, a full disk
        place = error.filename or "writing failed"
        return _complain(f"{place}: {error.strerror}; give a place that can be written and has room", 1)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return code if isinstance(code, int) else 0


def _complain(message: object, code: int) -> int:
    line = " ".join(str(message).split())
    if line:
        print(f"selfme: {line}", file=sys.stderr)
    return code


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, allow_nan=False))


def _show_version(wanted: bool) -> bool:
    if wanted:
        print(f"selfme {importlib.metadata.version('selfme')}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None: ...


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(help="Folder to make.", show_default=False)],
    layout: Annotated[
        Literal["casme2", "smic", "samm"], typer.Option(help="Whose files and labels it looks like on disk.")
    ] = "casme2",
    subjects: Annotated[int, typer.Option(min=1, help="Number of people.")] = 12,
    clips: Annotated[int, typer.Option(min=1, help="Labelled clips a person.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    size: Annotated[int, typer.Option(min=32, help="Side of the frames in pixels.")] = 256,
    yaw: Annotated[float, typer.Option(min=-45, max=45, help="Degrees by which every head is turned.")] = 0.0,
    first_identity: Annotated[
        int, typer.Option(min=0, help="Number of the first person; other numbers are other people.")
    ] = 0,
) -> None:
    """Render the SynthME data set: faces whose motion is known."""
    from .synthme import SynthConfig, write_dataset

    people = {"subjects": subjects, "first_identity": first_identity}
    write_dataset(out, SynthConfig(layout=layout, **people, clips=clips, seed=seed, size=size, yaw=yaw))
    print(f"{out}: {subjects} subjects, {clips} clips each", file=sys.stderr)


@app.command()
def doctor(
    dataset: Annotated[
        str,
        typer.Option(help="casme2, smic, samm, casme3, composite, synthme, voxceleb or features.", show_default=False),
    ],
    root: Annotated[Path, typer.Option(help="Folder of the data set.", show_default=False)],
    classes: Annotated[int, typer.Option(help="3, or 5 for CASME II's own emotions.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of a table.")] = False,
) -> None:
    """Check a data set before hours are spent on it. Exit code 1 when something is wrong."""
    from .data import examine
    from .data.doctor import table

    examination = examine(dataset, root, classes=classes)
    if as_json:
        _print_json(examination.to_dict())
    else:
        if examination.faults:
            print(table(examination.faults, root))
        print(", ".join(f"{name} {count}" for name, count in examination.summary.items()))
    if examination.errors:
        raise DataError(f"{root}: {len(examination.errors)} of the lines above are errors; each says what to do")


@app.command()
def align(
    source: Annotated[Path, typer.Argument(help="Folder of recorded frames, or a video.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="Folder to make.", show_default=False)],
    size: Annotated[int, typer.Option(min=32, help="Side of the crops in pixels.")] = 256,
) -> None:
    """Cut faces out of recordings, each folder or video in one fixed place. The same command goes on after an interrupt."""
    from .data.align_tree import align_tree
    from .data.doctor import table

    faults = align_tree(source, out, size=size)
    if faults:
        print(table(faults, source))
    if errors := sum(fault.severity == "error" for fault in faults):
        raise DataError(f"{source}: {errors} of the lines above are errors; mend them and give the same command again")
    print(f"{out}: faces of {size} x {size} pixels", file=sys.stderr)


@app.command()
def reproduce(
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    profile: Annotated[str, typer.Option(help="smoke, quick, paper, or a YAML file.")] = "quick",
    dataset: Annotated[
        str, typer.Option(help="synthme, casme2, smic, samm, casme3, composite or features, if not the profile's.")
    ] = "",
    root: Annotated[Path | None, typer.Option(help="Folder of the data set.", show_default=False)] = None,
    apex: Annotated[
        str, typer.Option(help="label, middle, largest (motion), or a CSV file of apex frames, if not the profile's.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="runs/PROFILE")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Notebooks to run: --only 05 06.", show_default=False)] = None,
    cluster: Annotated[str, typer.Option(help="Dask scheduler that trains the folds: its address, or local.")] = "",
) -> None:
    """Run the notebooks in order and write report.html. The same command goes on where an interrupted run stopped."""
    if more and not only:
        raise UsageError(f"unexpected argument {more[0]!r}; did you mean --only {' '.join(more)}?")
    from . import profiles
    from .exports import export
    from .report import write_report
    from .reproduce import NOTEBOOKS, find_notebooks
    from .reproduce import reproduce as run_notebooks
    from .results import RunFolder

    data = {"dataset": dataset} if dataset else {}
    if apex in ("label", "middle", "largest"):
        data["apex_rule"] = apex
    elif apex:
        if not Path(apex).is_file():
            raise UsageError(f"--apex {apex}: expected label, middle, largest or a CSV file that exists")
        data |= {"apex_rule": "list", "apex_list": os.path.relpath(apex, NOTEBOOKS)}
    elif dataset in ("smic", "composite"):
        data["apex_rule"] = "middle"  # SMIC labels none
    if root is not None:
        if not root.is_dir():
            raise DataError(f"--root {root}: no such folder; give the folder of the data set")
        data["root"] = os.path.relpath(root, NOTEBOOKS)  # the notebooks' working directory
    settings = profiles.load(profile, data=data, evaluation={"cluster": cluster} if cluster else {})
    if settings.data.dataset != "synthme" and not settings.data.root:
        raise UsageError(f"{settings.data.dataset} does not come with this project: say where it is with --root DIR")
    notebooks = find_notebooks(NOTEBOOKS, [*(only or []), *(more or [])])
    if settings.data.dataset == "features" and any(path.stem[:2] != "08" for path in notebooks):
        raise UsageError("features have no frames, which the other chapters need: add --only 08")
    if settings.data.root:  # what is wrong is said now, not by every notebook
        from .data import examine

        folder = root or NOTEBOOKS / settings.data.root
        if errors := examine(settings.data.dataset, folder).errors:
            more = f" ({len(errors) - 1} more: see `selfme doctor`)" if len(errors) > 1 else ""
            raise DataError(f"{errors[0].line}{more}")
    if settings.data.dataset in ("smic", "composite") and settings.data.apex_rule == "label":
        raise UsageError("data.apex_rule: SMIC labels no apex frame; use middle, largest or list")
    if settings.motion.checkpoint and not (NOTEBOOKS / settings.motion.checkpoint).is_file():
        raise DataError(f"motion.checkpoint: {settings.motion.checkpoint}: no such file, seen from {NOTEBOOKS}")
    folder = RunFolder(out or Path("runs") / settings.name)
    outcomes = run_notebooks(profiles.to_dict(settings), folder, notebooks=notebooks)
    failed = [outcome.name for outcome in outcomes if outcome.status == "failed"]
    if folder.items():
        export(folder)
        print(write_report(folder), file=sys.stderr)
    if failed:
        print(f"selfme: {len(failed)} of {len(outcomes)} notebooks failed: {', '.join(failed)}", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def sweep(
    notebook: Annotated[Path, typer.Argument(help="Such as notebooks/05_loso_evaluation.ipynb.", show_default=False)],
    grid: Annotated[
        Path, typer.Argument(help="YAML: parameters, lists standing for alternatives.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder of the sweep.", show_default=False)],
    workers: Annotated[int, typer.Option(min=1, help="Notebooks that run side by side.")] = 2,
    cluster: Annotated[str, typer.Option(help="Dask scheduler that runs them: its address, or local.")] = "",
) -> None:
    """Run a notebook at every point of a grid and collect one table. The same command goes on after an interrupt."""
    from .evaluation.executors import executor
    from .sweep import read_grid
    from .sweep import sweep as run_points

    points = read_grid(grid, notebook)
    with executor(workers, cluster) as pool:
        table, outcomes = run_points(notebook, points, out, executor=pool)
    print(table.round(3).to_string(index=False))
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    for outcome in failed:
        print(f"selfme: {outcome.message}", file=sys.stderr)
    if failed:
        print(f"selfme: {len(failed)} of {len(outcomes)} points failed", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def motion(
    onset: Annotated[Path, typer.Argument(help="Image of the face before it moves.", show_default=False)],
    apex: Annotated[Path, typer.Argument(help="Image of the same face when it has moved most.", show_default=False)],
    out: Annotated[Path, typer.Option(help="File to write: float32, 2 x H x W, pixels.", show_default=False)],
    gamma: Annotated[float, typer.Option(help="Motion amplification.")] = 1.0,
    png: Annotated[Path | None, typer.Option(help="Picture of the motion, too.", show_default=False)] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Without B-spline and exponential.")] = False,
    checkpoint: Annotated[Path | None, typer.Option(help="Motion learner; default: the shipped one.")] = None,
) -> None:
    """Learned motion between two images of a face."""
    if png is not None and png.suffix.lower() != ".png":
        raise UsageError(f"--png {png}: expected a name that ends in .png")
    if not math.isfinite(gamma):
        raise UsageError(f"--gamma {gamma}: expected a number such as 2")
    import numpy as np

    from .data import frame_size, read_frame
    from .diffeo import diffeomorphic_motion
    from .files import atomic_path
    from .motion import checkpoint as checkpoints

    width, height = frame_size(onset)
    if frame_size(apex) != (width, height):
        raise DataError(f"{apex}: not of the size of {onset} ({width} x {height}); crop both alike")
    learner = checkpoints.load(checkpoint)
    dense = learner.dense_motion(read_frame(onset)[None], read_frame(apex)[None])
    flow = diffeomorphic_motion(dense, (height, width), gamma=gamma, bspline=not raw)[0]
    with atomic_path(out) as temporary, temporary.open("wb") as file:
        np.save(file, flow.numpy())
    if png is not None:
        from matplotlib.image import imsave

        from .plots.style import common_scale, flow_to_rgb

        with atomic_path(png) as temporary:
            imsave(temporary, flow_to_rgb(flow, common_scale(flow)).permute(1, 2, 0).numpy())
    print(f"{out}: 2 x {height} x {width}, longest motion {flow.norm(dim=0).max():.2f} px", file=sys.stderr)


@app.command()
def pretrain(
    out: Annotated[Path, typer.Argument(help="Folder for faces, state and checkpoint.", show_default=False)],
    dataset: Annotated[
        Literal["synthme", "voxceleb"], typer.Option(help="Rendered people, or VoxCeleb's in --root.")
    ] = "synthme",
    root: Annotated[
        Path | None, typer.Option(help="VoxCeleb: folders of face crops, or .mp4 files.", show_default=False)
    ] = None,
    persons: Annotated[
        int | None,
        typer.Option(min=17, help="Rendered people; 16 of them are for validation.", show_default="200"),
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of frames of a rendered person.")] = 10,
    frames: Annotated[int, typer.Option(min=2, help="VoxCeleb: frames taken of each sequence, at most.")] = 8,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="VoxCeleb: leave out what cannot be read.")
    ] = False,
    size: Annotated[int, typer.Option(min=32, help="Largest side of the frames in pixels.")] = 256,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the optimiser.")] = 1200,
    batch: Annotated[int, typer.Option(min=1, help="Pairs a step and process; fewer of large frames.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, faces and batches.")] = 0,
    accelerator: Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="What computes.")] = "auto",
    devices: Annotated[int, typer.Option(min=0, help="Processes, one a device; 0: all GPUs, or 1 on a CPU.")] = 0,
    nodes: Annotated[int, typer.Option(min=1, help="Machines; start the command on each, as by torchrun.")] = 1,
    precision: Annotated[
        Literal["32-true", "bf16-mixed", "16-mixed"], typer.Option(help="Of the networks.")
    ] = "32-true",
) -> None:
    """Train a motion learner from scratch, as the shipped one was. The same command goes on after an interrupt."""
    if dataset == "voxceleb" and root is None:
        raise UsageError("voxceleb does not come with this project: say where it is with --root DIR")
    if dataset == "synthme" and root is not None:
        raise UsageError(f"--root {root}: rendered people need none; add --dataset voxceleb to learn from that folder")
    if dataset == "voxceleb" and persons is not None:
        raise UsageError(f"--persons {persons}: counts rendered people; of VoxCeleb all in --root are learned from")
    from lightning_fabric import Fabric

    from .motion.learner import LearnerConfig
    from .motion.pretraining import PretrainingConfig, TrainingConfig, VoxCeleb, sizes_up_to
    from .motion.pretraining import pretrain as train

    voxceleb = VoxCeleb(root, frames=frames, skip_broken=skip_broken) if root is not None else None
    sizes = sizes_up_to(size)
    training = TrainingConfig(steps=steps, batch_size=batch, seed=seed, sizes=sizes)
    learner = LearnerConfig(size=min(sizes), largest=min(size, LearnerConfig.largest))
    config = PretrainingConfig(
        persons=persons or 200, pairs=pairs, learner=learner, training=training, voxceleb=voxceleb
    )
    try:
        fabric = Fabric(accelerator=accelerator, devices=devices or "auto", num_nodes=nodes, precision=precision)
    except (RuntimeError, ValueError) as error:  # what this machine has not
        raise UsageError(f"--accelerator {accelerator} --devices {devices or 'auto'}: {error}") from None
    path = train(out, config, fabric=fabric)
    if fabric.global_rank == 0:
        print(path, file=sys.stderr)


@app.command()
def explore(
    dataset: Annotated[
        Literal["synthme", "casme2", "smic"], typer.Option(help="Whose clips, if --root is given.")
    ] = "synthme",
    root: Annotated[
        Path | None, typer.Option(help="Folder of your own data; default: two rendered people.", show_default=False)
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="On this machine.")] = 8866,
    browser: Annotated[bool, typer.Option(help="Open the page in your browser.")] = True,
) -> None:
    """Amplify a micro-expression by hand: the explorer as a page of its own (Voila); Ctrl-C ends it."""
    from . import page

    if root is not None:
        from .data import load_clips

        load_clips(dataset, root, apex_rule="middle" if dataset == "smic" else "label")  # what is wrong is said here
    elif dataset != "synthme":
        raise UsageError(f"{dataset} does not come with this project: say where it is with --root DIR")
    print(f"http://localhost:{port}/ (Ctrl-C ends it)", file=sys.stderr)
    if code := page.serve(page.notebook_of(dataset, root), port=port, browser=browser):
        raise UsageError(f"--port {port}: the server could not start (exit code {code}); try another port")


@app.command()
def student(
    notebook: Annotated[Path, typer.Argument(help="The teacher's notebook.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="File or folder of the student's copy.", show_default=False)],
) -> None:
    """Copy a notebook with its exercises' solutions and all outputs taken out."""
    from .student import write_student_copy

    print(write_student_copy(notebook, out), file=sys.stderr)


@app.command()
def site(
    out: Annotated[Path, typer.Argument(help="Folder of the pages.", show_default=False)],
    run: Annotated[
        Path | None,
        typer.Option(help="Show this run's notebooks and report; default: as published.", show_default=False),
    ] = None,
) -> None:
    """Write the notebooks as web pages that any server can serve."""
    from .results import RunFolder
    from .site import write_site

    print(write_site(out, None if run is None else RunFolder(run)), file=sys.stderr)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a fresh run.", show_default=False)],
) -> None:
    """Compare a fresh run with the published numbers. Exit code 1 when one differs beyond its tolerance."""
    from .files import read_json
    from .reproduce import NOTEBOOKS
    from .results import RunFolder
    from .verify import compare, key_numbers

    published = NOTEBOOKS / "published.json"
    if not published.exists():
        raise DataError(f"{published}: no such file; `selfme report RUN --publish` writes it")
    faults = compare(read_json(published), key_numbers(RunFolder(folder)))
    for fault in faults:
        print(fault)
    if faults:
        raise DataError(f"{folder}: {len(faults)} numbers differ from the published ones; the lines above say which")
    print(f"{folder}: every published number came out again")


@app.command()
def score(
    predictions: Annotated[Path, typer.Argument(help="CSV: subject, clip, label, prediction.", show_default=False)],
) -> None:
    """Pooled and per-fold scores of predictions, as JSON."""
    from .evaluation import metrics

    _print_json(metrics.score(metrics.read_predictions(predictions)))


@bench.command(name="motion")
def bench_motion(
    root: Annotated[Path, typer.Option(help="A data set with truth in SynthME's format.", show_default=False)],
    size: Annotated[int | None, typer.Option(min=32, help="Side at which motion is measured.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Motion learner; default: the shipped one.")] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE", help="Checkpoint of another learner or of TCAE; repeat for more.", show_default=False
        ),
    ] = None,
    nuisances: Annotated[
        str, typer.Option(help="What disturbs the frames: some of these and yaw (renders clips again); all; none.")
    ] = "light,noise,jpeg,grey,drift",
    every: Annotated[int, typer.Option(min=1, help="Nuisances on one in so many clips of each subject.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="Threads of every method.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Folder for bench.json, .csv, .md and .png.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of a table.")] = False,
) -> None:
    """End-point error, robustness and speed of every motion method."""
    from .baselines.tcae import is_tcae
    from .baselines.tcae import load as load_tcae
    from .bench import NUISANCES, learned
    from .bench import bench_motion as measure
    from .bench.output import short_table, write_report
    from .motion import checkpoint as checkpoints

    others = {}
    for item in also or []:
        name, _, path = item.partition("=")
        if not name or not path or name in others:
            raise UsageError(f"--also {item}: expected NAME=FILE, each name once")
        if is_tcae(path):
            others[name] = load_tcae(path).flow
            continue
        learner = checkpoints.load(path)
        others |= {name: learned(learner), f"{name}_raw": learned(learner, bspline=False)}
    sets = {"all": list(NUISANCES), "none": []}
    chosen = sets[nuisances] if nuisances in sets else [name.strip() for name in nuisances.split(",")]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # so that a name that cannot be is noticed now
    measured = measure(
        root, size=size, checkpoint_path=checkpoint, also=others, nuisances=chosen, every=every, threads=threads
    )
    if out is not None:
        for path in write_report(out, measured):
            print(path, file=sys.stderr)
    table = f"{short_table(measured)}\n{measured['n_pairs']} pairs at {measured['size']} px"
    if as_json:
        _print_json(measured)
        if sys.stderr.isatty():
            print(table, file=sys.stderr)
    else:
        print(table)


@bench.command(name="train")
def bench_train(
    profile: Annotated[str, typer.Option(help="Whose classifier: smoke, quick, paper, or a YAML file.")] = "quick",
    epochs: Annotated[int, typer.Option(min=1, help="Of each measurement.")] = 6,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements, of which the fastest counts.")] = 3,
    workers: Annotated[int, typer.Option(min=1, help="Processes side by side; 1 leaves that out.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of a table.")] = False,
) -> None:
    """Speed of the classifier's training, against a plain timm loop and the machine's matrix product."""
    from . import profiles
    from .bench.train import bench_train as measure
    from .bench.train import text

    measured = measure(profiles.load(profile).classifier, epochs=epochs, rounds=rounds, workers=workers)
    if as_json:
        _print_json(measured)
    else:
        print(text(measured))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.", show_default=False)],
    publish: Annotated[
        bool, typer.Option("--publish", help="Also refresh figures/ and the notebooks' outputs.")
    ] = False,
) -> None:
    """Write report.html and exports/ again from what the notebooks of a run left."""
    from .exports import export
    from .report import write_report
    from .results import RunFolder

    export(RunFolder(folder))
    print(write_report(RunFolder(folder)), file=sys.stderr)
    if publish:
        from .publish import publish as publish_run

        for path in publish_run(RunFolder(folder)):
            print(f"published {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
