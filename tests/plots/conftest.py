import matplotlib
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture
def drawable():
    """An axis, which must be drawable afterwards."""
    figure, ax = plt.subplots()
    yield ax
    figure.canvas.draw()
    plt.close(figure)
