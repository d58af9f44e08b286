"""The Keras backends as plugins: what they say of themselves, and what they refuse."""

import pytest

from genrebench.backend import BackendInfo
from tests.backends.keras_cnn.conftest import Results
from tests.backends.keras_cnn.measuring import ENGINES


@pytest.mark.parametrize(
    ("what", "parts"),
    [
        ("dtype", ("BackendError", "float32, float64", "float16")),
        ("device", ("BackendError", "cpu", "abacus")),
        ("weights", ("ConfigError", "hidden/bias", "(7,)", "(8,)")),
        ("logits", ("BackendError", "(n, 17, 23, 2)", "(6, 16, 23, 2)")),
        ("rank", ("BackendError", "(n, 17, 23, 2)", "(6, 17, 23)")),
        ("loss", ("BackendError", "(n, 17, 23, 2)", "(6, 17, 23, 1)")),
        ("labels", ("BackendError", "6 labels", "(5,)")),
        ("mask name", ("BackendError", "dropout", "hidden: ")),
        ("mask shape", ("BackendError", "(6, 7)", "(1, 7)")),
        ("engine", ("BackendError", "a process of its own")),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(results: Results, what: str, parts: tuple[str, ...]) -> None:
    """Each message names what was expected and what was received."""
    message = results.facts.get(f"refused {what}", "nothing was refused")
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_infos_name_what_they_need() -> None:
    """The three are plugins of one framework with another engine each."""
    from genrebench_keras import info

    infos: dict[str, BackendInfo] = {engine: getattr(info, attribute) for engine, attribute in ENGINES.items()}
    assert {engine: each.name for engine, each in infos.items()} == {
        "tensorflow": "keras",
        "jax": "keras-jax",
        "torch": "keras-torch",
    }
    for engine, each in infos.items():
        assert each.framework == "keras"
        assert each.requires == (engine,)
        assert not each.can_train
        assert "cpu" in each.devices
