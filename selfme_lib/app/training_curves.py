"""The losses of a run's trainings, as far as it has kept them: of the motion learner and of TCAE."""

import io
from typing import Any

from selfme_lib.runtime.kept import read_record
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


def _draw(curve: list[dict[str, float]], losses: list[str]) -> bytes:
    import pandas as pd
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from selfme_lib.plots import style
    from selfme_lib.plots.motion import show_curves

    file = io.BytesIO()
    with rc_context():
        style.use()
        figure = Figure(figsize=(style.WIDTH, 2.8))
        axis = figure.subplots()
        show_curves(axis, pd.DataFrame(curve), {name: style.no_formula(name) for name in losses})
        if all(line[name] > 0 for line in curve for name in losses):
            axis.set_yscale("log")
        figure.savefig(file, format="png", dpi=110, bbox_inches="tight", facecolor="white", metadata={"Software": None})
    return file.getvalue()
