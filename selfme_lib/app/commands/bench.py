"""Commands that measure: `selfme bench motion`, `recognition`, `train`, `synth`, `difficulty`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from selfme_lib.runtime.errors import UsageError

from .choices import folder, one_of, some_of
from .output import Stopwatch, in_four_digits, print_json, print_table

if TYPE_CHECKING:
    from selfme_lib.bench.worlds import Source
    from selfme_lib.flow import FlowMethod


def bench_motion(
    root: Annotated[
        Path | None, typer.Option(help="A data set with truth in SynthME's format.", show_default=False)
    ] = None,
    world: Annotated[
        Literal["home", "other", "photographs"] | None,
        typer.Option(help="Instead of --root: people of this world, rendered once and kept.", show_default=False),
    ] = None,
    subjects: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Of a world: number of people.")] = 12,
    clips: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Of a world: clips per person.")] = 12,
    population: Annotated[
        Literal["evaluation", "choice"], typer.Option(help="Of a world: whose people; choose methods on choice.")
    ] = "evaluation",
    size: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=32, max=4096, help="Side at which motion is measured; default: as on disk, or 128."
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="What is measured as selfme; default: the shipped SelfME+.")
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE", help="Checkpoint of another learner or of TCAE; can be repeated.", show_default=False
        ),
    ] = None,
    nuisances: Annotated[
        str,
        typer.Option(
            help="Disturbances of the frames: some of these and yaw15, yaw30 (render clips again); all; none."
        ),
    ] = "light,noise,jpeg,grey,drift",
    yaw: Annotated[
        str,
        typer.Option(metavar="DEGREES", help="Also with heads turned, such as 0,5,10,15,20,30,45.", show_default=False),
    ] = "",
    every: Annotated[
        int, typer.Option(metavar="N", min=1, max=10**6, help="Nuisances on every Nth clip of each subject.")
    ] = 3,
    threads: Annotated[int, typer.Option(metavar="N", min=1, max=1024, help="Threads that each method may use.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Folder for bench.json, .csv, .md and .png.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of a table.")] = False,
) -> None:
    """Error, robustness and speed of every motion method."""
    from selfme_lib.bench import NUISANCES, world_config, world_source
    from selfme_lib.bench import bench_motion as measure
    from selfme_lib.bench.output import condition_tables, mean_table, write_report

    if (root is None) == (world is None):
        raise UsageError("give either --root DIR or --world home, other or photographs")
    time = Stopwatch()
    folder("--out", out)
    others = _methods(also or [])
    turned = [name.strip() for name in nuisances.split(",") if name.strip().startswith("yaw")]
    chosen = some_of("--nuisances", nuisances, [*NUISANCES, *turned], all=NUISANCES, none=())
    chosen += [f"yaw{degrees}" for part in yaw.split(",") if (degrees := part.strip()) not in ("", "0")]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # so that an impossible name is noticed now
    source: Source | Path | None = root
    if world is not None:
        config = world_config(world, size=size or 128, subjects=subjects, clips=clips, population=population)
        source = world_source(world, config, workers=threads)
    assert source is not None
    measured = {"world": world, "population": population if world else None} | measure(
        source, size=size, checkpoint_path=checkpoint, also=others, nuisances=chosen, every=every, threads=threads
    )
    if out is not None:
        for path in write_report(out, measured):
            print(path, file=sys.stderr)
    if as_json:
        print_json(measured)
    if not as_json or sys.stderr.isatty():
        means = mean_table(measured)
        print_table(["", *means], means.reset_index().to_numpy().tolist(), on_stderr=as_json)
        for title, conditions in condition_tables(measured).items():
            print_table([title, *conditions], conditions.reset_index().to_numpy().tolist(), on_stderr=as_json)
        words = f"{measured['n_pairs']} pairs at {measured['size']} px, in {time}"
        print(words, file=sys.stderr if as_json else sys.stdout)


def _methods(also: list[str]) -> "dict[str, FlowMethod]":
    """Further methods from `NAME=FILE`; a motion learner counts twice, with and without B-spline and exponential."""
    from selfme_lib.baselines.tcae import is_tcae
    from selfme_lib.baselines.tcae import load as load_tcae
    from selfme_lib.bench import learned
    from selfme_lib.motion import checkpoint as checkpoints

    methods: dict[str, FlowMethod] = {}
    for item in also:
        name, _, path = item.partition("=")
        if not name or not path or name in methods:
            raise UsageError(f"--also {item}: expected NAME=FILE, each name once")
        if is_tcae(path):
            methods[name] = load_tcae(path).flow
        else:
            learner = checkpoints.load_estimator(path)
            methods |= {name: learned(learner), f"{name}_raw": learned(learner, bspline=False)}
    return methods


def bench_tune(
    out: Annotated[Path, typer.Option(help="Folder for rendered pairs and what was measured.", show_default=False)],
    methods: Annotated[str, typer.Option(help="Some of these.")] = "tvl1,farneback,dis,lucas_kanade",
    size: Annotated[int, typer.Option(metavar="N", min=32, max=1024, help="Side of the frames.")] = 128,
    subjects: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Number of choice people.")] = 24,
    clips: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="Pairs of each.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of a table.")] = False,
) -> None:
    """Search the best settings of classical flow. On people on whom nothing is evaluated; the same command resumes."""
    from selfme_lib.bench.tuning import SPACES, tune

    time = Stopwatch()
    folder("--out", out)
    chosen = some_of("--methods", methods, SPACES)
    table = tune(out, methods=chosen, size=size, subjects=subjects, clips=clips)
    if as_json:
        print_json(table.astype(object).where(table.notna(), None).to_dict("records"))
    else:
        print_table(list(table), table.astype(object).where(table.notna(), None).to_numpy().tolist())
        print(f"{len(table)} settings on {subjects} people, in {time}")


def bench_train(
    profile: Annotated[str, typer.Option(help="Whose classifier: smoke, quick, gpu, paper, or a YAML file.")] = "quick",
    epochs: Annotated[int, typer.Option(metavar="N", min=1, max=10**5, help="Epochs per measurement.")] = 20,
    rounds: Annotated[
        int, typer.Option(metavar="N", min=1, max=10**4, help="Measurements, of which the fastest counts.")
    ] = 3,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=1024, help="Processes side by side; 1 leaves that out.")
    ] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of a table.")] = False,
) -> None:
    """Speed of the classifier's training. Beside it a plain timm loop and the machine's matrix product."""
    from selfme_lib.bench.train import bench_train as measure
    from selfme_lib.bench.train import report_text
    from selfme_lib.study import profiles
    from selfme_lib.study.limits import check_size

    settings = profiles.load(profile)
    check_size(settings)
    measured = measure(settings.classifier, epochs=epochs, rounds=rounds, workers=workers)
    if as_json:
        print_json(measured)
        return
    rows = [
        [name, round(rates["samples_per_second"]), f"{rates['ms_per_sample']:.2f}", f"{rates['share_of_peak']:.0%}"]
        for name, rates in measured["trainings"].items()
    ]
    print_table(["training", "samples/s", "ms/sample", "of matmul peak"], rows)
    print(report_text(measured))


def bench_synth(
    world: Annotated[str, typer.Option(help="home, other or synthme-1.")] = "home",
    people: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Whose clips are rendered, one of each.")
    ] = 3,
    rounds: Annotated[
        int, typer.Option(metavar="N", min=1, max=10**4, help="Measurements, of which the fastest counts.")
    ] = 3,
    pairs: Annotated[
        int, typer.Option(metavar="N", min=0, max=10**5, help="Onsets and apexes by all workers; 0 leaves it out.")
    ] = 96,
    workers: Annotated[int, typer.Option(metavar="N", min=1, max=1024, help="Processes side by side.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of a table.")] = False,
) -> None:
    """Speed of the renderer. Frames, true motion and people on one core, pairs of frames on several."""
    from typing import get_args

    from selfme_lib.bench.synth import bench_synth as measure
    from selfme_lib.synthme.identity import World

    one_of("--world", world, get_args(World))
    measured = measure(world=world, people=people, rounds=rounds, pairs=pairs, workers=workers)  # type: ignore[arg-type]
    if as_json:
        print_json(measured)
        return
    sizes = measured["sizes"].items()
    rows = [[size, *(round(times[name], 1) for name in ("frame_ms", "truth_ms", "set_up_ms"))] for size, times in sizes]
    print_table(["px", "ms a frame", "ms the truth of a clip", "ms a new person"], rows)
    if side_by_side := measured.get("pairs"):
        rate, minutes = side_by_side["per_second"], side_by_side["minutes_for_2400"]
        print(f"{rate:.1f} pairs a second with {workers} workers, 2,400 in {minutes:.1f} minutes")


def bench_difficulty(
    people: Annotated[
        int, typer.Option(metavar="N", min=3, max=1000, help="Choice people, one of whom is left out in turn.")
    ] = 24,
    clips: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Per person; nuisances on every third.")
    ] = 12,
    size: Annotated[int, typer.Option(metavar="N", min=32, max=4096, help="Side of the frames in pixels.")] = 128,
    nuisances: Annotated[str, typer.Option(help="all, none, or some of the names in the table, by commas.")] = "all",
    workers: Annotated[int, typer.Option(metavar="N", min=1, max=1024, help="Processes that render.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of tables.")] = False,
) -> None:
    """How hard SynthME is. A linear classifier on truth and classical flow; what each nuisance adds to the flow's error."""
    from selfme_lib.bench.difficulty import METHODS, OFF
    from selfme_lib.bench.difficulty import bench_difficulty as measure

    time = Stopwatch()
    chosen = some_of("--nuisances", nuisances, OFF, all=OFF, none=())
    measured = measure(people=people, clips=clips, size=size, nuisances=chosen, workers=workers)
    if as_json:
        print_json(measured)
        return
    print_table(
        ["motion", "UF1, linear, 95 %"],
        [[name, in_four_digits(row, "uf1")] for name, row in measured["linear"].items()],
    )
    if chosen:
        rows = [
            [
                name,
                *(
                    f"{by[one]['epe_degradation']:+.3f}{between(by[one]['epe_degradation_interval'])}"
                    for one in METHODS
                ),
            ]
            for name, by in ((name, found["methods"]) for name, found in measured["nuisances"].items())
        ]
        print_table(["adds to EPE, px", *METHODS], rows)
    drift = ", ".join(f"{share} {length:.2f}" for share, length in measured["head_drift"].items())
    print(f"the head moves by (quantiles over clips, px of a 256-px frame): {drift}")
    print(f"{measured['people']} people, {measured['clips']} clips each, in {time}")


def between(ends: "list[float]", digits: int = 3) -> str:
    return f" [{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]"


def bench_recognition(
    people: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=2,
            max=200,
            help="So many people of each population, for a quick check.",
            show_default="24 and 200 fresh",
        ),
    ] = None,
    population: Annotated[
        Literal["evaluation", "choice"], typer.Option(help="Whose clips; choose methods on choice, with loso.")
    ] = "evaluation",
    protocol: Annotated[
        Literal["loso", "fresh", "both"],
        typer.Option(help="Leave one subject out, or train on them and test on fresh people."),
    ] = "both",
    rows: Annotated[
        str,
        typer.Option(
            help="By commas: linear, units, masked, small, rivals, table1, factorial, table3, table4, figure4, conditions "
            "(grey, turned heads), layouts (CASME II-like, SMIC-like, their average), composite (of three data sets)."
        ),
    ] = "linear,units",
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Trainings of every fold of what is trained.")
    ] = 5,
    workers: Annotated[int, typer.Option(metavar="N", min=1, max=1024, help="Processes side by side.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of a table.")] = False,
) -> None:
    """Recognise expressions of people on whom nothing was chosen. Which motion does best, and which classifier?"""
    from selfme_lib.bench.recognition import LABORATORIES, ROW_SETS, recognition_study
    from selfme_lib.bench.recognition import bench_recognition as measure

    time = Stopwatch()
    asked = some_of("--rows", rows, (*ROW_SETS, *LABORATORIES))
    study = recognition_study(people=people, population=population, seeds=seeds, workers=workers)
    measured = measure(study, protocols=("loso", "fresh") if protocol == "both" else (protocol,), rows=asked)
    if as_json:
        print_json(measured)
        return
    table = [
        [
            row["name"],
            row["protocol"],
            in_four_digits(row, "uf1"),
            in_four_digits(row, "uar"),
            f"{row['seconds']:.1f}",
        ]
        for row in measured["rows"]
    ]
    print_table(["row", "protocol", "UF1, 95 %", "UAR, 95 %", "s"], table)
    against = [
        [
            one["against"],
            one["protocol"],
            f"{one['difference']:+.4f}{between(one['difference_interval'], 4)}",
            f"{one['p_holm']:.3f}",
        ]
        for one in measured["verdicts"]
    ]
    if against:
        print_table([f"{measured['verdicts'][0]['row']} against", "protocol", "UF1 higher by", "p, Holm"], against)
    if told := measured["foretold"]:
        print(
            f"leave one out less fresh people: {told['bias']:+.3f} on average, deviation {told['spread']:.3f}, largest "
            f"{told['largest']:+.3f}; rank correlation {told['order']:.2f}; {told['covered']:.0%} of the intervals hold"
        )
    print(f"{measured['people']} people, {measured['clips']} clips, in {time}")
