"""Plugins of other people, made for tests: distributions that exist as files in a folder, which no installer wrote."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

GROUP = "genrebench.backends"


def write_plugin(
    site: Path,
    name: str,
    entry_points: Mapping[str, str],
    modules: Mapping[str, str] | None = None,
    *,
    version: str = "1.0",
) -> Path:
    """Write an installed distribution: its metadata, and the modules in it.

    Parameters
    ----------
    site : Path
        Folder that stands for ``site-packages``; several distributions may lie in it.
    entry_points : mapping of str to str
        ``module:attribute`` of each backend's `BackendInfo` by the backend's name.
    modules : mapping of str to str, optional
        Source code by module name; nothing for a distribution that only announces modules which lie elsewhere.

    Returns
    -------
    Path
        The folder, to be put on the path by `use_plugins`.
    """
    metadata = site / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    points = "".join(f"{backend} = {value}\n" for backend, value in entry_points.items())
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{points}", encoding="utf-8")
    for module, source in (modules or {}).items():
        (site / f"{module}.py").write_text(source, encoding="utf-8")
    return site


def use_plugins(patch: pytest.MonkeyPatch, site: Path, *, here: bool = False) -> None:
    """Let the processes that a test starts find the plugins of a folder; and this process, too, if asked to.

    Parameters
    ----------
    here : bool
        Whether this process finds them as well: then their modules are imported here, and stay so.
    """
    patch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    if here:
        patch.syspath_prepend(str(site))
