"""The PyTorch backend as a plugin: found by its name, and clear about what it cannot build."""

import pytest

from genrebench.backend import Trainable
from genrebench.backend.checked import CheckedBackend
from genrebench.backend.registry import load_backend
from genrebench.errors import BackendError, ConfigError
from genrebench.network import Architecture
from genrebench.network.layers import Flatten
from tests.backends.torch_cnn.networks import SMALL, build

backend = pytest.importorskip("genrebench_torch.backend")


def test_the_plugin_is_found_and_trains() -> None:
    """The entry point leads to this backend, whose networks are trainable."""
    info, found = load_backend("torch")
    assert isinstance(found, CheckedBackend)
    assert found.backend is backend.TorchBackend
    assert info.can_train
    assert isinstance(build(SMALL), Trainable)


def test_what_cannot_be_built_is_refused() -> None:
    """Another dtype, another device, weights of another network."""
    weights = SMALL.initial_weights(0)
    with pytest.raises(BackendError, match="dtype: expected one of float32, float64, received 'float16'"):
        backend.TorchBackend.build(SMALL, weights, dtype="float16")
    with pytest.raises(BackendError, match=r"device: .*\(cpu.*received 'tpu'"):
        backend.TorchBackend.build(SMALL, weights, device="tpu")
    with pytest.raises(ConfigError, match="missing"):
        backend.TorchBackend.build(SMALL, {})


def test_layers_of_a_kind_that_is_not_known_are_refused() -> None:
    """They are named; anybody may define one."""

    class Unknown(Flatten):
        """A layer without a builder."""

    with pytest.raises(BackendError, match="expected layers that this backend builds, received Unknown"):
        backend.TorchBackend.build(Architecture((1, 1, 3), (Unknown(),)), {})
