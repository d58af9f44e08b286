"""The conformance kit: named checks that a backend passes if it builds the networks that architectures describe.

In a plugin's own tests::

    from genrebench.testing import check_backend

    def test_conformance():
        for outcome in check_backend("mine"):
            assert not outcome.is_fault, outcome

or on the command line ``genrebench check mine``, which runs it in a process of its own. Values are compared with the
NumPy referee in float64, scaled by the norm of the whole tensor; gradients also with finite differences.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from genrebench.backend.protocol import Backend, BackendInfo
from genrebench.backend.registry import load_backend
from genrebench.errors import ConfigError
from genrebench.testing.checks import CHECKS, Check
from genrebench.testing.examples import CheckFailure, CheckSkipped, Subject

__all__ = ["Outcome", "check_backend", "check_names", "tally"]

_STATUSES = ("passed", "failed", "skipped", "expected")
# Only a backend that trains can be checked at training.
_OPTIONAL = frozenset({"training"})


@dataclass(frozen=True)
class Outcome:
    """What one check found.

    Attributes
    ----------
    name : str
        Name of the check.
    required : bool
        Whether the backend fails if the check does not run.
    status : str
        ``passed``, ``failed``, ``skipped``, or ``expected`` for a failure that was announced with a reason.
    message : str
        What was found, or why nothing was; empty for a check that passed.
    """

    name: str
    required: bool
    status: str
    message: str = ""

    @property
    def is_fault(self) -> bool:
        """Return whether the backend fails because of this.

        Returns
        -------
        bool
            True for a failure, and for a required check that did not run.
        """
        return self.status == "failed" or (self.status == "skipped" and self.required)


def check_names() -> tuple[str, ...]:
    """List the checks.

    Returns
    -------
    tuple of str
        Names in the order in which they run.
    """
    return tuple(CHECKS)


def check_backend(
    backend: str | tuple[BackendInfo, Backend], *, expected_failures: Mapping[str, str] | None = None
) -> Iterator[Outcome]:
    """Run every check on a backend, in this process.

    Parameters
    ----------
    backend : str or tuple of (BackendInfo, Backend)
        Name of an installed backend, or one that is not installed yet.
    expected_failures : mapping of str to str, optional
        Checks that are known to fail, each with its reason; one that passes all the same is a failure.

    Yields
    ------
    Outcome
        What each check found, as soon as it is known.

    Raises
    ------
    BackendError
        If the backend cannot be loaded.
    ConfigError
        If an expected failure is no check, or has no reason.
    """
    expected = dict(expected_failures or {})
    for name, reason in expected.items():
        if name not in check_names() or not reason.strip():
            raise ConfigError(
                f"expected one of {', '.join(check_names())} with a reason, received {name!r}: {reason!r}"
            )
    info, implementation = load_backend(backend) if isinstance(backend, str) else backend
    subject = Subject(info, implementation, load_backend("numpy")[1])
    for name, function in CHECKS.items():
        outcome = _run(name, function, name not in _OPTIONAL, subject)
        yield _expect(outcome, expected.get(name))


def _run(name: str, function: Check, required: bool, subject: Subject) -> Outcome:
    """Run one check."""
    try:
        function(subject)
    except CheckSkipped as reason:
        return Outcome(name, required, "skipped", str(reason))
    except CheckFailure as failure:
        return Outcome(name, required, "failed", str(failure))
    except Exception as error:  # a backend may raise anything; that too is a finding
        return Outcome(name, required, "failed", f"{type(error).__name__}: {error}")
    return Outcome(name, required, "passed")


def _expect(outcome: Outcome, reason: str | None) -> Outcome:
    """Judge an outcome by what was announced.

    Parameters
    ----------
    reason : str, optional
        Why it was expected to fail; None if it was not.

    Returns
    -------
    Outcome
        The outcome, a failure turned into an expected one, or a pass into a failure.
    """
    if reason is None or outcome.status == "skipped":
        return outcome
    if outcome.status == "passed":
        return Outcome(outcome.name, outcome.required, "failed", f"expected a failure ({reason}), but it passed")
    return Outcome(outcome.name, outcome.required, "expected", f"{reason}: {outcome.message}")


def tally(outcomes: Iterable[Outcome]) -> tuple[str, bool]:
    """Summarize a run of the kit.

    Parameters
    ----------
    outcomes : iterable of Outcome
        All outcomes.

    Returns
    -------
    str
        Such as ``17 ran: 17 passed, 0 failed, 0 skipped``.
    bool
        Whether the backend passed: nothing failed unexpectedly, and every required check ran.
    """
    outcomes = list(outcomes)
    count = {status: sum(each.status == status for each in outcomes) for status in _STATUSES}
    ran = len(outcomes) - count["skipped"]
    line = f"{ran} ran: {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped"
    line += f", {count['expected']} failed as expected" if count["expected"] else ""
    absent = set(check_names()) - {each.name for each in outcomes}
    return line, not absent and not any(each.is_fault for each in outcomes)
