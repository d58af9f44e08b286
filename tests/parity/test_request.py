"""What can be asked for, and what cannot."""

from typing import Any

import pytest

from genrebench.errors import ConfigError
from genrebench.parity.request import ParityRequest


def test_defaults_are_those_of_the_command() -> None:
    """PyTorch and Keras against the definitions."""
    request = ParityRequest()
    assert (request.backends, request.reference) == (("torch", "keras"), "numpy")
    assert (request.steps, request.batch_size, request.seed, request.threads) == (12, 4, 0, 1)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch_size": 1}, {"seed": -1}, {"threads": 0}])
def test_numbers_with_which_nothing_can_be_compared_are_refused(wrong: dict[str, Any]) -> None:
    """The message names the number and the least that makes sense."""
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))}: expected a whole number of at least"):
        ParityRequest(**wrong)
