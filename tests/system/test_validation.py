"""Settings: what is wrong with them is one plain line."""

import dataclasses
import pickle

import pytest
from pydantic import BaseModel, Field, ValidationError
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.system.validation import Checked, explain


@dataclass(frozen=True)
class Oven(Checked):
    """Settings of an example."""

    degrees: int = Field(default=180, gt=0, le=300)
    minutes: float = Field(default=20.0, gt=0)
    name: str = "oven"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"degrees": 0}, "degrees: expected a positive whole number, received 0"),
        ({"degrees": 301}, "degrees: expected a whole number of at most 300, received 301"),
        ({"degrees": "180"}, "degrees: expected a whole number, received '180'"),
        ({"degrees": True}, "degrees: expected a whole number, received True"),
        ({"minutes": 0}, "minutes: expected a positive number, received 0"),
        ({"minutes": float("nan")}, "minutes: expected a finite number, received nan"),
        ({"name": 3}, "name: expected text, received 3"),
        (
            {"degrees": -1, "minutes": None},
            "degrees: expected a positive whole number, received -1; minutes: expected a number, received None",
        ),
    ],
)
def test_a_wrong_value_is_one_line(values: dict[str, object], message: str) -> None:
    """Key, what was expected, what was received; all that is wrong at once."""
    with pytest.raises(ConfigError) as refusal:
        Oven(**values)  # type: ignore[arg-type]
    assert str(refusal.value) == message


def test_settings_are_a_frozen_dataclass() -> None:
    """Positions, defaults, comparison, replacing, pickling and unknown names work as in any dataclass."""
    oven = Oven(200, minutes=5)
    assert dataclasses.astuple(oven) == (200, 5.0, "oven")
    assert dataclasses.replace(oven, degrees=180, minutes=20) == Oven()
    assert pickle.loads(pickle.dumps(oven)) == oven
    with pytest.raises(dataclasses.FrozenInstanceError):
        oven.degrees = 3  # type: ignore[misc]
    with pytest.raises(ConfigError, match="Oven: expected only degrees, minutes, name, received temperature"):
        Oven(temperature=3)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="received 4"):
        Oven(1, 2, "3", 4)  # type: ignore[call-arg]


class Kitchen(BaseModel, extra="forbid"):
    """A document of an example."""

    ovens: list[dict[str, bool]]


def test_keys_of_documents_are_named() -> None:
    """Unknown and missing ones, wherever they are; other faults are said in pydantic's words."""
    with pytest.raises(ValidationError) as refusal:
        Kitchen.model_validate({"sinks": 3})
    assert explain(refusal.value) == "ovens: expected a value, found none; sinks: unknown key"
    with pytest.raises(ValidationError) as refusal:
        Kitchen.model_validate({"ovens": [{"hot": 2}]})
    assert explain(refusal.value).startswith("ovens.0.hot: expected a valid boolean")
