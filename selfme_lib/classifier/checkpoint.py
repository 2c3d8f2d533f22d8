"""Pre-trained classifiers on disk: safetensors in half precision, with the network's settings and the origin as metadata.

`motion` and `units` come with the package; `selfme pretrain --stage classifier` makes others.
"""

from dataclasses import asdict
from pathlib import Path

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.half import read_half, write_half

from .network import ClassifierConfig, SCViT, build_classifier

CHECKPOINTS = Path(__file__).parent / "checkpoints"
SHIPPED = {"motion": CHECKPOINTS / "motion.safetensors", "units": CHECKPOINTS / "units.safetensors"}
FORM = ("image_size", "patch_size", "channels", "depth", "width", "heads", "pool", "input_scale")
"""Settings of `ClassifierConfig` that weights depend on."""


def save_pretrained(network: SCViT, config: ClassifierConfig, path: Path | str, **origin: str) -> None:
    """Write a network without its head's last layer, which is the task's; `origin` says how its weights were made."""
    weights = {name: value for name, value in network.state_dict().items() if not name.startswith("head.2.")}
    form = {name: value for name, value in asdict(config).items() if name in FORM}
    write_half(path, weights, form, **origin)


def load_pretrained(config: ClassifierConfig, *, classes: int = 3, path: Path | None = None) -> SCViT:
    """The network of `config` with pre-trained weights but for its last layer, which is new.

    Args:
        path: of the checkpoint; by default what `config.init` names.

    Raises:
        UsageError: `config` describes another network.
        DataError: the file is missing, damaged, or no pre-trained classifier.
    """
    path = path or SHIPPED[config.init]
    weights, form, _ = read_half(path, kind="a checkpoint of a classifier")
    if missing := [name for name in FORM if name not in form]:
        raise DataError(
            f"{path}: not a checkpoint of a classifier (it does not say its {missing[0]}); give another file"
        )
    if wrong := {name: form[name] for name in FORM if getattr(config, name) != form[name]}:
        wanted = ", ".join(f"{name} {value}" for name, value in wrong.items())
        raise UsageError(
            f"classifier.init: the weights of {path.name} need {wanted}; change these settings or start random"
        )
    network = build_classifier(config, classes=classes)
    own = network.state_dict()
    try:
        network.load_state_dict({**{name: own[name] for name in own if name.startswith("head.2.")}, **weights})
    except RuntimeError as error:
        raise DataError(f"{path}: not a checkpoint of this classifier ({str(error).splitlines()[0]})") from None
    return network
