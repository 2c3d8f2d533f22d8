"""Benchmarks of what is done with whole videos: spotting, apexes, amplification."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from selfme_lib.runtime.errors import DataError, UsageError

from .bench import between
from .choices import some_of
from .output import Stopwatch, in_four_digits, print_json, print_table


def bench_spotting(
    root: Annotated[
        Path,
        typer.Option(
            help="Folder of long videos with labels; of aligned faces (selfme align; selfme synth --layout casme2-long).",
            show_default=False,
        ),
    ],
    dataset: Annotated[
        Literal["casme2-long", "samm-long"], typer.Option(help="How the folder is laid out.")
    ] = "casme2-long",
    methods: Annotated[str, typer.Option(help="all, or some of the names in the table, by commas.")] = "all",
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of a table.")] = False,
) -> None:
    """Find micro- and macro-expressions in long videos. All settings come from other subjects."""
    from selfme_lib.bench.spotting import KINDS, SPOTTING_METHODS
    from selfme_lib.bench.spotting import bench_spotting as measure

    if not root.is_dir():
        raise DataError(f"--root {root}: no such folder; give the folder of the long videos")
    time = Stopwatch()
    chosen = some_of("--methods", methods, SPOTTING_METHODS, all=SPOTTING_METHODS)
    measured = measure(root, dataset=dataset, methods=chosen)
    if as_json:
        print_json(measured)
        return
    table = []
    for name, one in measured["methods"].items():
        f1 = [in_four_digits(one[kind], "f1") for kind in KINDS]
        apex = "–" if one["apex_error_ms"] is None else f"{one['apex_error_ms']:.0f}"
        table.append([name, *f1, f"{one['fp_per_minute']:.2f}", apex, f"{one['times_real_time']:.1f}"])
    print_table(["method", *(f"F1 {kind}, 95 %" for kind in KINDS), "false a minute", "apex, ms", "x real time"], table)
    labelled = ", ".join(f"{count} {kind}" for kind, count in measured["expressions"].items())
    print(
        f"{measured['videos']} videos of {measured['subjects']} subjects, {measured['minutes']:.1f} minutes; {labelled}; "
        f"in {time}"
    )


def bench_apex(
    root: Annotated[Path, typer.Option(help="Folder of rendered long videos.", show_default=False)],
    dataset: Annotated[
        Literal["casme2-long", "samm-long"], typer.Option(help="How the folder is laid out.")
    ] = "casme2-long",
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of tables.")] = False,
) -> None:
    """How far off each rule for the apex is. And what a wrong onset or apex costs the recogniser."""
    from selfme_lib.bench.apex import bench_apex as measure

    if not root.is_dir():
        raise DataError(f"--root {root}: no such folder; give the folder of the long videos")
    time = Stopwatch()
    measured = measure(root, dataset=dataset)
    if as_json:
        print_json(measured)
        return
    digits = {"frames": 2, "ms": 0, "of_middle": 3}
    rows = [
        [rule, kind, *(f"{one[name]:.{n}f}{between(one[f'{name}_interval'], n)}" for name, n in digits.items())]
        for rule, kinds in measured["rules"].items()
        for kind, one in kinds.items()
    ]
    print_table(["apex by", "of", "frames off, 95 %", "ms off, 95 %", "of the middle's, 95 %"], rows)
    costs = measured["recognition"]
    names = [f"{moment}_shift_{what}" for moment in ("apex", "onset") for what in ("ms", "lost")]
    print_table(
        ["ms late", *(f"{what}, {moment} late, 95 %" for moment in ("apex", "onset") for what in ("UF1", "less by"))],
        [
            [ms, *(f"{costs[name][ms]:.4f}{between(costs[f'{name}_interval'][ms], 4)}" for name in names)]
            for ms in costs["apex_shift_ms"]
        ],
    )
    counts = ", ".join(f"{count} {kind}" for kind, count in measured["expressions"].items())
    print(f"{counts}; the recogniser on {costs['expressions']} micro-expressions; in {time}")


def bench_amplification(
    people: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Number of choice people.")] = 12,
    gammas: Annotated[str, typer.Option(metavar="NUMBERS", help="How many times motion is amplified.")] = "2,4,8",
    size: Annotated[int, typer.Option(metavar="N", min=64, max=1024, help="Side of the frames.")] = 128,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output instead of a table.")] = False,
) -> None:
    """How far amplified motion is from the true one."""
    from selfme_lib.bench.amplification import bench_amplification as measure

    try:
        factors = [float(part) for part in gammas.split(",")]
    except ValueError:
        raise UsageError(f"--gammas {gammas}: expected numbers, such as 2,4,8") from None
    time = Stopwatch()
    measured = measure(people=people, gammas=factors, size=size)
    if as_json:
        return print_json(measured)
    rows = [
        [name, float(gamma), *errors.values()]
        for name, by_gamma in measured["methods"].items()
        for gamma, errors in by_gamma.items()
    ]
    print_table(["method", "gamma", "error (px)", "where it moves", "of the motion", "noise (grey levels)"], rows)
    print(f"{measured['clips']} expressions of {measured['people']} people at {measured['size']} px, in {time}")
