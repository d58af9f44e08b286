"""The checks of the kit: each mistake of the library is seen, by the check that its name leads one to expect."""

import re
from dataclasses import replace

import pytest

from genrebench.backend.registry import load_backend
from genrebench.testing import check_backend
from genrebench.testing.kit import list_checks
from genrebench.testing.under_test import BackendUnderTest, CheckFailure

mistakes = pytest.importorskip("tests.mistakes")

# The check that fails first, and how its message begins.
SEEN = {
    "symmetric_padding": ("layer-max-pooling2d", r"MaxPooling2D\(.*\) after Conv2D, evaluation: "),
    "padding_with_zeros": (
        "layer-max-pooling2d",
        r"MaxPooling2D\(.*padding='same'\) after Conv2D, evaluation: layer: ",
    ),
    "no_average": ("layer-global-average-pooling2d", r"GlobalAveragePooling2D\(\) after Conv2D, evaluation: layer: "),
    "epsilon": ("layer-batch-normalization", r"BatchNormalization\(epsilon=0.3\) after Conv2D, evaluation: layer: "),
    "momentum": ("layer-batch-normalization", "BatchNormalization.* after Conv2D, training: layer/moving_mean: "),
    "unbiased_variance": ("layer-batch-normalization", ".* after Conv2D, training: layer/moving_variance: "),
    "unbiased_variance_of_vectors": (
        "layer-batch-normalization",
        r"BatchNormalization\(momentum=0.8\) after Dense, training: layer/moving_variance: ",
    ),
    "running_statistics_in_training": ("layer-batch-normalization", "BatchNormalization.* training: layer: "),
    "swapped_layers": ("build", "RuntimeError: The size of tensor"),
    "nchw_flatten": ("layer-activation", ".*, evaluation: flat: "),
    "transposed_flatten": ("layer-activation", ".*, evaluation: flat: "),
    "reshaped_kernels": ("layer-activation", ".*, evaluation: before: "),
    "flipped_kernels": ("layer-conv2d", r"Conv2D\(.*\) after Conv2D, evaluation: layer: "),
    "own_initial_weights": ("weights-round-trip", "conv2d/kernel: "),
    "bias_dropped": ("layer-activation", ".*, evaluation: before: "),
    "transposed_input": ("layer-activation", ".*, evaluation: "),
    "softmax_in_network": ("layer-activation", ".*, evaluation: after: "),
    "relu_after_normalization": ("layer-conv2d", r"Conv2D\(.*activation='relu'\) after Conv2D, evaluation: layer: "),
    "probabilities_for_logits": ("layer-activation", ".*, evaluation: logits: "),
    "softmax_before_loss": ("layer-activation", ".*, gradient: loss: "),
    "no_softmax": ("layer-activation", ".*, gradient: loss: "),
    "summed_loss": ("layer-activation", ".*, gradient: loss: "),
    "dropout_in_evaluation": ("layer-dropout", r"Dropout\(rate=0.4\) after Conv2D, evaluation: layer: "),
    "mask_ignored": ("layer-dropout", r"Dropout\(rate=0.4\) after Conv2D, training: layer: "),
    "masks_in_evaluation": ("dropout-masks", "dropout: "),
    "adam_epsilon": ("training", ".*: expected a relative error"),
    "adam_placement": ("adam", "conv2d/kernel: "),
    "adam_placement_in_training": ("training", ".*: expected a relative error"),
    "half_the_input_in_bfloat16": ("training", "train_step in bfloat16: expected the loss"),
    "certain_labels": ("training", "train_step on probabilities: expected the loss"),
    "one_precision": ("training", "TypeError: .*precision"),
    "neighbors_of_indices": ("training", ".*: expected a relative error"),
    "step_not_resumed": ("training-state", "conv2d/kernel in float32: expected the bits"),
    "moments_not_resumed": ("training-state", "conv2d/kernel in float32: expected the bits"),
    "random_stream_not_resumed": ("training-state", "conv2d/kernel in float32: expected the bits"),
    "single_precision": ("layer-activation", ".*, evaluation: before: "),
    "single_precision_dense": ("layer-activation", ".*, evaluation: after: "),
    "not_a_number": ("layer-activation", ".*, evaluation: before: "),
    "unexplained": ("layer-activation", ".*, evaluation: flat: "),
}
# What dropout draws and how Keras rounds betas is looked at by parity.
NOT_SEEN = {"nothing", "adam_float32", "never_dropping", "same_mask_every_step"}


def test_every_mistake_has_its_check() -> None:
    """The table and the library have the same mistakes."""
    assert SEEN.keys() | NOT_SEEN == mistakes.MISTAKES.keys()


@pytest.mark.parametrize("name", SEEN)
def test_a_mistake_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All checks before pass, and the one that fails names the layer or the tensor."""
    check, message = SEEN[name]
    mistakes.MISTAKES[name](monkeypatch)
    # Mistakes in training are in no other method.
    only = [check] if check.startswith("training") else ()
    first = next(each for each in check_backend("torch", only=only) if each.status == "failed")
    assert first.name == check, first
    assert re.match(message, first.message), first


def test_the_backend_without_mistakes_passes() -> None:
    """Otherwise the tests above would prove nothing."""
    assert not [each for each in check_backend("torch") if each.is_fault]


def test_unknown_precisions_are_seen() -> None:
    """A backend must train in float32, and in nothing that the kit does not know."""
    torch = BackendUnderTest(*load_backend("torch"), load_backend("numpy")[1])
    assert torch.info.precisions == ("float32", "bfloat16")
    check, _ = list_checks()["info"]
    for precisions in (("bfloat16",), ("float32", "float8")):
        other = replace(torch, info=replace(torch.info, precisions=precisions))
        with pytest.raises(CheckFailure, match=r"^info.precisions: expected float32, and others of float32, bfloat16"):
            check(other)
