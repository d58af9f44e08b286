"""An outside plugin: the PyTorch backend with mistakes, which its name says (``planted-a+b`` has two).

Each backend works in a process of its own, so that a mistake may change whatever it likes.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from genrebench.backend import BackendInfo
from genrebench.network import Architecture
from tests.plugins import write_plugin


def write_planted(site: Path, names: Iterable[str]) -> Path:
    """Write the plugin, with a backend of each name, into a folder for `tests.plugins.use_plugins`.

    Parameters
    ----------
    names : iterable of str
        Such as ``planted-epsilon`` and ``planted-epsilon+nchw_flatten``, after `tests.mistakes.MISTAKES`.
    """
    attributes = {name: name.removeprefix("planted-").replace("+", "__") for name in names}
    return write_plugin(
        site, "genrebench-planted", {name: f"{__name__}:info__{attribute}" for name, attribute in attributes.items()}
    )


class Planted:
    """The PyTorch backend with mistakes."""

    def __init__(self, names: list[str]) -> None:
        """Keep the names; the framework is not imported yet."""
        self._names = names

    def build(self, architecture: Architecture, weights: Mapping[str, Any], **options: Any) -> Any:
        """Plant the mistakes, once and for all, and build a network."""
        from genrebench_torch.backend import TorchBackend

        from tests.mistakes import MISTAKES

        while self._names:
            MISTAKES[self._names.pop()](pytest.MonkeyPatch())
        return TorchBackend.build(architecture, weights, **options)


def __getattr__(name: str) -> Any:
    """Make what entry points name: ``info__a__b`` describes the backend with two mistakes, ``backend__a__b`` is it."""
    kind, *names = name.split("__")
    if kind == "info" and names:
        implementation = f"{__name__}:backend__{'__'.join(names)}"
        return BackendInfo(
            f"planted-{'+'.join(names)}", "torch", "PyTorch with a mistake", ("cpu",), True, implementation
        )
    if kind == "backend" and names:
        return Planted(names)
    raise AttributeError(name)
