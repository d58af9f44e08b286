"""What can be measured, and what cannot."""

from typing import Any

import pytest

from genrebench.bench.request import SUITES, BenchRequest
from genrebench.errors import ConfigError


def test_all_suites_are_run_unless_some_are_named() -> None:
    """Three rounds of each, on the CPU."""
    request = BenchRequest()
    assert (request.suites, request.rounds, request.device) == (SUITES, 3, "cpu")


@pytest.mark.parametrize(("wrong", "name"), [({"suites": ("parity",)}, "suites"), ({"rounds": 0}, "rounds")])
def test_what_cannot_be_measured_is_refused(wrong: dict[str, Any], name: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(ConfigError, match=name):
        BenchRequest(**wrong)
