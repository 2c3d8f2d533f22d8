"""The losses of a run's trainings, as far as it has kept them: of the motion learner, of TCAE, and of the rows' classifiers."""

import io
from collections.abc import Callable, Sequence
from typing import Any

from selfme_lib.runtime.kept import read_record
from selfme_lib.study.results import Result
from selfme_lib.study.run_folder import RunFolder

TITLES = {
    "motion": "Motion learner, fine-tuned",
    "scratch": "Motion learner, from random weights",
    "tcae": "TCAE, from random weights",
}


def training_curves(run: RunFolder) -> list[dict[str, Any]]:
    """Title, alternative text and PNG picture of each training in the run's checkpoints; none if it trained nothing."""
    found = []
    for path in sorted(run.checkpoints.glob("*.json")):
        curve: Any = read_record(path)
        if losses := _losses(curve):
            title = f"{TITLES.get(path.stem.partition('-')[0], path.stem)}: {curve[-1]['step']} steps"
            ends = ", ".join(f"{name} from {curve[0][name]:.3g} to {curve[-1][name]:.3g}" for name in losses)
            found.append(
                {"title": title, "file": path.name, "alt": f"Losses by step: {ends}.", "picture": _draw(curve, losses)}
            )
    return found


def _losses(curve: Any) -> list[str]:
    """The numbers that every record of a curve has beside its step."""
    if not isinstance(curve, list) or len(curve) < 2 or not all(isinstance(record, dict) for record in curve):
        return []
    shared = set.intersection(*map(set, curve))
    numbers = [
        name for name in curve[0] if name in shared and all(isinstance(line[name], int | float) for line in curve)
    ]
    return [name for name in numbers if name != "step"] if "step" in numbers else []


def classifier_curves(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Title, alternative text and PNG picture of each row whose folds kept the losses of at least two epochs."""
    found = []
    for result in results:
        curve = {name: values for name, values in result.curve.items() if values.shape[1] > 1}
        if curve:
            mean = {name.replace("_", "-"): values.mean(0) for name, values in curve.items()}
            ends = ", ".join(f"{name} from {values[0]:.3g} to {values[-1]:.3g}" for name, values in mean.items())
            title = result.row.name if result.protocol == "loso" else f"{result.row.name} ({result.protocol})"
            alt = f"Losses by epoch of {title}: {ends}."
            found.append({"title": title, "alt": alt, "picture": _draw_epochs(curve)})
    return found


def _draw(curve: list[dict[str, float]], losses: list[str]) -> bytes:
    import pandas as pd

    from selfme_lib.plots import style
    from selfme_lib.plots.motion import show_curves

    def show(axis: Any) -> None:
        show_curves(axis, pd.DataFrame(curve), {name: style.no_formula(name) for name in losses})
        if all(line[name] > 0 for line in curve for name in losses):
            axis.set_yscale("log")

    return _png(show, width=style.WIDTH, height=2.8, dpi=110)


def _draw_epochs(curve: dict[str, Any]) -> bytes:
    from selfme_lib.plots.results import show_epochs

    return _png(lambda axis: show_epochs(axis, curve), width=2.7, height=1.8, dpi=150)


def _png(show: Callable[[Any], None], *, width: float, height: float, dpi: int) -> bytes:
    """What `show` draws into an axis; sides in inches."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from selfme_lib.plots import style

    file = io.BytesIO()
    with rc_context():
        style.use()
        figure = Figure(figsize=(width, height))
        show(figure.subplots())
        figure.savefig(file, format="png", dpi=dpi, bbox_inches="tight", facecolor="white", metadata={"Software": None})
    return file.getvalue()
