"""Identifiers of any names."""

import keyword
import re

import pytest

from genrebench.porting.source.names import RESERVED, identifier, shown_name
from tests.porting.source.models import HOSTILE


@pytest.mark.parametrize("name", [*HOSTILE, "", " ", "\0", "_", "__class__", "ﬁ", "лось"])
def test_any_name_becomes_an_identifier(name: str) -> None:
    """Of ASCII, in ordinary length, and no word that means something."""
    found = identifier(name, ())
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", found)
    assert "__" not in found
    assert len(found) <= 46
    assert found not in RESERVED
    assert not keyword.iskeyword(found)


def test_taken_names_get_numbers() -> None:
    """Two names that become the same are told apart."""
    assert identifier("a/b", {"a_b", "a_b_2"}) == "a_b_3"
    assert identifier("conv2d_1", ()) == "conv2d_1"


def test_reserved_names_of_modules_are_those_of_pytorch() -> None:
    """Nothing that a module has is hidden by a layer."""
    nn = pytest.importorskip("torch.nn")
    assert {name for name in dir(nn.Module()) if not name.startswith("_")} <= RESERVED


def test_what_is_shown_stays_in_its_line() -> None:
    """No newline, no quote, no backslash."""
    assert shown_name("a\nb\"\\'{") == "a?b????"
