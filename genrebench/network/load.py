"""An architecture read from a file."""

from pathlib import Path

from genrebench.errors import ConfigError
from genrebench.network.architecture import Architecture
from genrebench.system.files import StrPath, read_json

# Some 100 bytes per layer; more than any network that is written out has.
_MAX_BYTES = 4 * 2**20


def load_architecture(path: StrPath) -> Architecture:
    """Read an architecture, or the one in a model's description.

    Parameters
    ----------
    path : str or PathLike
        JSON as `Architecture.to_json` makes it, or a ``model.json``.

    Raises
    ------
    ConfigError
        If the file cannot be read, or holds no architecture.
    """
    document = read_json(Path(path), expected="an architecture", error=ConfigError, max_bytes=_MAX_BYTES)
    if isinstance(document, dict) and "architecture" in document:
        document = document["architecture"]
    try:
        return Architecture.from_json(document)
    except ConfigError as error:
        raise ConfigError(str(error), path=path) from error
