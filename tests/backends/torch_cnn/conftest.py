"""What all tests of the PyTorch plugin begin with."""

import pytest

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Compute with one thread, whatever a test before has taken over from a run: the last bits depend on it."""
    torch.set_num_threads(1)
