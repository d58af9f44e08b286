"""The plots of a report."""

from dataclasses import replace

import pytest

from genrebench.parity.figures import errors_by_layer, errors_by_step
from genrebench.parity.report import Report


@pytest.mark.parametrize("kind", ["passing", "failing"])
def test_layers_views_and_gates_are_drawn(kind: str, request: pytest.FixtureRequest) -> None:
    """A name is text, and what could not be measured is left out."""
    report: Report = request.getfixturevalue(kind)
    drawn = errors_by_layer(report)
    assert list(drawn) == ["evaluation", "training"]
    assert all(each.count("<svg") == 1 and "<script" not in each for each in drawn.values())
    assert errors_by_step(report).count("<svg") == 1


def test_an_error_moves_its_point(passing: Report, failing: Report) -> None:
    """The picture of a report with errors is another."""
    assert errors_by_step(passing) == errors_by_step(replace(passing))
    spoiled = replace(passing, losses={**passing.losses, "mine": [None, 0.1, 0.2]})
    assert errors_by_step(spoiled) != errors_by_step(passing)
    assert errors_by_layer(failing) != errors_by_layer(passing)


def test_a_backend_without_steps_is_left_out(passing: Report) -> None:
    """As one that could not train."""
    nothing = replace(passing, losses={name: [] for name in passing.losses}, control=[])
    assert errors_by_step(nothing).count("<svg") == 1
