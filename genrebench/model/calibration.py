"""What makes a model's probabilities honest: temperatures, and the confidence below which it should not be believed."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.system.validation import Checked

Temperature = Annotated[float, Field(gt=0, description="a positive number")]


@dataclass(frozen=True)
class Calibration(Checked):
    """What was learned of a model's probabilities on a part that did not train it; by default nothing.

    Attributes
    ----------
    segment_temperature, track_temperature : float
        What log-probabilities of segments, and the aggregated ones of recordings, are divided by.
    uncertain_below : float
        Probability of the most probable genre below which an answer is called uncertain; 0 for never.

    Examples
    --------
    >>> Calibration(track_temperature=2.0).uncertain_below
    0.0
    """

    subject: ClassVar[str] = "calibration"

    segment_temperature: Temperature = 1.0
    track_temperature: Temperature = 1.0
    uncertain_below: Annotated[float, Field(ge=0, le=1, description="a probability")] = 0.0

    @classmethod
    def read(cls, document: object) -> "Calibration":
        """Read what a ``model.json`` says; what is absent was not learned.

        Raises
        ------
        ConfigError
            If it is no table, or a key or value is none of these.
        """
        if document is None:
            return cls()
        return cls.from_json(cls().to_json() | dict(document) if isinstance(document, Mapping) else document)

    def to_json(self) -> dict[str, float]:
        """Describe it in plain JSON types."""
        return {
            "segment_temperature": self.segment_temperature,
            "track_temperature": self.track_temperature,
            "uncertain_below": self.uncertain_below,
        }
