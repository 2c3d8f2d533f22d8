"""A graphics card for machines without one: its tensors refuse to be mixed with the CPU's, and compute all the same.

Torch knows the device `meta`, whose tensors have no values. Here they have some: each wraps a tensor of the CPU, which does the
work. Whatever a real card would refuse (an operation on tensors of two devices, `numpy()`) fails in the same places.
"""

import contextlib
import sys

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.accelerators import CPUAccelerator
from lightning_fabric.strategies import SingleDeviceStrategy
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

from selfme_lib import grids
from selfme_lib.motion import diffeo
from selfme_lib.study import inspection, store, study  # noqa: F401 - whoever asks for DEVICE is imported before it changes

NAME = "meta"
BETWEEN_DEVICES = ("aten::_to_copy", "aten::copy_")


class OnCard(torch.Tensor):
    """A tensor on the card."""

    @staticmethod
    def __new__(cls, values):
        return torch.Tensor._make_wrapper_subclass(
            cls, values.shape, strides=values.stride(), storage_offset=values.storage_offset(), dtype=values.dtype,
            device=NAME,
        )  # fmt: skip

    def __init__(self, values):
        self.values_here = values

    def __repr__(self, **_):
        return f"on the card: {self.values_here}"

    def __reduce_ex__(self, protocol):
        return self.values_here.__reduce_ex__(protocol)  # files hold values, and are read onto the CPU

    def tolist(self):
        return self.values_here.tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return _run(function, args, kwargs or {})


class _Card(TorchDispatchMode):
    """Sees to tensors that are made on the card."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return _run(function, args, kwargs or {})


class _Copied(TorchFunctionMode):
    """What is made of Python's numbers never passes `_Card`: it is made on the CPU and copied, as in truth."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.tensor and torch.device(kwargs.get("device") or "cpu").type == NAME:
            return function(*args, **{**kwargs, "device": "cpu"}).to(NAME)
        if function is torch.Tensor.new_tensor and args[0].device.type == NAME:
            return torch.tensor(args[1], dtype=args[0].dtype).to(NAME)
        return function(*args, **kwargs)


def _run(function, args, kwargs):
    if torch._C._dispatch_has_kernel_for_dispatch_key(function.name(), "CompositeImplicitAutograd"):
        with _Card():
            return function.decompose(*args, **kwargs)
    name, wanted = function._schema.name, kwargs.get("device")
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    ours = [tensor for tensor in tensors if isinstance(tensor, OnCard)]
    if name in BETWEEN_DEVICES:
        result_is_ours = isinstance(args[0], OnCard)
    elif ours and any(tensor.dim() for tensor in tensors if not isinstance(tensor, OnCard)):
        raise RuntimeError(f"{name}: expected all tensors on one device, found the card's and the CPU's")
    else:
        result_is_ours = bool(ours)
    if wanted is not None:
        result_is_ours = torch.device(wanted).type == NAME
        kwargs = {**kwargs, "device": torch.device("cpu")}
    here = tree_map(lambda leaf: leaf.values_here if isinstance(leaf, OnCard) else leaf, (args, kwargs))
    found = function(*here[0], **here[1])
    if not result_is_ours:
        return found
    found = tree_map(lambda leaf: OnCard(leaf) if isinstance(leaf, torch.Tensor) else leaf, found)
    return args[0] if name == "aten::copy_" else return_and_correct_aliasing(function, args, kwargs, found)


class _Accelerator(CPUAccelerator):
    def setup_device(self, device):
        """There is nothing to set up."""


def card_fabric(**_) -> Fabric:
    """What `Fabric(accelerator="cuda", devices=1)` is on a machine with a card."""
    return Fabric(strategy=SingleDeviceStrategy(device=torch.device(NAME), accelerator=_Accelerator()))


@pytest.fixture
def card(monkeypatch):
    """The card is this machine's device; gives its name."""
    from torch.optim import adam, adamw  # noqa: F401
    from torch.utils import _foreach_utils

    supported = [*_foreach_utils._get_fused_kernels_supported_devices(), NAME]
    for module in [module for name, module in sys.modules.items() if name.startswith(("torch.optim", "torch.utils"))]:
        if hasattr(module, "_get_fused_kernels_supported_devices"):
            monkeypatch.setattr(module, "_get_fused_kernels_supported_devices", lambda: supported)
    original = torch.autocast
    monkeypatch.setattr(
        torch,
        "autocast",
        lambda device_type, **options: (
            contextlib.nullcontext() if device_type == NAME else original(device_type, **options)
        ),
    )
    for module in [module for name, module in sys.modules.items() if name.startswith("selfme_lib.")]:
        if hasattr(module, "DEVICE"):
            monkeypatch.setattr(module, "DEVICE", NAME)
    monkeypatch.setattr("lightning_fabric.Fabric", card_fabric)
    # a wrapper cannot be an inference tensor; without gradients the numbers are the same
    kind = torch.inference_mode
    monkeypatch.setattr(
        kind, "__enter__", lambda self: self.__dict__.update(calm=torch.no_grad()) or self.calm.__enter__()
    )
    monkeypatch.setattr(kind, "__exit__", lambda self, *error: self.calm.__exit__(*error))
    with _Card(), _Copied():
        yield NAME
    for cached in (grids.constant, grids._gaussian_matrix, diffeo._expansion_matrix):
        getattr(cached, "cache_clear", getattr(getattr(cached, "__wrapped__", None), "cache_clear", int))()
