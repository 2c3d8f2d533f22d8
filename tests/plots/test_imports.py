"""Figures work where neither Jupyter nor widgets are installed, and know nothing of the rooms above them."""

import subprocess
import sys

SCRIPT = """
import importlib, pkgutil, sys

hidden = ["IPython", "anywidget", "ipywidgets", "selfme_lib.bench", "selfme_lib.widgets", "selfme_lib.app"]
sys.modules.update(dict.fromkeys(hidden))
import selfme_lib.plots

for module in pkgutil.iter_modules(selfme_lib.plots.__path__, "selfme_lib.plots."):
    importlib.import_module(module.name)
"""


def test_plots_import_without_jupyter_and_without_the_rooms_above():
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
