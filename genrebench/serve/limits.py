"""What a server takes, from one request and from all of them together."""

from typing import ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from genrebench.system.validation import Checked


@dataclass(frozen=True)
class Limits(Checked):
    """How much memory, disk and time a server takes, whatever is sent.

    Attributes
    ----------
    max_megabytes : int
        Size of a recording's file; a larger one is refused as soon as that is known.
    max_seconds : float
        Length of a recording. It is found by decoding, since a file of few bytes may hold a day.
    workers : int
        Recordings that are classified at the same time.
    waiting : int
        Recordings that may be on their way or waiting besides; more are answered with 429.
    upload_seconds : float
        How long an upload may take.
    timeout : float
        Seconds that decoding a recording may take; then it is ended and answered with 504.
    patience : float
        Seconds after which a recording that still waits is answered with 503.

    Examples
    --------
    >>> Limits(workers=4).places
    20
    >>> Limits(workers=0)
    Traceback (most recent call last):
    genrebench.errors.ConfigError: workers: expected a whole number of at least 1, received 0
    """

    subject: ClassVar[str] = "limits of a server"

    max_megabytes: int = Field(default=64, ge=1, le=4096)
    max_seconds: float = Field(default=900.0, gt=0, le=86_400)
    workers: int = Field(default=2, ge=1, le=256)
    waiting: int = Field(default=16, ge=0, le=10_000)
    upload_seconds: float = Field(default=60.0, gt=0, le=3600)
    timeout: float = Field(default=60.0, gt=0, le=86_400)
    patience: float = Field(default=30.0, gt=0, le=3600)

    @property
    def places(self) -> int:
        """How many recordings may be here at the same time."""
        return self.workers + self.waiting

    @property
    def max_bytes(self) -> int:
        """Size of a recording's file in bytes."""
        return self.max_megabytes * 2**20
