"""What cannot be read: one line each, which names the layer, the reason and the way out."""

from dataclasses import dataclass

from genrebench.errors import ConfigError

# The ways out that a layer has whose code no reader knows.
SAY_EXPRESSION = (
    'say what it computes (--replace NAME="x / 255 - 0.5"), or put a layer that Keras has in its place and save the '
    "model again"
)
SAY_LAYERS = (
    "say which layers of Keras do the same (--replace NAME=FRAGMENT.json), or put them in its place and save the model "
    "again"
)
SAY_ACTIVATION = (
    'say which layer of Keras does the same (--replace NAME=FRAGMENT.json, such as {"class_name": "ReLU", "config": '
    '{"max_value": 20}})'
)


@dataclass(frozen=True)
class Problem:
    """Something that keeps a model from being understood.

    Attributes
    ----------
    layer : str
        Name of the layer; empty if it is about the whole model.
    reason : str
        What was expected and what was found.
    remedy : str
        The way out; empty if there is none but another file.
    """

    layer: str
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        """Join the parts in one line."""
        where = f"`{self.layer}`: " if self.layer else ""
        line = where + self.reason + (f"; {self.remedy}" if self.remedy else "")
        return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)


class UnreadableError(ConfigError):
    """A layer that no reader can know, with the way out."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        """Keep both."""
        super().__init__(reason)
        self.remedy = remedy
