"""Commands that run notebooks, and that look at what a run left."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selfme_lib.app.extras import extra
from selfme_lib.runtime.errors import DataError, UsageError

from .choices import folder as check_folder
from .output import Stopwatch, in_four_digits, print_json, print_table

if TYPE_CHECKING:
    import pandas as pd

    from selfme_lib.study.profiles import Profile
    from selfme_lib.study.run_folder import RunFolder

KINDS = {"table": "tables", "figure": "figures", "values": "lists of values"}
_WITHOUT_LOSO = ("00", "01", "02", "03")  # chapters that one subject is enough for


def reproduce(
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    profile: Annotated[str, typer.Option(help="smoke, quick, gpu, paper, or a YAML file.")] = "quick",
    dataset: Annotated[
        str,
        typer.Option(
            help="synthme, casme2, smic, samm, casme3, mmew, 4dme, folder (your own), composite or features; "
            "default: the profile's."
        ),
    ] = "",
    root: Annotated[Path | None, typer.Option(help="Folder of the data set.", show_default=False)] = None,
    classes: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="3; casme2 and samm also 5, casme3 also 4 and 7.",
            show_default="the profile's",
        ),
    ] = 0,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Do without clips that cannot be read; left_out.json lists them.")
    ] = False,
    apex: Annotated[
        str,
        typer.Option(help="label, middle, largest (motion), or a CSV file of apex frames; default: the profile's."),
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="runs/PROFILE")] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NUMBERS", help="Notebooks to run: --only 05 06.", show_default=False)
    ] = None,
    cluster: Annotated[str, typer.Option(help="Dask scheduler that trains the folds: its address, or local.")] = "",
) -> None:
    """Run the notebooks in order and write report.html. The same command resumes an interrupted run."""
    if more and not only:
        raise UsageError(f"unexpected argument {more[0]!r}{_meant(more)}")
    with extra("notebooks"):
        from selfme_lib.app.runner import reproduce as run_notebooks
    from selfme_lib.app.chapters import find_notebooks
    from selfme_lib.app.report import write_report
    from selfme_lib.runtime.paths import NOTEBOOKS, seen_from
    from selfme_lib.study import profiles
    from selfme_lib.study.exports import export
    from selfme_lib.study.run_folder import RunFolder

    data: dict[str, Any] = {"dataset": dataset} if dataset else {}
    if classes:
        data["classes"] = classes
    if skip_broken:
        data["skip_broken"] = True
    if apex in ("label", "middle", "largest"):
        data["apex_rule"] = apex
    elif apex:
        if not Path(apex).is_file():
            raise UsageError(f"--apex {apex}: expected label, middle, largest or a CSV file that exists")
        data |= {"apex_rule": "list", "apex_list": seen_from(NOTEBOOKS, apex)}
    elif dataset in ("smic", "composite"):
        data["apex_rule"] = "middle"  # SMIC labels none
    if root is not None:
        if not root.is_dir():
            raise DataError(f"--root {root}: no such folder; give the folder of the data set")
        data["root"] = seen_from(NOTEBOOKS, root)  # the notebooks' working directory
    check_folder("--out", out)
    settings = profiles.load(profile, data=data, evaluation={"cluster": cluster} if cluster else {})
    numbers = [number for some in [*(only or []), *(more or [])] for number in some.split(",") if number]
    notebooks = find_notebooks(NOTEBOOKS, numbers)
    run = RunFolder(out or Path("runs") / settings.name)
    _check(settings, notebooks, root, run)
    _warn_of(settings.evaluation.cluster)
    time = Stopwatch()
    outcomes = run_notebooks(profiles.to_dict(settings), run, notebooks=notebooks)
    failed = [outcome.name for outcome in outcomes if outcome.status == "failed"]
    if run.items():
        export(run)
        print(f"{write_report(run)}: {len(outcomes) - len(failed)} notebooks, in {time}", file=sys.stderr)
    if failed:
        print(f"selfme: {len(failed)} of {len(outcomes)} notebooks failed: {', '.join(failed)}", file=sys.stderr)
        raise typer.Exit(1)


def _meant(words: list[str]) -> str:
    """The option whose value the words are, if they are one's."""
    from selfme_lib.app.chapters import find_appendices, find_notebooks
    from selfme_lib.data import DATASETS
    from selfme_lib.runtime.paths import NOTEBOOKS
    from selfme_lib.study import profiles

    chapters = {
        part
        for path in (*find_notebooks(NOTEBOOKS), *find_appendices(NOTEBOOKS))
        for part in (path.stem, path.stem[:2])
    }
    if {word.zfill(2) for word in words} <= chapters:
        return f"; did you mean --only {' '.join(words)}?"
    for option, known in (("--profile", profiles.names()), ("--dataset", DATASETS)):
        if words[0] in known:
            return f"; did you mean {option} {words[0]}?"
    return "; see selfme reproduce --help"


def _check(settings: "Profile", notebooks: list[Path], root: Path | None, run: "RunFolder") -> None:
    """Report here, once, what every notebook would otherwise stumble over, or write down which clips they do without.

    Raises:
        UsageError, DataError: settings that cannot work together, a faulty data set, a missing file.
    """
    from selfme_lib.data import examine
    from selfme_lib.data.readers import read_sound
    from selfme_lib.motion.checkpoint import start_of
    from selfme_lib.runtime.files import write_json
    from selfme_lib.runtime.paths import NOTEBOOKS
    from selfme_lib.study.limits import check_size

    check_size(settings)
    data = settings.data
    if data.dataset != "synthme" and not data.root:
        raise UsageError(f"{data.dataset} does not come with this project: say where it is with --root DIR")
    if data.dataset == "features" and any(path.stem[:2] != "08" for path in notebooks):
        raise UsageError("features have no frames, which the other chapters need: add --only 08")
    if data.root:
        place = root or NOTEBOOKS / data.root
        examination = examine(data.dataset, place, classes=data.classes)
        errors = examination.errors
        if errors and not data.skip_broken:
            others = f" ({len(errors) - 1} more: see `selfme doctor`)" if len(errors) > 1 else ""
            raise DataError(f"{errors[0].line}{others}")
        if examination.summary["subjects"] == 1 and any(path.stem[:2] not in _WITHOUT_LOSO for path in notebooks):
            remedy = f"leave-one-subject-out needs two; add others, or run --only {' '.join(_WITHOUT_LOSO)}"
            raise DataError(f"{place}: one subject only; {remedy}")
    if data.dataset in ("smic", "composite") and data.apex_rule == "label":
        raise UsageError("data.apex_rule: SMIC labels no apex frame; use middle, largest or list")
    if not (NOTEBOOKS / start_of(settings.motion.checkpoint)).is_file():
        raise DataError(f"motion.checkpoint: {settings.motion.checkpoint}: no such file, seen from {NOTEBOOKS}")
    if data.root and data.skip_broken:
        read_sound(data.dataset, place, classes=data.classes, skip_broken=True)  # raises if nothing is left
        path = run.path / "left_out.json"
        write_json(path, {name: examination.to_dict()[name] for name in ("faults", "left_out")})
        print(f"{len(errors)} errors in the data; clips that they concern are left out, see {path}", file=sys.stderr)


def _warn_of(cluster: str) -> None:
    if cluster.startswith("tcp://"):
        danger = "not encrypted, and whoever reaches this scheduler can run code as you; docs/cluster.md shows how to use tls://"
        print(f"selfme: --cluster {cluster}: {danger}", file=sys.stderr)


def sweep(
    notebook: Annotated[Path, typer.Argument(help="Such as notebooks/05_loso_evaluation.ipynb.", show_default=False)],
    grid: Annotated[Path, typer.Argument(help="YAML: parameters; a list stands for alternatives.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder of the sweep.", show_default=False)],
    workers: Annotated[int, typer.Option(metavar="N", min=1, max=1024, help="Notebooks that run side by side.")] = 2,
    cluster: Annotated[str, typer.Option(help="Dask scheduler that runs them: its address, or local.")] = "",
) -> None:
    """Run a notebook at every point of a grid and collect one table. The same command resumes."""
    with extra("notebooks"):
        from selfme_lib.app.sweep import read_grid
        from selfme_lib.app.sweep import sweep as run_points
    from selfme_lib.runtime.processes import worker_pool

    check_folder("--out", out)
    points = read_grid(grid, notebook)
    _warn_of(cluster)
    time = Stopwatch()
    with worker_pool(workers, cluster) as pool:
        table, outcomes = run_points(notebook, points, out, executor=pool)
    print_table(*_with_scores(table))
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    for outcome in failed:
        print(f"selfme: {outcome.message}", file=sys.stderr)
    print(f"{out / 'sweep.csv'}: {len(outcomes) - len(failed)} points, in {time}", file=sys.stderr)
    if failed:
        print(f"selfme: {len(failed)} of {len(outcomes)} points failed", file=sys.stderr)
        raise typer.Exit(1)


def _with_scores(table: "pd.DataFrame") -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of a sweep for people: each score with its interval, in one cell."""
    from selfme_lib.study.results import METRICS

    scores = [name for name in METRICS if name in table]
    others = [
        name for name in table if str(name).removesuffix("_low").removesuffix("_high").removesuffix("_sd") not in scores
    ]
    rows = []
    for _, line in table.iterrows():
        ends = {f"{name}_interval": (line[f"{name}_low"], line[f"{name}_high"]) for name in scores}
        rows.append([*line[others], *(in_four_digits({**line, **ends}, name) for name in scores)])
    return [*others, *(f"{name} [95 %]" for name in scores)], rows


def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.", show_default=False)],
    publish: Annotated[
        bool, typer.Option("--publish", help="Also refresh docs/results.md, figures/ and the notebooks' outputs.")
    ] = False,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="OTHER", help="Also compare with another run: RUN/against_OTHER.html.", show_default=False
        ),
    ] = None,
) -> None:
    """Write report.html and exports/ again from a run's results."""
    from selfme_lib.app.report import write_report
    from selfme_lib.study.exports import export
    from selfme_lib.study.run_folder import RunFolder

    run, time = RunFolder(folder), Stopwatch()
    export(run)
    kinds = [item["kind"] for item in run.items()]
    told = ", ".join(f"{kinds.count(kind)} {name}" for kind, name in KINDS.items())
    print(f"{write_report(run)}: {told}, in {time}", file=sys.stderr)
    if against is not None:
        from selfme_lib.app.comparison import write_comparison

        print(write_comparison(run, RunFolder(against)), file=sys.stderr)
    if publish:
        with extra("notebooks"):
            from selfme_lib.app.publish import publish as publish_run

        for path in publish_run(run):
            print(f"published {path}", file=sys.stderr)


def verify(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a fresh run.", show_default=False)],
) -> None:
    """Compare a fresh run with the published numbers. Exit code 1 if one differs by more than its tolerance."""
    from selfme_lib.app.verify import compare, difference_of_kind, key_numbers, read_published
    from selfme_lib.runtime.paths import CLONE, NOTEBOOKS
    from selfme_lib.study.run_folder import RunFolder

    published = NOTEBOOKS / "published.json"
    if not published.exists():
        writes = "`selfme report RUN --publish` writes it" if NOTEBOOKS.is_dir() else CLONE
        raise DataError(f"{published}: no such file; {writes}")
    before, after = read_published(published), key_numbers(RunFolder(folder))
    faults, kind = compare(before, after), difference_of_kind(before, after)
    for fault in faults:
        print(fault)
    if faults:
        why = f" ({kind})" if kind else ""
        raise DataError(
            f"{folder}: {len(faults)} numbers differ from the published ones; the lines above say which{why}"
        )
    compared = f"{len(before['tables'])} tables and {len(before['values'])} lists of values"
    print(f"{folder}: agrees with every published number in {compared}{f' ({kind})' if kind else ''}")


def score(
    predictions: Annotated[Path, typer.Argument(help="CSV: subject, clip, label, prediction.", show_default=False)],
    classes: Annotated[int, typer.Option(metavar="N", min=2, max=1000, help="Number of classes.")] = 3,
) -> None:
    """Pooled and per-fold scores of predictions, as JSON."""
    from selfme_lib.evaluation import metrics
    from selfme_lib.evaluation.intervals import bootstrap_over_subjects

    table = metrics.read_predictions(predictions, classes=classes)
    scores = metrics.score(table, classes=classes)
    for name, metric in (("uf1", metrics.uf1), ("uar", metrics.uar), ("accuracy", metrics.accuracy)):
        scores["pooled"][f"{name}_interval"] = list(bootstrap_over_subjects(table, metric, classes=classes))
    print_json(scores)
    in_words = ", ".join(
        f"{title} {in_four_digits(scores['pooled'], name)}" for title, name in (("UF1", "uf1"), ("UAR", "uar"))
    )
    print(f"{in_words}: {scores['n_clips']} clips of {scores['n_subjects']} subjects", file=sys.stderr)
