"""Every public signature's shapes are checked while the tests run; in production the annotations cost nothing."""

from jaxtyping import install_import_hook

install_import_hook("selfme_lib", "typechecker.check")

import pytest  # noqa: E402
import torch  # noqa: E402


@pytest.fixture(autouse=True)
def _same_random_numbers():
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def browser():
    """Chromium; tests that need it skip themselves where there is none."""
    from browser import open_browser

    with open_browser() as browser:
        yield browser


def pytest_collection_modifyitems(items):
    """Notebooks first: they take longest, and one process works through them while another does the rest."""
    items.sort(key=lambda item: item.get_closest_marker("notebooks") is None)
