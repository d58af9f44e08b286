"""Versions as files say them."""

import pytest

from genrebench.reading.version import KerasVersion


@pytest.mark.parametrize(
    ("text", "numbers", "is_tf_keras"),
    [
        ("1.2.2", (1, 2, 2), False),
        ("2.2.4", (2, 2, 4), False),
        ("2.2.4-tf", (2, 2, 4), True),
        ("2.4.0", (2, 4, 0), True),
        ("3.0", (3, 0, 0), False),
        ("3.13.0.dev2026", (3, 13, 0), False),
        (None, (2, 2, 0), False),
        ("unknown", (2, 2, 0), False),
        (3, (2, 2, 0), False),
    ],
)
def test_versions_are_read(text: object, numbers: tuple[int, ...], is_tf_keras: bool) -> None:
    """Three numbers, and whether it was TensorFlow's own Keras."""
    version = KerasVersion.read(text)
    assert (version.numbers, version.is_tf_keras) == (numbers, is_tf_keras)
