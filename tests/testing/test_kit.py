"""The kit: what it says of a backend, whatever the checks are."""

from dataclasses import replace
from typing import Any

import pytest

from genrebench.backend import BackendInfo
from genrebench.backend.registry import load_backend
from genrebench.errors import BackendError, ConfigError
from genrebench.network.reference import ReferenceNetwork
from genrebench.testing import CheckResult, check_backend, check_names, summarize
from genrebench.testing.kit import list_checks

LAZY = BackendInfo("lazy", "numpy", "builds nothing", ("cpu",), can_train=False, implementation="")


class Lazy:
    """A backend that builds nothing."""

    def build(self, *arguments: Any, **options: Any) -> Any:
        """Build nothing."""
        raise RuntimeError("nothing here")


def test_the_kit_goes_on_after_a_failure_and_says_what_was_found() -> None:
    """Every check runs; a failure keeps its message and its traceback, a pass has neither."""
    results = list(check_backend((LAZY, Lazy())))
    assert tuple(each.name for each in results) == check_names()
    assert (results[0].status, results[0].message, results[0].traceback) == ("passed", "", "")
    assert (results[1].status, results[1].message) == ("failed", "RuntimeError: nothing here")
    assert results[1].traceback.startswith("Traceback (most recent call last)")
    assert "in build" in results[1].traceback
    line, passed = summarize(results)
    assert not passed
    assert line == f"{len(results) - 2} ran: 1 passed, {len(results) - 3} failed, 2 skipped"


def test_checks_run_one_by_one() -> None:
    """Each result is there before the next check begins."""
    built: list[str] = []

    class Counting(Lazy):
        """A backend that counts."""

        def build(self, *arguments: Any, **options: Any) -> Any:
            """Count, and build nothing."""
            built.append("")
            return super().build()

    results = check_backend((LAZY, Counting()))
    assert next(results).name == "info"
    assert built == []
    assert next(results).name == "build"
    assert len(built) == 1


def test_a_backend_that_need_not_train_is_not_failed_for_it() -> None:
    """The reference skips the checks of training, with the reason, and conforms."""
    results = list(check_backend("numpy"))
    skipped = {each.name: each.message for each in results if each.status == "skipped"}
    assert skipped == dict.fromkeys(("training", "training-state"), "the backend does not train")
    ran = len(check_names()) - 2
    assert summarize(results) == (f"{ran} ran: {ran} passed, 0 failed, 2 skipped", True)


def test_a_backend_need_not_be_installed() -> None:
    """An author passes the two objects."""
    info = BackendInfo("mine", "numpy", "a copy", ("cpu",), can_train=False, implementation="")
    assert summarize(check_backend((info, load_backend("numpy")[1])))[1]


def test_some_checks_can_be_asked_for() -> None:
    """Only they run, in the kit's order, and only they are missed; a wrong name is refused with the right ones."""
    results = list(check_backend("numpy", only=["logits", "info"]))
    assert [each.name for each in results] == ["info", "logits"]
    assert summarize(results, only=["logits", "info"]) == ("2 ran: 2 passed, 0 failed, 0 skipped", True)
    assert not summarize(results)[1]
    assert not summarize(results[:1], only=["logits", "info"])[1]
    with pytest.raises(ConfigError, match=r"expected one of the checks info, build, .*, received 'logit'"):
        check_backend("numpy", only=["logit"])


def test_an_expected_failure_needs_a_reason_and_must_fail() -> None:
    """No reason is refused; a failure with a reason is no fault; a pass is one."""
    reasons = dict.fromkeys(set(check_names()) - {"info"}, "not written yet")
    results = list(check_backend((LAZY, Lazy()), expected_failures=reasons))
    assert {each.status for each in results[1:-2]} == {"expected"}
    assert "not written yet: RuntimeError: nothing here" in results[1].message
    line, passed = summarize(results)
    assert passed
    assert f"{len(results) - 3} failed as expected" in line
    unexpected = next(check_backend((LAZY, Lazy()), expected_failures={"info": "who knows"}))
    assert (unexpected.status, unexpected.is_fault) == ("failed", True)
    assert "expected a failure (who knows), but it passed" in unexpected.message
    with pytest.raises(ConfigError, match="logits: expected a failure with a reason"):
        check_backend((LAZY, Lazy()), expected_failures={"logits": " "})
    with pytest.raises(ConfigError, match="received 'no-such-check'"):
        check_backend((LAZY, Lazy()), expected_failures={"no-such-check": "reason"})


def test_a_required_check_that_did_not_run_is_a_fault() -> None:
    """Whether it was skipped or is absent."""
    passed = {name: CheckResult(name, required, "passed") for name, (_, required) in list_checks().items()}
    assert summarize(passed.values())[1]
    for name, result in passed.items():
        skipped = passed | {name: replace(result, status="skipped")}
        assert summarize(skipped.values())[1] is not result.required, name
        assert not summarize(each for each in passed.values() if each.name != name)[1]
    required = {name for name, result in passed.items() if not result.required}
    assert required == {"training", "training-state", "layer-activation", "layer-global-average-pooling2d"}


class Predicts(ReferenceNetwork):
    """A network that does nothing but predict."""

    def trace(self, x: Any, *, training: bool, dropout_masks: Any = None) -> Any:
        """Refuse a pass in training."""
        if training:
            raise BackendError("expected to predict")
        return super().trace(x, training=False, dropout_masks=dropout_masks)

    def loss_and_gradients(self, *arguments: Any, **options: Any) -> Any:
        """Refuse gradients, but only of what is right."""
        super().loss_and_gradients(*arguments, **options)
        raise BackendError("expected to predict")

    def adam_update(self, *arguments: Any) -> Any:
        """Refuse an update."""
        raise BackendError("expected to predict")


class Predicting:
    """A backend of such networks."""

    def build(self, architecture: Any, weights: Any, *, dtype: str, device: str) -> Any:
        """Build one, or refuse what the reference refuses."""
        load_backend("numpy")[1].build(architecture, weights, dtype=dtype, device=device)
        return Predicts(architecture, weights, dtype=dtype)


def test_a_backend_that_only_predicts_is_asked_for_no_more() -> None:
    """It conforms if it says so; the same networks fail for one that promises more."""
    info = replace(LAZY, predicts_only=True)
    results = list(check_backend((info, Predicting())))
    assert summarize(results)[1], [each for each in results if each.is_fault]
    skipped = {each.name for each in results if each.message == "the backend only predicts"}
    assert skipped == {"gradients", "finite-differences", "adam", "mode-switch"}
    failed = {each.name for each in check_backend((LAZY, Predicting())) if each.status == "failed"}
    assert failed >= skipped | {"trace", "names-shapes-dtypes", "determinism", "dropout-masks", "layer-dense"}
