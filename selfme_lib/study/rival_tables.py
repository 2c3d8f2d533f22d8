"""Tables 2 and 3 with every rival, their cost, and what is known about the published figures."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from selfme_lib.baselines.rivals import RIVALS, build
from selfme_lib.baselines.training import NetworkConfig, count_parameters
from selfme_lib.classifier.network import build_classifier

from .profiles import Profile
from .results import Result
from .rows import CROSSED, TITLES, Row
from .tables import in_one_cell, paper_table

CAUTIONS = {
    "STSTNet": "its UAR is a macro-averaged precision",
    "OFF-ApexNet": "by others: .774 at the last epoch, .928 at each fold's best one",
    "CapsuleNet": "public code keeps the epoch that is best on the held-out subject",
}
"""What is known of single figures of Table 2; all of them but SelfME's come from training on the composite of three data sets."""


def crossed_scores(results: Sequence[Result]) -> pd.DataFrame:
    """UF1 with its interval of ViT, SCViT and `CROSSED` (rows) on TV-L1, SelfME's motion and the true one (columns)."""
    classifiers = ["ViT", "SCViT", *(RIVALS[name].title for name in CROSSED)]
    cells = {(result.row.classifier_name, result.row.motion): in_one_cell(result, "uf1") for result in results}
    motions = [motion for motion in ("tvl1", "selfme", "truth") if (classifiers[0], motion) in cells]
    return pd.DataFrame(
        {"classifier": name, **{f"UF1, {TITLES[motion]}": cells[name, motion] for motion in motions}}
        for name in classifiers
    )


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
    """Scores for people: what each system sees, each score and its interval in one cell."""
    lines = []
    for result in results:
        row = result.row
        table = "–" if row.motion == "none" else "2, 3" if row.name == "SelfME-motion+SCViT" else "3"
        if row.rival is not None:
            table = str(RIVALS[row.rival.method].table)
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
