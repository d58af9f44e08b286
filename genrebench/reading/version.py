"""Which Keras saved a file: what an absent key means depends on it."""

import re
from dataclasses import dataclass

# Of a file that does not say: nothing is younger than it looks.
_UNKNOWN = (2, 2, 0)


@dataclass(frozen=True)
class KerasVersion:
    """The version of Keras that saved a file.

    Attributes
    ----------
    text : str
        As the file says it, such as ``2.2.4-tf``; empty if it does not.
    numbers : tuple of int
        Major, minor, patch; for a file that does not say, a guess.
    """

    text: str
    numbers: tuple[int, int, int]

    @property
    def is_tf_keras(self) -> bool:
        """Say whether this was TensorFlow's own Keras, which the other became with 2.4."""
        return "tf" in self.text or ((2, 4) <= self.numbers[:2] < (3, 0))

    @classmethod
    def read(cls, text: object, *, guess: tuple[int, int, int] = _UNKNOWN) -> "KerasVersion":
        """Read a version, of which files of before 1.1 have none.

        Parameters
        ----------
        text : object
            What stands in the file.
        guess : tuple of int, optional
            The version of a file that does not say.
        """
        found = re.match(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", text) if isinstance(text, str) else None
        if not found or not isinstance(text, str):
            return cls("", guess)
        return cls(text[:40], (int(found[1]), int(found[2]), int(found[3] or 0)))
