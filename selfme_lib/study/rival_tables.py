"""Tables 2 and 3 with every rival: their rows, their cost, and what the published figures beside them are worth."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from selfme_lib.baselines.rivals import RIVALS, Rival, build
from selfme_lib.baselines.training import Moves, count_parameters
from selfme_lib.classifier.network import build_classifier

from .profiles import Profile
from .tables import TITLES, Result, Row, paper_table
from .tables import motion_rows as motion_rows_of_table_3

CAUTIONS = {
    "STSTNet": "its UAR is a macro-averaged precision",
    "OFF-ApexNet": "by others: .774 at the last epoch, .928 at each fold's best one",
    "CapsuleNet": "public code keeps the epoch that is best on the held-out subject",
}
"""What is known of single figures of Table 2; all of them but SelfME's come from training on the composite of three data sets."""


def rival(settings: Profile, method: str) -> Rival:
    """A rival with the profile's settings. Its clips are moved at random as SCViT's are, by the same share of the image."""
    config, classifier = getattr(settings.evaluation.rivals, method), settings.classifier
    if RIVALS[method].network is None:
        return Rival(method, config)
    shift = classifier.shift * config.size / classifier.image_size
    return Rival(method, config, Moves(flip=classifier.flip, shift=shift, zoom=classifier.zoom))


def rival_rows(settings: Profile) -> list[Row]:
    """Table 2's rivals and Table 3's `TCAE+FC`, in the paper's order; those that need frames only where there are any."""
    given = settings.data.dataset == "features"
    return [
        Row(
            name=method.title,
            motion=_motion(method.sees, given),
            bspline=False,
            sc=False,
            gamma=1.0,
            rival=rival(settings, name),
        )
        for name, method in RIVALS.items()
        if method.sees.startswith("flow") or not given
    ]


def _motion(sees: str, given: bool) -> str:
    if sees.startswith("flow"):
        return "features" if given else "tvl1"
    return "tcae" if sees == "action vectors" else "none"


def motion_rows(settings: Profile) -> list[Row]:
    """ViT and SCViT on TV-L1, TCAE's motion and SelfME's (Table 3), or on the motion that was given."""
    if settings.data.dataset == "features":
        return [replace(row, gamma=1.0) for row in motion_rows_of_table_3(settings, ["features"])]
    return motion_rows_of_table_3(settings, ["tvl1", "tcae", "selfme"])


CROSSED = ("off_apexnet", "ststnet")  # small networks that look at nothing but a flow


def crossed_rows(settings: Profile) -> list[Row]:
    """Is it the motion or the classifier? Rows after which ViT, SCViT and `CROSSED` have met every motion.

    Beyond `rival_rows` and `motion_rows`: two rivals on SelfME's motion, and all of them on the true one where it is known.
    """
    known = settings.data.dataset == "synthme"
    return [
        Row(
            name=f"{TITLES[motion]}+{RIVALS[name].title}",
            motion=motion,
            bspline=motion == "selfme" and settings.motion.bspline,
            sc=False,
            gamma=1.0,
            rival=rival(settings, name),
        )
        for name in CROSSED
        for motion in (["selfme", "truth"] if known else ["selfme"])
    ] + motion_rows_of_table_3(settings, ["truth"])


def crossed(results: Sequence[Result]) -> pd.DataFrame:
    """UF1 with its interval of ViT, SCViT and `CROSSED` (rows) on TV-L1, SelfME's motion and the true one (columns)."""
    classifiers = ["ViT", "SCViT", *(RIVALS[name].title for name in CROSSED)]
    cells = {(classifier_of(result.row), result.row.motion): _cell(result, "uf1") for result in results}
    motions = [motion for motion in ("tvl1", "selfme", "truth") if (classifiers[0], motion) in cells]
    return pd.DataFrame(
        {"classifier": name, **{f"UF1, {TITLES[motion]}": cells[name, motion] for motion in motions}}
        for name in classifiers
    )


def classifier_of(row: Row) -> str:
    """What looks at the motion of a row."""
    return RIVALS[row.rival.method].title if row.rival is not None else "SCViT" if row.sc else "ViT"


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
    if row.rival is None:
        network, size = (
            build_classifier(row.classifier(settings.classifier), classes=classes),
            settings.classifier.image_size,
        )
    else:
        plain = replace(row.rival, settings=replace(row.rival.settings, pretrained=False))
        network = build(plain, channels=channels, classes=classes)
        size = 1 if row.rival.sees == "action vectors" else row.rival.settings.size
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(torch.zeros(1, channels, size, size))
    return {"parameters": count_parameters(network), "flops": counter.get_total_flops()}


def readable(results: Sequence[Result]) -> pd.DataFrame:
    """Scores for people: what each system sees, each score and its interval in one cell."""
    return pd.DataFrame(
        {
            "method": result.row.name,
            "table": _table(result.row),
            "motion": TITLES.get(result.row.motion, "–"),
            **{f"{metric.upper()} [95 %]": _cell(result, metric) for metric in ("uf1", "uar")},
        }
        for result in results
    )


def _table(row: Row) -> str:
    if row.rival is not None:
        return str(RIVALS[row.rival.method].table)
    return "–" if row.motion == "none" else "2, 3" if row.name == "SelfME-motion+SCViT" else "3"


def _cell(result: Result, metric: str) -> str:
    value, low, high = result.score(metric)
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


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
        line |= {f"{metric.upper()} ours [95 %]": _cell(result, metric) for metric in ("uf1", "uar")}
        lines.append({**line, "about the printed score": CAUTIONS.get(name, "")})
    return pd.DataFrame(lines)
