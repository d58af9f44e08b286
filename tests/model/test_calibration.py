"""What is kept of a model's calibration."""

import pytest

from genrebench.errors import ConfigError
from genrebench.model.calibration import Calibration


def test_what_was_not_learned_changes_nothing() -> None:
    """A model without, and one of a version that knew temperatures only."""
    assert Calibration.read(None) == Calibration() == Calibration(1.0, 1.0, 0.0)
    old = {"segment_temperature": 2.0, "track_temperature": 3.0}
    assert Calibration.read(old) == Calibration(2.0, 3.0)
    assert Calibration.read(Calibration(2.0, 3.0, 0.4).to_json()) == Calibration(2.0, 3.0, 0.4)


@pytest.mark.parametrize(
    "document",
    [{"segment_temperature": "x"}, {"track_temperature": 0}, {"uncertain_below": 1.5}, {"heat": 1.0}, [1, 2]],
)
def test_what_is_no_calibration_is_refused(document: object) -> None:
    """No number, not positive, no probability, unknown, no table."""
    with pytest.raises(ConfigError, match=r"calibration: .*expected"):
        Calibration.read(document)
