"""Activations in every form that files give them."""

from typing import Any

import pytest

from genrebench.errors import ConfigError
from genrebench.reading.activations import read_activation
from tests.reading.files import KERAS_2, KERAS_3


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "linear"),
        ("relu", "relu"),
        ("swish", "silu"),
        ({"module": "builtins", "class_name": "function", "config": "tanh", "registered_name": "function"}, "tanh"),
        ("leaky_relu", {"name": "leaky_relu", "negative_slope": 0.2}),
        ({"class_name": "LeakyReLU", "config": {"alpha": [0.1]}}, {"name": "leaky_relu", "negative_slope": 0.1}),
        ({"class_name": "LeakyReLU", "config": {}}, {"name": "leaky_relu", "negative_slope": 0.3}),
        ({"class_name": "ELU", "config": {"alpha": 2}}, {"name": "elu", "alpha": 2.0}),
        ({"class_name": "Softmax", "config": {"axis": -1}}, "softmax"),
        (
            {"class_name": "ReLU", "config": {"max_value": 6}},
            {"name": "relu", "max_value": 6.0, "negative_slope": 0.0, "threshold": 0.0},
        ),
    ],
)
def test_activations_become_one_word_with_settings(given: Any, expected: Any) -> None:
    """Words, functions, layers."""
    assert read_activation(given, KERAS_3) == expected


def test_hard_sigmoid_is_that_of_the_version() -> None:
    """Keras 3 changed it without a new name."""
    assert read_activation("hard_sigmoid", KERAS_2) == "hard_sigmoid_keras2"
    assert read_activation("hard_sigmoid", KERAS_3) == "hard_sigmoid"


@pytest.mark.parametrize(
    "given",
    [
        "mine",
        "hard_sigmoid_keras2",
        3,
        ["relu"],
        {"class_name": "function", "config": "mine"},
        {"class_name": "function", "config": "relu", "registered_name": "Custom>relu"},
        {"class_name": "Softmax", "config": {"axis": 1}},
        {"class_name": "__lambda__", "config": {"value": "4wE="}},
        {"class_name": "LeakyReLU", "config": {"alpha": "0.3"}},
    ],
)
def test_what_is_no_function_of_keras_is_refused(given: Any) -> None:
    """A name is looked up in a fixed list, and nowhere else."""
    with pytest.raises(ConfigError, match="expected"):
        read_activation(given, KERAS_2)
