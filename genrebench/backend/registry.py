"""How installed backends are found: quickly, and also where frameworks are missing or plugins broken."""

from collections import defaultdict
from dataclasses import dataclass
from importlib import import_module, metadata

from genrebench.backend.protocol import Backend, BackendInfo
from genrebench.errors import BackendError
from genrebench.system.environment import installed_version

GROUP = "genrebench.backends"


@dataclass(frozen=True)
class BackendEntry:
    """One installed plugin, whole or broken.

    Attributes
    ----------
    name : str
        Name of the entry point.
    distributions : tuple of str
        Distributions that claim the name, with versions; more than one is a fault.
    info : BackendInfo, optional
        What the plugin says of itself; None if it cannot be read.
    framework_version : str, optional
        Installed version of the framework; None if it is not installed.
    problem : str, optional
        Why the backend cannot be used; None if nothing is known to stand against it.
    cause : BaseException, optional
        What a broken plugin raised, with its traceback.
    """

    name: str
    distributions: tuple[str, ...]
    info: BackendInfo | None
    framework_version: str | None
    problem: str | None
    cause: BaseException | None = None


def list_backends() -> list[BackendEntry]:
    """List installed backends without importing a framework.

    Returns
    -------
    list of BackendEntry
        Sorted by name; broken ones are there with their reason.

    Examples
    --------
    >>> import genrebench as gb
    >>> "numpy" in [entry.name for entry in gb.list_backends()]
    True
    """
    return [_describe(name, entry_points) for name, entry_points in sorted(_claims().items())]


def load_backend(name: str) -> tuple[BackendInfo, Backend]:
    """Import a backend and its framework.

    Raises
    ------
    BackendError
        If no plugin has that name, two have it, its framework is missing, or it fails to import.
    """
    claims = _claims()
    if name not in claims:
        there = ", ".join(sorted(claims)) or "none"
        raise BackendError(f"expected one of the installed backends ({there}), received {name!r}")
    entry = _describe(name, claims[name])
    if entry.problem is not None or entry.info is None:
        raise BackendError(f"backend {name}: {entry.problem}") from entry.cause
    module, _, attribute = entry.info.implementation.partition(":")
    try:
        return entry.info, getattr(import_module(module), attribute)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a framework that ends the program, too
        raise BackendError(f"backend {name}: cannot be imported ({type(error).__name__}: {error})") from error


def _claims() -> dict[str, list[metadata.EntryPoint]]:
    """Find the entry points that claim each name, without importing what they name."""
    claims: dict[str, list[metadata.EntryPoint]] = defaultdict(list)
    for entry_point in metadata.entry_points(group=GROUP):
        claims[entry_point.name].append(entry_point)
    return {name: _distinct(entry_points) for name, entry_points in claims.items()}


def _distinct(entry_points: list[metadata.EntryPoint]) -> list[metadata.EntryPoint]:
    """Drop what one distribution says twice, as when it lies on the path in two places."""
    named = {(point.dist.name if point.dist else None, point.value): point for point in reversed(entry_points)}
    return list(reversed(named.values()))


def _describe(name: str, entry_points: list[metadata.EntryPoint]) -> BackendEntry:
    """Describe the plugins that claim one name.

    Returns
    -------
    BackendEntry
        The description, with the fault if there is one.
    """
    distributions = tuple(
        f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else "an unknown distribution"
        for entry_point in entry_points
    )
    if len(entry_points) > 1:
        problem = f"expected one distribution, claimed by {' and '.join(distributions)}; uninstall all but one"
        return BackendEntry(name, distributions, None, None, problem)
    try:
        info = entry_points[0].load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a stranger's module raises, SystemExit too, must not end the list
        problem = f"broken plugin of {distributions[0]} ({type(error).__name__}: {error})"
        return BackendEntry(name, distributions, None, None, problem, error)
    if not isinstance(info, BackendInfo) or info.name != name:
        problem = f"broken plugin of {distributions[0]}: expected a BackendInfo named {name!r}, received {info!r}"
        return BackendEntry(name, distributions, None, None, problem)
    absent = [each for each in (info.framework, *info.requires) if installed_version(each) is None]
    missing = f"{' and '.join(absent)} not installed; pip install {' '.join(absent)}" if absent else None
    return BackendEntry(name, distributions, info, installed_version(info.framework), missing)
