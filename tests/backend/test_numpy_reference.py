"""The reference as a backend."""

from importlib import import_module

import pytest

from genrebench.backend.numpy_reference import INFO, NumpyBackend
from genrebench.errors import BackendError
from genrebench.network.genre_cnn import genre_cnn

SMALL = genre_cnn((17, 20), 4)


def test_the_description_leads_to_the_backend() -> None:
    """What `INFO` names builds networks."""
    module, _, attribute = INFO.implementation.partition(":")
    assert getattr(import_module(module), attribute) is NumpyBackend


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_networks_are_built_in_the_dtype_asked_for(dtype: str) -> None:
    """On the only device there is, named or not."""
    for device in ("auto", "cpu"):
        network = NumpyBackend.build(SMALL, SMALL.initial_weights(0), dtype=dtype, device=device)
        assert {str(value.dtype) for value in network.weights().values()} == {dtype}


def test_other_dtypes_and_devices_are_refused() -> None:
    """The message has what there is."""
    with pytest.raises(BackendError, match="dtype: expected one of float32, float64, received 'float16'"):
        NumpyBackend.build(SMALL, SMALL.initial_weights(0), dtype="float16")
    with pytest.raises(BackendError, match=r"device: expected auto or .*\(cpu\), received 'cuda'"):
        NumpyBackend.build(SMALL, SMALL.initial_weights(0), device="cuda")
