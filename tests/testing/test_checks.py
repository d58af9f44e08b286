"""The conformance kit: what it says, and that it sees each mistake that a framework's defaults make."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from genrebench.testing.examples import CheckFailure, Subject, compare

from genrebench.backend.protocol import BackendInfo
from genrebench.backend.registry import load_backend
from genrebench.errors import ConfigError
from genrebench.network.numerics import relative_error
from genrebench.testing import Outcome, check_backend, check_names, tally
from genrebench.testing.checks import CHECKS

torch = pytest.importorskip("torch")
network = pytest.importorskip("genrebench_torch.network")
backend = pytest.importorskip("genrebench_torch.backend")
optimizer = pytest.importorskip("genrebench_torch.optimizer")
weights = pytest.importorskip("genrebench_torch.weights")
F = torch.nn.functional


def subject(name: str = "torch") -> Subject:
    """Take a backend to be checked."""
    return Subject(*load_backend(name), load_backend("numpy")[1])


def symmetric_padding(patch: pytest.MonkeyPatch) -> None:
    """Pad pooling on both sides alike, as PyTorch does."""

    def windows(self: Any, size: Any) -> Any:
        """Say that pooling pads both sides alike, the output in the right shape."""
        pool, same = self.layer.pool_size, self.layer.padding == "same"
        padding = tuple((each - 1) // 2 if same else 0 for each in pool)
        return network.PoolWindows(pool, self.layer.strides, padding, ceil_mode=same and pool == (2, 2))

    patch.setattr(network.MaxPool, "windows", windows)


def padding_with_zeros(patch: pytest.MonkeyPatch) -> None:
    """Pad pooling with zeros, which win over negative values."""
    pad = network._pad
    patch.setattr(network, "_pad", lambda x, layer, window, value: pad(x, layer, window, 0.0))


def masks_in_evaluation(patch: pytest.MonkeyPatch) -> None:
    """Apply masks whatever the mode."""
    patch.setattr(
        network.Dropout, "forward", lambda self, x: x if self.mask is None else x * (self.mask / (1 - self.p))
    )


def default_momentum(patch: pytest.MonkeyPatch) -> None:
    """Leave the momentum of batch normalization to PyTorch: 0.1 of the new."""
    kinds = {3: network.BatchNorm2d, 1: network.BatchNorm1d}
    build = lambda layer, shape: kinds[len(shape)](shape[-1], eps=layer.epsilon)  # noqa: E731
    patch.setitem(network._BUILDERS, "BatchNormalization", build)


def default_epsilon(patch: pytest.MonkeyPatch) -> None:
    """Leave the epsilon of batch normalization to PyTorch: 1e-5."""
    kinds = {3: network.BatchNorm2d, 1: network.BatchNorm1d}
    build = lambda layer, shape: kinds[len(shape)](shape[-1], momentum=1 - layer.momentum)  # noqa: E731
    patch.setitem(network._BUILDERS, "BatchNormalization", build)


def unbiased_variance(patch: pytest.MonkeyPatch) -> None:
    """Let the running variance follow the unbiased batch variance, as PyTorch does."""
    patch.setattr(network._BiasedRunningVariance, "forward", torch.nn.BatchNorm2d.forward)


def channels_first_flatten(patch: pytest.MonkeyPatch) -> None:
    """Flatten in PyTorch's order."""
    patch.setattr(network.ChannelsLastFlatten, "forward", lambda self, x: x.contiguous().flatten(1))


def reshaped_kernels(patch: pytest.MonkeyPatch) -> None:
    """Reshape kernels to PyTorch's layout and back instead of transposing them, so that the round trip holds."""

    def there(array: Any, axes: tuple[int, ...], like: Any) -> Any:
        """Reshape into PyTorch's layout."""
        return torch.from_numpy(array.reshape([array.shape[axis] for axis in axes]).copy()).to(like)

    def back(tensor: Any, axes: tuple[int, ...]) -> Any:
        """Reshape into the canonical layout."""
        shape = [tensor.shape[axis] for axis in np.argsort(axes)]
        return tensor.detach().contiguous().numpy().reshape(shape).copy()

    for module in (weights, backend):
        patch.setattr(module, "from_canonical", there)
        patch.setattr(module, "to_canonical", back)


def own_initial_weights(patch: pytest.MonkeyPatch) -> None:
    """Keep the weights that PyTorch drew."""
    patch.setattr(backend, "set_weights", lambda architecture, modules, weights: None)


def softmax_before_the_loss(patch: pytest.MonkeyPatch) -> None:
    """Give probabilities to a loss that wants logits."""
    loss = F.cross_entropy
    patch.setattr(F, "cross_entropy", lambda logits, targets: loss(logits.softmax(1), targets))


def probabilities_for_logits(patch: pytest.MonkeyPatch) -> None:
    """End the network in a softmax."""
    logits = backend.TorchNetwork.logits
    patch.setattr(backend.TorchNetwork, "logits", lambda self, x: torch.from_numpy(logits(self, x)).softmax(1).numpy())


def own_dropout(patch: pytest.MonkeyPatch) -> None:
    """Draw what is dropped instead of taking the mask."""
    patch.setattr(network.Dropout, "forward", torch.nn.Dropout.forward)


def dropout_in_evaluation(patch: pytest.MonkeyPatch) -> None:
    """Forget to switch to evaluation mode."""
    patch.setattr(torch.nn.Module, "eval", lambda self: self)


def default_adam(patch: pytest.MonkeyPatch) -> None:
    """Leave the place of epsilon to PyTorch's Adam."""
    patch.setattr(optimizer.KerasAdam, "step", torch.optim.Adam.step)


MISTAKES: list[tuple[Callable[[pytest.MonkeyPatch], None], str, str]] = [
    (symmetric_padding, "sizes", "max_pooling2d"),
    (padding_with_zeros, "logits", "logits"),
    (masks_in_evaluation, "dropout-masks", "dropout"),
    (default_momentum, "trace", "batch_normalization/moving_mean"),
    (default_epsilon, "logits", "logits"),
    (unbiased_variance, "trace", "batch_normalization/moving_variance"),
    (channels_first_flatten, "trace", "flatten"),
    (reshaped_kernels, "trace", "conv2d"),
    (own_initial_weights, "weights-round-trip", "conv2d/kernel"),
    (softmax_before_the_loss, "gradients", "loss"),
    (probabilities_for_logits, "logits", "logits"),
    (own_dropout, "dropout-masks", "dropout"),
    (dropout_in_evaluation, "logits", "logits"),
    (default_adam, "adam", "conv2d/kernel"),
]


@pytest.mark.parametrize(("plant", "check", "tensor"), MISTAKES, ids=[plant.__name__ for plant, _, _ in MISTAKES])
def test_a_framework_s_default_is_seen(
    plant: Callable[[pytest.MonkeyPatch], None], check: str, tensor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the default in place of Keras' semantic the check fails, and the first tensor that is off is named."""
    CHECKS[check](subject())
    plant(monkeypatch)
    with pytest.raises(CheckFailure, match=f"^{tensor}: "):
        CHECKS[check](subject())


def test_an_announced_precision_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that does not take the word, or does something else with it, fails; so does an unknown word."""
    torch_, start = subject(), backend.TorchNetwork.start_training
    assert torch_.info.precisions == ("float32", "bfloat16")
    CHECKS["training"](torch_)
    with monkeypatch.context() as patch:
        patch.setattr(backend.TorchNetwork, "start_training", lambda self, adam, *, seed: start(self, adam, seed=seed))
        with pytest.raises(TypeError, match="precision"):
            CHECKS["training"](torch_)
    with monkeypatch.context() as patch:
        step = backend.TorchNetwork.train_step
        half = lambda self, x, labels: step(self, x * (0.5 if self._autocasts else 1), labels)  # noqa: E731
        patch.setattr(backend.TorchNetwork, "train_step", half)
        with pytest.raises(CheckFailure, match=r"^train_step in bfloat16: expected the loss"):
            CHECKS["training"](torch_)
    for precisions in (("bfloat16",), ("float32", "float8")):
        other = replace(torch_, info=replace(torch_.info, precisions=precisions))
        with pytest.raises(CheckFailure, match=r"^info.precisions: expected float32, and others of float32, bfloat16"):
            CHECKS["info"](other)


def test_rows_of_kept_data_are_those_that_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that gathers others fails the check of training."""
    monkeypatch.setattr(backend, "_room", lambda device: 2**30)
    CHECKS["training"](subject())
    rows = backend.TorchNetwork.train_rows
    monkeypatch.setattr(backend.TorchNetwork, "train_rows", lambda self, chosen: rows(self, chosen + 1))
    with pytest.raises(CheckFailure, match="expected a relative error"):
        CHECKS["training"](subject())


def test_the_kit_goes_on_after_a_failure_and_says_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One mistake: some checks fail, others pass, all ran, and the backend does not conform."""
    channels_first_flatten(monkeypatch)
    outcomes = list(check_backend("torch"))
    status = {outcome.name: outcome.status for outcome in outcomes}
    assert tuple(status) == check_names()
    assert status["weights-round-trip"] == status["adam"] == "passed"
    assert status["logits"] == status["gradients"] == status["training"] == "failed"
    line, passed = tally(outcomes)
    assert not passed
    assert f"{len(CHECKS)} ran" in line


def test_a_backend_that_need_not_train_is_not_failed_for_it() -> None:
    """The referee skips the check of training, with the reason, and conforms."""
    outcomes = list(check_backend("numpy"))
    assert [outcome.message for outcome in outcomes if outcome.status == "skipped"] == ["the backend does not train"]
    assert tally(outcomes) == (f"{len(CHECKS) - 1} ran: {len(CHECKS) - 1} passed, 0 failed, 1 skipped", True)


def test_a_backend_need_not_be_installed() -> None:
    """An author passes the two objects."""
    info = BackendInfo("mine", "numpy", "a copy", ("cpu",), can_train=False, implementation="")
    assert tally(check_backend((info, load_backend("numpy")[1])))[1]


def test_an_expected_failure_needs_a_reason_and_must_fail() -> None:
    """No reason is refused; a failure with a reason is no fault; a pass is one."""

    class Lazy:
        """A backend that builds nothing."""

        def build(self, *arguments: Any, **options: Any) -> Any:
            """Build nothing."""
            raise RuntimeError("nothing here")

    info = BackendInfo("lazy", "numpy", "builds nothing", ("cpu",), can_train=False, implementation="")
    reasons = dict.fromkeys(set(CHECKS) - {"info"}, "not written yet")
    outcomes = list(check_backend((info, Lazy()), expected_failures=reasons))
    assert {outcome.status for outcome in outcomes[1:-1]} == {"expected"}
    assert "not written yet: RuntimeError: nothing here" in outcomes[1].message
    line, passed = tally(outcomes)
    assert passed
    assert f"{len(CHECKS) - 2} failed as expected" in line
    unexpected = list(check_backend((info, Lazy()), expected_failures={"info": "who knows"}))
    assert unexpected[0].status == "failed"
    assert "expected a failure (who knows), but it passed" in unexpected[0].message
    for wrong in ({"logits": " "}, {"no-such-check": "reason"}):
        with pytest.raises(ConfigError, match="with a reason"):
            list(check_backend((info, Lazy()), expected_failures=wrong))


def test_a_required_check_that_did_not_run_is_a_fault() -> None:
    """Whether it was skipped or is absent."""
    passed = [Outcome(name, name != "training", "passed") for name in CHECKS]
    assert tally(passed)[1]
    assert not tally(passed[1:])[1]
    assert not tally([Outcome("info", True, "skipped", "no time"), *passed[1:]])[1]
    assert tally([*passed[:-1], Outcome("training", False, "skipped", "no training")])[1]


def test_tensors_are_compared_by_their_norm_and_nan_is_never_equal() -> None:
    """A relative error of a large tensor, another shape, NaN, a missing and an unknown name."""
    ones = np.ones(10_000)
    assert relative_error(ones + 1e-3, ones) == pytest.approx(1e-3)
    assert relative_error(np.zeros(3), np.zeros(3)) == 0
    assert relative_error(ones * np.nan, ones) == relative_error(ones[:3], ones) == np.inf
    for values, message in (
        ({"a": ones * np.nan}, "a: expected a relative error"),
        ({"a": ones[:3]}, r"a: expected shape \(10000,\), received \(3,\)"),
        ({"b": ones}, r"missing \['a'\], unknown \['b'\]"),
    ):
        with pytest.raises(CheckFailure, match=message):
            compare(values, {"a": ones}, 1e-3)
