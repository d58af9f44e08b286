"""Settings: what is wrong with them is one plain line."""

import dataclasses
import pickle
from typing import Annotated, ClassVar

import pytest
from pydantic import BaseModel, Field, ValidationError
from pydantic.dataclasses import dataclass

from genrebench.errors import ConfigError
from genrebench.system.validation import Checked, Text, explain, from_list


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


@dataclass(frozen=True)
class Pan(Checked):
    """Settings whose fields say what is expected of them."""

    subject: ClassVar[str] = "the pan"

    size: Annotated[tuple[int, int], from_list, Field(description="two whole numbers")]
    depth: float = Field(default=0.5, ge=0.25, lt=2.5, description="a depth")
    weight: float = Field(default=0.5, ge=0.25, lt=2.5)
    label: Text = ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": [1, "2"]}, "the pan: expected size to be two whole numbers, received [1, '2']"),
        ({"size": (1,)}, "the pan: expected size to be two whole numbers, received (1,)"),
        ({}, "the pan: expected size to be two whole numbers, received nothing"),
        ({"size": (1, 2), "depth": 0.0}, "the pan: expected depth to be a depth, received 0.0"),
        ({"size": (1, 2), "weight": 0.0}, "weight: expected a number of at least 0.25, received 0.0"),
        ({"size": (1, 2), "weight": 2.5}, "weight: expected a number below 2.5, received 2.5"),
        ({"size": (1, 2), "label": 3}, "label: expected text, received 3"),
        ({"size": (1, 2), "lid\n": 3}, "the pan: expected only size, depth, weight, label, received lid\\n"),
    ],
)
def test_a_description_is_what_the_message_expects(arguments: dict[str, object], message: str) -> None:
    """Of a field that has one; the others are described by their bounds."""
    with pytest.raises(ConfigError) as refusal:
        Pan(**arguments)  # type: ignore[arg-type]
    assert str(refusal.value) == message


def test_a_value_in_its_place_is_named_by_its_field() -> None:
    """As one that was given by name."""
    with pytest.raises(ConfigError, match="expected size to be two whole numbers, received 'wide'"):
        Pan("wide")  # type: ignore[arg-type]


def test_text_may_be_no_utf_8() -> None:
    """As names of files may be."""
    assert Pan((1, 2), label="\udcff").label == "\udcff"


def test_a_document_leaves_nothing_to_defaults() -> None:
    """It has every key and no other, and each fault names the document once."""
    document = {"size": [1, 2], "depth": 1.0, "weight": 1.0, "label": "x"}
    assert Pan.from_json(document) == Pan((1, 2), 1.0, 1.0, "x")
    for wrong in ({**document, "lid": 1}, {"size": [1, 2]}):
        with pytest.raises(ConfigError) as refusal:
            Pan.from_json(wrong)
        expected = "the pan: expected the keys ['depth', 'label', 'size', 'weight'], received "
        assert str(refusal.value) == expected + repr(sorted(wrong))
    with pytest.raises(ConfigError, match=r"^the pan: expected the keys .*, received 3$"):
        Pan.from_json(3)
    with pytest.raises(ConfigError, match=r"^the pan: expected size to be two"):
        Pan.from_json({**document, "size": 0})
    with pytest.raises(ConfigError, match=r"^the pan: weight: expected a number"):
        Pan.from_json({**document, "weight": "1"})


def test_keys_in_messages_are_made_harmless() -> None:
    """They come from files, and a message is one line."""
    with pytest.raises(ValidationError) as refusal:
        Kitchen.model_validate({"ovens": [], "a\nb": 3})
    assert explain(refusal.value) == "a\\nb: unknown key"
