"""The rows of the paper's tables: which motion meets which classifier."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from typing import Any, Literal

from selfme_lib.baselines.rivals import RIVALS, Rival
from selfme_lib.baselines.training import Moves
from selfme_lib.classifier.network import ClassifierConfig, Init, Trained

from .extraction import LEARNED
from .profiles import Profile

TITLES = {
    "zero": "no motion",
    "tvl1": "TV-L1",
    "farneback": "Farneback",
    "dis": "DIS",
    "lucas_kanade": "Lucas-Kanade",
    "tvl1_tuned": "TV-L1 tuned",
    "farneback_tuned": "Farneback tuned",
    "dis_tuned": "DIS tuned",
    "selfme": "SelfME-motion",
    "plus": "SelfME+",
    "printed": "SelfME as printed",
    "truth": "true motion",
    "tcae": "TCAE-motion",
    "features": "given motion",
}
SWITCHES = ("B-spline", "SC", "MA")  # of Table 1, in the paper's order
CROSSED = ("off_apexnet", "ststnet")  # small networks that look at nothing but a flow
MEASURED = ("tvl1", "lucas_kanade", "selfme")  # motions of frames that all of chapter 08's classifiers meet
Condition = Literal["grey", "yaw15", "yaw30"]
CONDITIONS: dict[Condition, dict[str, Any]] = {"grey": {"grey": True}, "yaw15": {"yaw": 15.0}, "yaw30": {"yaw": 30.0}}
"""Changes of the settings of the data: frames without colour, heads turned by 15° and by 30°."""


@dataclass(frozen=True)
class Row:
    r"""One row of a results table: a motion and a classifier.

    Attributes:
        name: shown in the table.
        motion: method of `extraction.extract`.
        bspline: expansion by B-spline and exponential (learned motion only).
        sc: with the symmetric contrastive loss, or the plain ViT.
        gamma: motion amplification $\gamma$; the same for every motion, because inputs have one fixed scale.
        gamma_train: another $\gamma$ for the clips that are trained on, as §4.3 may be read; None: the same.
        tested_under: what is done to the clips that are tested, and not to those that are trained on (see `CONDITIONS`).
        flip: of the classifier; None takes the profile's.
        mirror: the extension of the loss that mirrors the right half.
        omega, tau: of the loss; None takes the profile's.
        init, trained: of the classifier; None takes the profile's. A rival with an `init` is pre-trained and frozen.
        rival: another system instead of ViT or SCViT; linear: the linear yardstick instead.
    """

    name: str
    motion: str = "selfme"
    bspline: bool = True
    sc: bool = True
    gamma: float = 2.0
    gamma_train: float | None = None
    tested_under: Condition | None = None
    flip: bool | None = None
    mirror: bool = False
    omega: float | None = None
    tau: float | None = None
    init: Init | None = None
    trained: Trained | None = None
    rival: Rival | None = None
    linear: bool = False

    @property
    def as_trained(self) -> "Row":
        """What the clips that are trained on go through."""
        gamma = self.gamma if self.gamma_train is None else self.gamma_train
        return replace(self, gamma=gamma, gamma_train=None, tested_under=None)

    @property
    def classifier_name(self) -> str:
        """What looks at the motion."""
        if self.linear:
            return "linear"
        if self.rival is not None and self.init is not None:
            return f"{RIVALS[self.rival.method].title} by units"
        if self.trained == "linear":
            return PRETRAINED[self.init or "units"]
        return RIVALS[self.rival.method].title if self.rival is not None else "SCViT" if self.sc else "ViT"

    def classifier(self, config: ClassifierConfig) -> ClassifierConfig:
        """The profile's classifier with what this row changes."""
        omega = config.omega if self.omega is None else self.omega
        tau = config.tau if self.tau is None else self.tau
        return replace(
            config,
            omega=omega if self.sc else 0.0,
            tau=tau,
            mirror=self.mirror,
            init=self.init or config.init,
            trained=self.trained or config.trained,
            flip=config.flip if self.flip is None else self.flip,
        )


PRETRAINED = {"units": "SCViT by units", "motion": "SCViT by masked motion"}
_PlainRow = partial(Row, bspline=False, sc=False, gamma=1.0)  # nothing that SelfME adds
MAJORITY = _PlainRow("majority class", motion="none")


def table_1(settings: Profile) -> list[Row]:
    """Table 1, the ablation: every combination of B-spline, SC and motion amplification (MA), in the paper's order."""
    order = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1)]
    gammas = (1.0, settings.motion.gamma)
    return [
        Row(
            " + ".join(["SelfME", *compress(SWITCHES, parts)]),
            bspline=bool(parts[0]),
            sc=bool(parts[1]),
            gamma=gammas[parts[2]],
        )
        for parts in order
    ]


def table_2(settings: Profile) -> list[Row]:
    """Table 2's rivals and Table 3's `TCAE+FC`, in the paper's order; those that need frames only where there are any."""
    given = settings.data.dataset == "features"
    rows = []
    for name, method in RIVALS.items():
        if method.sees.startswith("flow"):
            motion = "features" if given else "tvl1"
        elif not given:
            motion = "tcae" if method.sees == "action vectors" else "none"
        else:
            continue
        rows.append(_PlainRow(method.title, motion=motion, rival=rival(settings, name)))
    return rows


def table_3(settings: Profile, methods: Sequence[str] | None = None) -> list[Row]:
    """Table 3: every motion of the profile, or each of `methods`, with the plain ViT and with SCViT.

    The true motion is the upper bound; only SynthME has it.
    """
    given, known = settings.motion, settings.data.dataset == "synthme"
    return [
        Row(f"{TITLES[name]}+{title}", name, bspline=name in LEARNED and given.bspline, sc=sc, gamma=given.gamma)
        for name in methods or given.methods
        if name != "truth" or known
        for sc, title in ((False, "ViT"), (True, "SCViT"))
    ]


def table_3_with_tcae(settings: Profile) -> list[Row]:
    """Table 3 as printed: ViT and SCViT on TV-L1, TCAE's motion and SelfME's; or on the motion that was given."""
    if settings.data.dataset == "features":
        return [replace(row, gamma=1.0) for row in table_3(settings, ["features"])]
    return table_3(settings, ["tvl1", "tcae", "selfme"])


def linear(settings: Profile, methods: Sequence[str]) -> list[Row]:
    """The linear yardstick on each of the motions."""
    return [_on_motion(settings, name, f"{TITLES[name]}, linear", linear=True) for name in methods]


def pretrained(settings: Profile, methods: Sequence[str], init: Init = "units") -> list[Row]:
    """SCViT pre-trained on motions of faces and frozen, on each of the motions."""
    title = PRETRAINED[init]
    return [_on_motion(settings, name, f"{TITLES[name]}+{title}", init=init, trained="linear") for name in methods]


def table_3_extended(settings: Profile) -> list[Row]:
    """Table 3 and beside it, on every motion of the profile, the linear yardstick and, if the profile's network is a pre-trained
    one, a linear model behind it. The plain ViT meets the paper's motions alone, TV-L1's and SelfME's."""
    methods = [name for name in settings.motion.methods if name != "truth" or settings.data.dataset == "synthme"]
    found = linear(settings, methods)
    if settings.classifier.init in PRETRAINED:
        found += pretrained(settings, methods, settings.classifier.init)
    return found + [row for row in table_3(settings) if row.sc or row.motion in ("tvl1", "selfme")]


def what_helps(settings: Profile) -> list[Row]:
    """On SelfME's motion: is it the labels of the pre-training, its motions, or SCViT? Rows of pre-trained networks alone."""
    own = ["selfme"]
    return [*pretrained(settings, own, "motion"), *pretrained_rivals(settings, own)]


def conditions(some: Sequence[Row]) -> list[Row]:
    """Each row as it is, and trained on ordinary clips but tested under each condition."""
    titles: dict[Condition, str] = {"grey": "grey", "yaw15": "turned by 15°", "yaw30": "turned by 30°"}
    under = [
        replace(row, name=f"{row.name}, {title}", tested_under=name) for name, title in titles.items() for row in some
    ]
    return [*some, *under]


def factorial(settings: Profile) -> list[Row]:
    """Mirrored training clips × SC × reading of γ: none, the same for training and test, at the test alone."""
    gamma = settings.motion.gamma
    readings = {"γ 1": (1.0, None), f"γ {gamma:g}": (gamma, None), f"γ {gamma:g} at the test": (gamma, 1.0)}
    return [
        Row(
            f"{'flips' if flip else 'no flips'}, {'SC' if sc else 'no SC'}, {name}",
            flip=flip,
            sc=sc,
            gamma=tested,
            gamma_train=seen,
        )
        for flip in (False, True)
        for sc in (False, True)
        for name, (tested, seen) in readings.items()
    ]


def pretrained_rivals(settings: Profile, methods: Sequence[str]) -> list[Row]:
    """The small networks with SCViT's pre-training by units, frozen likewise."""
    return [
        _on_motion(
            settings, name, f"{TITLES[name]}+{RIVALS[small].title} by units", init="units", rival=rival(settings, small)
        )
        for small in CROSSED
        for name in methods
    ]


def _on_motion(settings: Profile, name: str, title: str, **what: Any) -> Row:
    given = settings.motion
    return Row(title, name, bspline=name in LEARNED and given.bspline, gamma=given.gamma, **{"sc": False, **what})


def table_4() -> list[Row]:
    """Table 4: motion amplification."""
    return [Row(name=f"SelfME gamma={gamma:g}", gamma=gamma) for gamma in (1.0, 2.0, 3.0)]


def figure_4(settings: Profile) -> tuple[list[Row], list[Row]]:
    """Figure 4: SelfME at each of the profile's ω, and at each of its τ; the other one is the profile's."""
    evaluation, gamma = settings.evaluation, settings.motion.gamma
    return (
        [Row(name=f"ω = {omega:g}", gamma=gamma, omega=omega) for omega in evaluation.omegas],
        [Row(name=f"τ = {tau:g}", gamma=gamma, tau=tau) for tau in evaluation.taus],
    )


def beside(settings: Profile) -> list[Row]:
    """Rows that the paper's Tables 2 and 3 do not have: Lucas-Kanade, the linear yardstick, pre-trained rivals."""
    if settings.data.dataset == "features":
        return [*linear(settings, ["features"]), *pretrained_rivals(settings, ["features"])]
    lucas_kanade = table_3(settings, ["lucas_kanade"])
    return [*lucas_kanade, *linear(settings, MEASURED), *pretrained_rivals(settings, ["selfme"])]


def crossed(settings: Profile) -> list[Row]:
    """Is it the motion or the classifier? Every classifier on every motion, without what tables 2 and 3 and `beside` have.

    The classifiers: linear, ViT and SCViT, `CROSSED` from random weights, and these, pre-trained by units and frozen, beside the
    profile's SCViT if it is.
    """
    known = ["truth"] if settings.data.dataset == "synthme" else []
    small = [
        _PlainRow(
            f"{TITLES[motion]}+{RIVALS[name].title}",
            motion,
            bspline=motion in LEARNED and settings.motion.bspline,
            rival=rival(settings, name),
        )
        for name in CROSSED
        for motion in ("lucas_kanade", "selfme", *known)
    ]
    return [
        *small,
        *table_3(settings, ["truth"]),
        *linear(settings, known),
        *pretrained_rivals(settings, ["tvl1", "lucas_kanade", *known]),
        *(pretrained(settings, [*MEASURED, *known]) if settings.classifier.init == "units" else ()),
    ]


def rival(settings: Profile, method: str) -> Rival:
    """A rival with the profile's settings. Its clips are augmented like SCViT's, by the same share of the image."""
    config, classifier = getattr(settings.evaluation.rivals, method), settings.classifier
    if RIVALS[method].network is None:
        return Rival(method, config)
    shift = classifier.shift * config.size / classifier.image_size
    return Rival(method, config, Moves(flip=classifier.flip, shift=shift, zoom=classifier.zoom))
