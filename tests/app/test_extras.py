import builtins
import sys

import pytest

from selfme_lib.app import cli
from selfme_lib.app.extras import extra
from selfme_lib.runtime.errors import UsageError


@pytest.fixture
def without(monkeypatch):
    """An installation that lacks a package."""

    def hide(package):
        original = builtins.__import__

        def imported(name, *arguments, **options):
            if name.partition(".")[0] == package:
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)
            return original(name, *arguments, **options)

        for name in [name for name in sys.modules if name.startswith("selfme_lib.app.") and "commands" not in name]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(builtins, "__import__", imported)

    return hide


@pytest.mark.parametrize(
    ("package", "name", "arguments"),
    [
        ("papermill", "notebooks", ["reproduce", "--profile", "smoke"]),
        ("papermill", "notebooks", ["sweep", "a.ipynb", "grid.yaml", "--out", "out"]),
        ("nbformat", "notebooks", ["student", "a.ipynb", "out"]),
        ("voila", "notebooks", ["explore"]),
    ],
)
def test_a_command_names_the_extra_that_it_lacks(without, capfd, monkeypatch, tmp_path, package, name, arguments):
    monkeypatch.chdir(tmp_path)
    without(package)
    assert cli.run(arguments) == 2
    assert capfd.readouterr().err.splitlines()[-1] == (
        f'selfme: {package} is not installed; pip install "selfme[{name}]" brings it'
    )
    assert list(tmp_path.iterdir()) == []


def test_a_module_of_our_own_that_is_missing_is_a_mistake_of_ours():
    with pytest.raises(ModuleNotFoundError), extra("docs"):
        import selfme_lib.gone  # noqa: F401
    with pytest.raises(UsageError, match="not_a_package"), extra("docs"):
        import not_a_package  # noqa: F401
