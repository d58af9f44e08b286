"""How installed backends are found: quickly, and also where frameworks are missing or plugins broken."""

import os
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from typing import Any, NoReturn

from genrebench.backend.checked import CheckedBackend, info_problem
from genrebench.backend.protocol import BackendInfo
from genrebench.backend.worker import Arrays, is_worker, one_line, start_job
from genrebench.errors import BackendError
from genrebench.system.environment import installed_version
from genrebench.system.last_words import last_words

GROUP = "genrebench.backends"
# Seconds: what a plugin says of itself is imported without its framework.
PLUGIN_TIMEOUT = 30.0


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


def backend_names() -> list[str]:
    """List the names of installed backends; nothing of them is imported."""
    return sorted(_claims())


def list_backends(timeout: float = PLUGIN_TIMEOUT) -> list[BackendEntry]:
    """List installed backends without importing a framework.

    What genrebench itself brings is described here; each plugin of others in a process of its own, so that one that
    ends its process, crashes or hangs is in the list with that.

    Parameters
    ----------
    timeout : float
        Seconds after which a plugin is given up.

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
    claims = sorted(_claims().items())
    with ExitStack() as stack:
        readers = [(name, points, stack.enter_context(_reading(name, points, timeout))) for name, points in claims]
        return [_describe(name, points, read) for name, points, read in readers]


def load_backend(name: str) -> tuple[BackendInfo, CheckedBackend]:
    """Import a backend and its framework, and nothing of other backends.

    Returns
    -------
    BackendInfo, CheckedBackend
        What the plugin says of itself, and what builds its networks, whose answers are checked by
        `genrebench.backend.checked`.

    Raises
    ------
    BackendError
        If no plugin has that name, two have it, its framework is missing, or it fails to import.
    """
    claims = _claims()
    if name not in claims:
        there = ", ".join(sorted(claims)) or "none"
        raise BackendError(f"expected one of the installed backends ({there}), received {name!r}")
    with _reading(name, claims[name], PLUGIN_TIMEOUT) as read:
        entry = _describe(name, claims[name], read)
    if entry.problem is not None or entry.info is None:
        raise BackendError(f"backend {name}: {entry.problem}") from entry.cause
    module, _, attribute = entry.info.implementation.partition(":")
    try:
        with _watched(name, claims[name][0]), _kept_alive():
            return entry.info, CheckedBackend(entry.info, getattr(import_module(module), attribute))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a framework that ends the program, too
        raise BackendError(f"backend {name}: cannot be imported ({type(error).__name__}: {error})") from error


def describe(_arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Read what a plugin says of itself, as a job.

    Parameters
    ----------
    options : dict
        ``value`` of the entry point, ``name``, and the ``path`` on which the plugin was found.
    """
    sys.path += [each for each in options["path"] if each not in sys.path]
    info = metadata.EntryPoint(options["name"], options["value"], GROUP).load()
    problem = info_problem(info, options["name"])
    return {}, {"problem": problem} if problem else {"info": asdict(info)}


@contextmanager
def _reading(name: str, entry_points: list[metadata.EntryPoint], timeout: float) -> Iterator[Callable[[], BackendInfo]]:
    """Begin to read what a plugin says of itself; what is yielded waits for it, and raises whatever it raised."""
    point = entry_points[0]
    if _is_ours(point) or is_worker() or len(entry_points) > 1:
        yield point.load
        return
    options = {"name": name, "value": point.value, "path": [each for each in sys.path if each]}

    def wait() -> BackendInfo:
        """Wait for the answer."""
        found = job().value
        if "problem" in found:
            raise BackendError(found["problem"])
        make: Any = BackendInfo  # whose fields are checked next
        info: BackendInfo = make(
            **{key: tuple(each) if isinstance(each, list) else each for key, each in found["info"].items()}
        )
        return info

    with start_job(f"{__name__}:describe", options=options, name=f"plugin {name}", timeout=timeout) as job:
        yield wait


@contextmanager
def _kept_alive() -> Iterator[None]:
    """Let no import end this process with a status that says that all is well."""
    importer, end = (os.getpid(), threading.get_ident()), os._exit

    def refuse(status: int) -> NoReturn:
        """Raise, where the import runs."""
        if (os.getpid(), threading.get_ident()) != importer:
            end(status)
        raise SystemExit(f"os._exit({status})")

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = end


def _watched(name: str, point: metadata.EntryPoint) -> AbstractContextManager[None]:
    """Have it said where the import of a plugin of others crashes or hangs here; of a worker its parent says it."""
    if _is_ours(point) or is_worker():
        return nullcontext()
    return last_words(
        seconds=PLUGIN_TIMEOUT,
        slow=f"Note: backend {name}: its import takes more than {PLUGIN_TIMEOUT:g} s; Ctrl-C ends it",
        ended=f"Error: backend {name}: its import ended this process; genrebench check {name} says more",
    )


def _is_ours(point: metadata.EntryPoint) -> bool:
    """Return whether genrebench itself brings a plugin."""
    return point.dist is not None and point.dist.name == "genrebench"


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


def _describe(name: str, entry_points: list[metadata.EntryPoint], read: Callable[[], BackendInfo]) -> BackendEntry:
    """Describe the plugins that claim one name.

    Returns
    -------
    BackendEntry
        The description, with the fault if there is one.
    """
    distributions = tuple(
        sorted(
            f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else "an unknown distribution"
            for entry_point in entry_points
        )
    )
    if len(entry_points) > 1:
        problem = f"expected one distribution, claimed by {' and '.join(distributions)}; uninstall all but one"
        return BackendEntry(name, distributions, None, None, problem)
    try:
        info = read()
        wrong = info_problem(info, name)
        if wrong:
            raise BackendError(wrong)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a stranger's module raises, SystemExit too, must not end the list
        problem = f"broken plugin of {distributions[0]} ({one_line(error)})"
        return BackendEntry(name, distributions, None, None, problem, error)
    absent = [each for each in (info.framework, *info.requires) if installed_version(each) is None]
    missing = f"{' and '.join(absent)} not installed; pip install {' '.join(absent)}" if absent else None
    return BackendEntry(name, distributions, info, installed_version(info.framework), missing)
