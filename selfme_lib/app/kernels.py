"""Which kernel runs notebooks and the explorer: the interpreter that runs this program, whatever kernels are installed."""

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager


class OwnKernels(KernelSpecManager):
    """Knows no kernel but our own."""

    def find_kernel_specs(self) -> dict[str, str]:
        return {"python3": RESOURCES}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


class OwnKernel(AsyncKernelManager):
    """Starts our own kernel."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return OwnKernels().get_kernel_spec(self.kernel_name)
