"""What a chapter begins with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfme_lib.runtime.processes import get_ready
from selfme_lib.runtime.progress import show_bars
from selfme_lib.study.study import Study

from . import style


def open_chapter(
    profile: str,
    run_dir: Path | str,
    seed: int,
    data: Mapping[str, Any],
    motion: Mapping[str, Any],
    classifier: Mapping[str, Any],
    evaluation: Mapping[str, Any],
) -> Study:
    """The study of a chapter's parameters (see `Study.open`); figures get the project's style, and what takes long a bar."""
    style.use()
    show_bars()
    sections = {"data": data, "motion": motion, "classifier": classifier, "evaluation": evaluation}
    study = Study.open(profile, run_dir, seed=seed, **sections)
    if not study.settings.evaluation.cluster:
        get_ready(study.settings.evaluation.workers)
    return study
