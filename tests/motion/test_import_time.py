import os
import subprocess
import sys

import numpy as np
from PIL import Image

SLOW = "captum kornia lightning_fabric matplotlib openpyxl pandas scipy skimage sklearn timm torchvision torch._dynamo"


def test_importing_the_package_costs_nothing_until_something_is_asked_of_it():
    script = """
import sys
import selfme_lib
early = {"torch", "numpy"} & set(sys.modules)
print(sorted(early), set(selfme_lib.__all__) <= set(dir(selfme_lib)), callable(selfme_lib.amplify), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[] True True True"


def test_the_motion_command_imports_nothing_slow_but_torch(tmp_path):
    """Importing is most of what `selfme motion` costs for one pair: whatever else is slow is left to those who use it."""
    for name in ("onset", "apex"):
        noise = np.random.default_rng(len(name)).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{name}.png")
    script = f"""
import sys
from selfme_lib.app.cli import run
code = run(["motion", "onset.png", "apex.png", "--out", "flow.npy"])
print(code, [name for name in {SLOW.split()} if name in sys.modules])
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[0] == "0 []"
    assert np.load(tmp_path / "flow.npy", allow_pickle=False).shape == (2, 32, 32)
