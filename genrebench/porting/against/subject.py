"""Somebody's port: where it is, and what is said of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass as checked_dataclass

from genrebench.errors import ConfigError
from genrebench.system.files import read_json
from genrebench.system.validation import Checked

_LAYOUTS = "channels_last or channels_first"


@checked_dataclass(frozen=True, kw_only=True)
class PortMapping(Checked):
    """What a mapping file may say.

    Attributes
    ----------
    modules : dict of str to str
        By the name of a layer of the Keras model, the path of the module that is it.
    inputs : str or None
        ``channels_last`` or ``channels_first``: how the port takes its inputs; by default what works.
    arguments : dict
        What the port's class is made with.
    """

    subject: ClassVar[str] = "--mapping"

    modules: Annotated[dict[str, str], Field(description="modules by layer")] = field(default_factory=dict)
    inputs: Annotated[Literal["channels_last", "channels_first"] | None, Field(description=_LAYOUTS)] = None
    arguments: Annotated[dict[str, Any], Field(description="arguments")] = field(default_factory=dict)


@dataclass(frozen=True)
class Port:
    """Somebody's port.

    Attributes
    ----------
    path : Path
        A Python file.
    name : str
        A class, or a function that makes a module, in it.
    weights : Path or None
        A ``.safetensors``, ``.pt`` or ``.pth``; None if the class loads them by itself.
    mapping : PortMapping
        What else is known of it.
    """

    path: Path
    name: str
    weights: Path | None
    mapping: PortMapping

    @property
    def label(self) -> str:
        """Name it."""
        return f"{self.path.name}:{self.name}"


def read_port(text: str, weights: Path | None, mapping: Path | None) -> Port:
    """Read ``FILE.py:CLASS``, and a mapping file.

    Raises
    ------
    ConfigError
        If a file is not there, or says something else.
    """
    path, _, name = text.rpartition(":")
    if not path or not name.isidentifier():
        raise ConfigError(f"--against: expected FILE.py:CLASS, received {text!r:.100}")
    if not Path(path).is_file():
        raise ConfigError("--against: expected a Python file, found none", path=path)
    if weights is not None and not weights.is_file():
        raise ConfigError("--weights: expected a .safetensors, .pt or .pth, found none", path=weights)
    document: Any = {}
    if mapping is not None:
        document = read_json(mapping, expected="a mapping of layers to modules", error=ConfigError)
        if isinstance(document, dict) and not {"modules", "inputs", "arguments"} & document.keys():
            document = {"modules": document}
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise ConfigError("expected a mapping of layers to modules, received something else", path=mapping)
    return Port(Path(path), name, weights, PortMapping(**document))
