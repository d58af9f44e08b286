"""Keras' layers: those of the network that the brief specifies, in every configuration."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genrebench.network import genre_cnn
from tests.backends.keras_cnn.conftest import Results


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Turn logits into probabilities.

    Parameters
    ----------
    logits : ndarray [shape=(n, classes)]
        Logits.

    Returns
    -------
    ndarray [shape=(n, classes)]
        Probabilities.
    """
    powers: NDArray[Any] = np.exp(logits - logits.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_model_is_the_one_that_the_snippet_builds(results: Results, dtype: str) -> None:
    """Kinds, names and every configuration are those of Keras, but for the last activation."""
    built, snippet = (results.facts[f"{dtype} {side} layers"] for side in ("built", "snippet"))
    assert snippet[-1].pop("activation") == "softmax"  # belongs to prediction
    assert built[-1].pop("activation") == "linear"
    assert built == snippet
    names = [(layer.name, layer.kind) for layer in genre_cnn().layers]
    assert [(config["name"], config["class"]) for config in built] == names
    weights = results.facts[f"{dtype} built weights"]
    assert weights == results.facts[f"{dtype} snippet weights"]
    assert [path.removeprefix("sequential/") for path, *_ in weights] == list(genre_cnn().weight_specs())
    assert results.facts[f"{dtype} built parameters"] == results.facts[f"{dtype} snippet parameters"] == 475_594
    assert results.facts[f"{dtype} left alone"]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
def test_the_probabilities_are_those_of_the_snippet(results: Results, dtype: str, tolerance: float) -> None:
    """With equal weights, softmax of the logits is what the snippet's model gives out."""
    received, expected = softmax(results.arrays[f"{dtype}|built"]), results.arrays[f"{dtype}|snippet"]
    assert received.dtype == expected.dtype == dtype
    assert np.abs(received - expected).max() < tolerance
