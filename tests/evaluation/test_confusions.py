"""The recordings about which a model is most surely wrong."""

from genrebench.evaluation.confusions import Confusion, most_confused


def test_wrong_answers_are_named_the_surest_first() -> None:
    """Of all parts; right ones are not, and a part without answers has none."""
    parts = {
        "validation": {"predictions": {"blues/a": ["jazz", 0.5], "jazz/b": ["jazz", 0.99]}},
        "test": {"predictions": {"rock/a/b": ["metal", 0.7], "blues/c": ["rock", 0.5]}},
        "other": {},
    }
    found = most_confused(parts)
    assert found[0] == Confusion("test", "rock/a/b", "metal", 0.7)
    assert [each.track for each in found] == ["rock/a/b", "blues/a", "blues/c"]
    assert found[0].genre == "rock"
    assert most_confused(parts, 1) == found[:1]
