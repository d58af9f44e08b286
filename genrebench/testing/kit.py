"""The kit: all checks by name, how they are run, and what is made of their results."""

import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from genrebench.backend.checked import CheckedBackend
from genrebench.backend.protocol import Backend, BackendInfo
from genrebench.backend.registry import load_backend
from genrebench.errors import ConfigError
from genrebench.network.layers import LAYER_KINDS
from genrebench.testing import checks, layers, training
from genrebench.testing.under_test import BackendUnderTest, CheckFailure, CheckSkipped

Check = Callable[[BackendUnderTest], None]
_STATUSES = ("passed", "failed", "skipped", "expected")
# Only a backend that trains can be checked at training.
_TRAINING: tuple[Check, ...] = (training.training, training.training_state)
# And only one that does not merely predict at these.
_BEYOND_PREDICTION = frozenset({"gradients", "finite-differences", "adam", "mode-switch"})
_BEFORE_LAYERS: tuple[Check, ...] = (checks.info, checks.build, checks.weights_round_trip)
_AFTER_LAYERS: tuple[Check, ...] = (
    *(checks.names_shapes_dtypes, checks.logits, checks.sizes, checks.trace, checks.gradients),
    *(checks.finite_differences, checks.adam, checks.dropout_masks, checks.mode_switch, checks.determinism),
    *(checks.batch_of_one, checks.float32, checks.refusals, *_TRAINING),
)


@dataclass(frozen=True)
class CheckResult:
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
    traceback : str
        Where a failure was raised, as Python prints it; empty for others.
    """

    name: str
    required: bool
    status: str
    message: str = ""
    traceback: str = ""

    @property
    def is_fault(self) -> bool:
        """Return whether the backend fails because of this: a failure, or a required check that did not run."""
        return self.status == "failed" or (self.status == "skipped" and self.required)


def list_checks() -> dict[str, tuple[Check, bool]]:
    """List the checks in the order in which they run, layer kinds before whole networks.

    Returns
    -------
    dict of str to tuple of (callable, bool)
        By name, the function, and whether a backend fails that skips it.
    """
    kinds = {
        layers.check_name(kind): (partial(layers.check_layer, kind), kind in layers.REQUIRED) for kind in LAYER_KINDS
    }
    before, after = (
        {each.__name__.replace("_", "-"): (each, each not in _TRAINING) for each in some}
        for some in (_BEFORE_LAYERS, _AFTER_LAYERS)
    )
    return {**before, **kinds, **after}


def check_names() -> tuple[str, ...]:
    """List the names of the checks.

    Returns
    -------
    tuple of str
        In the order in which they run.

    Examples
    --------
    >>> check_names()[:3]
    ('info', 'build', 'weights-round-trip')
    """
    return tuple(list_checks())


def check_backend(
    backend: str | tuple[BackendInfo, Backend],
    *,
    expected_failures: Mapping[str, str] | None = None,
    only: Collection[str] = (),
) -> Iterator[CheckResult]:
    """Run the checks on a backend, in this process.

    Parameters
    ----------
    backend : str or tuple of (BackendInfo, Backend)
        Name of an installed backend, or one that is not installed yet.
    expected_failures : mapping of str to str, optional
        Checks that are known to fail, each with its reason; one that passes all the same is a failure.
    only : collection of str
        Names of the checks to run; by default all.

    Returns
    -------
    iterator of CheckResult
        What each check found, as soon as it is known.

    Raises
    ------
    BackendError
        If the backend cannot be loaded.
    ConfigError
        If there is no check of a name, or an expected failure has no reason.

    Examples
    --------
    >>> for result in check_backend("numpy", only=("info", "logits")):
    ...     print(result.name, result.status)
    info passed
    logits passed
    """
    known = list_checks()
    expected = dict(expected_failures or {})
    for name in (*expected, *only):
        if name not in known:
            raise ConfigError(f"expected one of the checks {', '.join(known)}, received {name!r}")
    for name, reason in expected.items():
        if not reason.strip():
            raise ConfigError(f"{name}: expected a failure with a reason, received none")
    info, implementation = load_backend(backend) if isinstance(backend, str) else backend
    if not isinstance(implementation, CheckedBackend):
        implementation = CheckedBackend(info, implementation)
    under_test = BackendUnderTest(info, implementation, load_backend("numpy")[1])
    return (
        _expect(
            _run(name, check, required and not (info.predicts_only and name in _BEYOND_PREDICTION), under_test),
            expected.get(name),
        )
        for name, (check, required) in known.items()
        if not only or name in only
    )


def _run(name: str, check: Check, required: bool, under_test: BackendUnderTest) -> CheckResult:
    """Run one check."""
    try:
        check(under_test)
    except CheckSkipped as reason:
        return CheckResult(name, required, "skipped", str(reason))
    except Exception as error:  # a backend may raise anything; that too is a finding
        message = str(error) if isinstance(error, CheckFailure) else f"{type(error).__name__}: {error}"
        return CheckResult(name, required, "failed", message, traceback.format_exc())
    return CheckResult(name, required, "passed")


def _expect(result: CheckResult, reason: str | None) -> CheckResult:
    """Turn a failure that was announced into an expected one, and a pass that was not into a failure."""
    if reason is None or result.status == "skipped":
        return result
    if result.status == "passed":
        return replace(result, status="failed", message=f"expected a failure ({reason}), but it passed")
    return replace(result, status="expected", message=f"{reason}: {result.message}")


def summarize(results: Iterable[CheckResult], only: Collection[str] = ()) -> tuple[str, bool]:
    """Summarize a run of the kit.

    Parameters
    ----------
    results : iterable of CheckResult
        All results.
    only : collection of str
        Names of the checks that were to run; by default all.

    Returns
    -------
    str
        Such as ``26 ran: 26 passed, 0 failed, 2 skipped``.
    bool
        Whether the backend passed: nothing failed unexpectedly, and every required check ran.
    """
    results = list(results)
    count = {status: sum(each.status == status for each in results) for status in _STATUSES}
    ran = len(results) - count["skipped"]
    line = f"{ran} ran: {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped"
    line += f", {count['expected']} failed as expected" if count["expected"] else ""
    absent = set(only or check_names()) - {each.name for each in results}
    return line, not absent and not any(each.is_fault for each in results)
