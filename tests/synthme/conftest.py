import numpy as np
import pytest

from selfme_lib.synthme import create_identity, set_up


@pytest.fixture(scope="session")
def renderer():
    return set_up(create_identity(3), 96)


@pytest.fixture
def generator():
    return np.random.default_rng(0)
