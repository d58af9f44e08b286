"""The check of a layer kind: any kind that is defined is checked, and what is checked is not trivial."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from genrebench.backend.registry import load_backend
from genrebench.errors import BackendError
from genrebench.network import Shape
from genrebench.network.layers import LAYER_KINDS, BatchNormalization, Dense, Flatten, Layer
from genrebench.network.reference import ReferenceNetwork
from genrebench.network.sampling import random_inputs, random_masks, random_weights
from genrebench.testing import check_backend, check_names, summarize
from genrebench.testing.layers import check_name, describe, network_around

EXAMPLES = [example for kind in LAYER_KINDS.values() for example in kind.examples()]


@pytest.mark.parametrize(("layer", "shape"), EXAMPLES, ids=[describe(*example) for example in EXAMPLES])
def test_examples_reach_every_weight(layer: Layer, shape: Shape) -> None:
    """No gradient is zero, so that a wrong one would be seen; but for a bias that normalization takes away again."""
    architecture = network_around(layer, shape)
    network = ReferenceNetwork(architecture, random_weights(architecture, 0), dtype="float64")
    x, labels = random_inputs(architecture, 5)
    _, gradients = network.loss_and_gradients(x, labels, dropout_masks=random_masks(architecture, 5))
    assert "before/kernel" in gradients
    for name, value in gradients.items():
        assert name == "before/bias" or np.abs(value).max() > 1e-6, name


def test_examples_are_described_by_what_is_not_a_default() -> None:
    """With the layer before, which decides between maps and vectors."""
    assert describe(BatchNormalization(momentum=0.8), (5,)) == "BatchNormalization(momentum=0.8) after Dense"
    assert describe(Flatten(), (2, 3, 4)) == "Flatten() after Conv2D"
    assert check_name("MaxPooling2D") == "layer-max-pooling2d"


def test_a_new_kind_is_checked_without_changing_the_kit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its check is listed; a backend that does not know it skips it, one that has it wrong fails it."""

    class Doubling(Dense):
        """A kind of somebody's: a dense layer without activation whose output is doubled."""

        @classmethod
        def examples(cls) -> tuple[tuple[Layer, Shape], ...]:
            """Give one example."""
            return ((cls(2), (3,)),)

        def forward(self, *arguments: Any, **options: Any) -> Any:
            """Double what a dense layer gives, and its gradients."""
            given = super().forward(*arguments, **options)
            return given._replace(y=2 * given.y, vjp=lambda dy: given.vjp(2 * dy))

    monkeypatch.setitem(LAYER_KINDS, "Doubling", Doubling)
    assert "layer-doubling" in check_names()
    (result,) = check_backend("numpy", only=["layer-doubling"])
    assert result.status == "passed", result

    class Other:
        """The reference, which knows all kinds, as a backend that does not."""

        def __init__(self, error: Exception | None) -> None:
            """Keep what is raised; without it the new kind is taken for a dense layer."""
            self.error = error

        def build(self, architecture: Any, weights: Any, **options: Any) -> Any:
            """Refuse, or build another network."""
            if self.error:
                raise self.error
            swapped = [
                Dense(each.units, name=each.name) if each.kind == "Doubling" else each for each in architecture.layers
            ]
            other = dataclasses.replace(architecture, layers=tuple(swapped))
            return load_backend("numpy")[1].build(other, weights, **options)

    info = load_backend("numpy")[0]
    refusal = BackendError("expected layers that this backend builds, received Doubling")
    for error, status, message in (
        (refusal, "skipped", "the backend does not build Doubling"),
        (BackendError("out of luck"), "failed", "BackendError: out of luck"),
        (None, "failed", "Doubling(units=2) after Dense, evaluation: layer: expected a relative error"),
    ):
        results = list(check_backend((info, Other(error)), only=["layer-doubling"]))
        assert results[0].status == status
        assert results[0].message.startswith(message)
        assert summarize(results, ["layer-doubling"])[1] is (status == "skipped")


def test_the_kinds_of_the_genre_network_are_required() -> None:
    """A backend that refuses one of them fails."""

    class Lazy:
        """A backend that builds nothing."""

        def build(self, *arguments: Any, **options: Any) -> Any:
            """Refuse all kinds."""
            raise BackendError("expected other layers, received Conv2D, MaxPooling2D, Activation and the rest")

    results = check_backend((load_backend("numpy")[0], Lazy()), only=["layer-conv2d", "layer-activation"])
    assert [(each.name, each.status) for each in results] == [
        ("layer-activation", "skipped"),
        ("layer-conv2d", "failed"),
    ]
