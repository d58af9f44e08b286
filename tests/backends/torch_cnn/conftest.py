"""What all tests of the PyTorch plugin begin with."""

import pytest


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Compute with one thread, whatever a test before has taken over from a run: the last bits depend on it."""
    pytest.importorskip("torch").set_num_threads(1)
