"""The recordings about which a model is most surely wrong: what one listens to first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Confusion:
    """A track that was taken for another genre.

    Attributes
    ----------
    part : str
        ``validation``, ``test``, or another part of an evaluation.
    track : str
        ``<genre>/<track>``.
    taken_for : str
        The genre that was answered.
    probability : float
        How sure the model is of it, from 0 to 1.
    """

    part: str
    track: str
    taken_for: str
    probability: float

    @property
    def genre(self) -> str:
        """Return the true genre."""
        return self.track.partition("/")[0]


def most_confused(parts: Mapping[str, Mapping[str, Any]], most: int | None = None) -> list[Confusion]:
    """Find the tracks that were answered wrongly, the surest first.

    Parameters
    ----------
    parts : mapping
        Scores by part, as `genrebench.evaluation.metrics.scores` makes them; parts without answers have none.
    most : int, optional
        How many; by default all.

    Examples
    --------
    >>> answers = {"blues/a": ["jazz", 0.9], "jazz/b": ["jazz", 0.8], "rock/c": ["metal", 0.95]}
    >>> [each.track for each in most_confused({"test": {"predictions": answers}})]
    ['rock/c', 'blues/a']
    """
    found = [
        Confusion(part, track, taken_for, float(probability))
        for part, scores in parts.items()
        for track, (taken_for, probability) in scores.get("predictions", {}).items()
        if taken_for != track.partition("/")[0]
    ]
    return sorted(found, key=lambda each: (-each.probability, each.track))[:most]
