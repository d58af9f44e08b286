"""Keras' engines: which one is used, and what would be lost without their help."""

import numpy as np

from tests.backends.keras_cnn.conftest import Results


def test_the_engine_is_the_one_asked_for_by_name(results: Results) -> None:
    """The environment asked for another; of the frameworks, only Keras and the engine are imported."""
    assert results.facts["imported by the plugin"] == []
    assert results.facts["engine"] == results.engine
    assert results.facts["imported by the engine"] == sorted({"keras", results.engine})


def test_keras_alone_normalizes_float64_in_float32_where_it_is_not_helped(results: Results) -> None:
    """What `float64_kept` is for: without it the snippet's own model is float64 on TensorFlow only."""
    error = np.abs(results.arrays["float64|snippet alone"] - results.arrays["float64|snippet"]).max()
    assert error == 0 if results.engine == "tensorflow" else 1e-10 < error < 1e-5
