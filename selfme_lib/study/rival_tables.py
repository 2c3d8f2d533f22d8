"""Tables 2 and 3 with every rival, their cost, and what is known about the published figures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from selfme_lib.baselines.rivals import RIVALS, build
from selfme_lib.baselines.training import NetworkConfig, count_parameters
from selfme_lib.classifier.linear import LinearConfig
from selfme_lib.classifier.network import build_classifier

from .profiles import Profile
from .results import Result
from .rows import MEASURED, TITLES, Row
from .tables import in_one_cell, paper_table
from .trends import Trend, corrected, trend

CAUTIONS = {
    "STSTNet": "its UAR is a macro-averaged precision",
    "OFF-ApexNet": "by others: .774 at the last epoch, .928 at each fold's best one",
    "CapsuleNet": "public code keeps the epoch that is best on the held-out subject",
}
"""What is known of single figures of Table 2; all of them but SelfME's come from training on the composite of three data sets."""


def crossed_scores(results: Sequence[Result]) -> pd.DataFrame:
    """UF1 with its interval of every classifier that met each of the motions (rows) on that motion (columns)."""
    cells: dict[str, dict[str, str]] = {}
    for result in results:
        if result.row.motion in (*MEASURED, "truth"):
            cells.setdefault(result.row.classifier_name, {})[result.row.motion] = in_one_cell(result, "uf1")
    most = max(map(len, cells.values()), default=0)
    return pd.DataFrame(
        {
            "classifier": name,
            **{f"UF1, {TITLES[motion]} [95 %]": some[motion] for motion in (*MEASURED, "truth") if motion in some},
        }
        for name, some in cells.items()
        if len(some) == most
    )


def against(mine: Result, others: Sequence[Result], *, paper: Mapping[str, float]) -> list[Trend]:
    """Is a row above each of the others? UF1, corrected for their number.

    Args:
        paper: UF1 by name of a row, where the paper prints it.
    """
    name = mine.row.name
    gaps = {row: paper[name] - value for row, value in paper.items()} if name in paper else {}
    return corrected([trend(other.row.name, [mine], [other], paper=gaps.get(other.row.name)) for other in others])


def above_and_below(found: Sequence[Trend]) -> str:
    """What `against` found, in a sentence."""
    kinds: dict[str, list[str]] = {"above": [], "below": [], "undecided": []}
    for one in found:
        kind = "undecided" if one.verdict == "undecided" else "above" if one.ours > 0 else "below"
        kinds[kind].append(one.name)
    above, below, open_ = (f"{len(some)} ({', '.join(some)})" if some else "none" for some in kinds.values())
    return f"It is above {above}; below {below}; undecided against {open_}."


def cost(settings: Profile, row: Row, *, channels: int) -> dict[str, float]:
    """Parameters and multiplications of a row's classifier: `parameters`, and `flops` of one forward pass.

    Both are NaN for a support vector machine, whose size is its support vectors. One multiplication with its addition
    counts as two operations, as in PyTorch's counter. Motion is not counted.

    Args:
        channels: of the row's input.
    """
    if row.rival is not None and RIVALS[row.rival.method].network is None:
        return {"parameters": np.nan, "flops": np.nan}
    classes = settings.data.classes
    if row.linear:
        weights = classes * channels * LinearConfig().cells ** 2
        return {"parameters": weights + classes, "flops": 2 * weights}
    network: nn.Module
    if row.rival is None:
        network = build_classifier(row.classifier(settings.classifier), classes=classes)
        size = settings.classifier.image_size
    else:
        assert isinstance(row.rival.settings, NetworkConfig)
        plain = replace(row.rival, settings=replace(row.rival.settings, pretrained=False))
        network = build(plain, channels=channels, classes=classes)
        size = 1 if row.rival.sees == "action vectors" else row.rival.settings.size
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.zeros(1, channels, size, size))
    return {"parameters": count_parameters(network), "flops": counter.get_total_flops()}


def rival_scores(results: Sequence[Result]) -> pd.DataFrame:
    """Scores for people: what each system sees, each score and its interval in one cell; ◆ where the paper has no such row."""
    third = set(paper_table(3)["method"])
    lines = []
    for result in results:
        row = result.row
        table = "–" if row.motion == "none" else "2, 3" if row.name == "SelfME-motion+SCViT" else "3"
        if row.rival is not None and row.init is None:
            table = str(RIVALS[row.rival.method].table)
        elif row.motion != "none" and row.name not in third:
            table = "◆"
        line = {"method": row.name, "table": table, "motion": TITLES.get(row.motion, "–")}
        lines.append(line | {f"{metric.upper()} [95 %]": in_one_cell(result, metric) for metric in ("uf1", "uar")})
    return pd.DataFrame(lines)


def beside_table_2(results: Sequence[Result]) -> pd.DataFrame:
    """Ours of Table 2 with the paper's scores on CASME II and SMIC-HS, and what is known against a printed score."""
    printed = {(line.dataset, line.method): line for line in paper_table(2).itertuples()}
    lines = []
    for result in results:
        name = "SelfME" if result.row.name == "SelfME-motion+SCViT" else result.row.name
        if ("casme2", name) not in printed:
            continue
        line = {"method": name}
        for dataset, title in (("casme2", "CASME II"), ("smic", "SMIC-HS")):
            line |= {f"UF1 {title}": printed[dataset, name].uf1, f"UAR {title}": printed[dataset, name].uar}
        line |= {f"{metric.upper()} ours [95 %]": in_one_cell(result, metric) for metric in ("uf1", "uar")}
        lines.append({**line, "about the printed score": CAUTIONS.get(name, "")})
    return pd.DataFrame(lines)
