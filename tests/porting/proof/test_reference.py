"""The definitions' own answer."""

from genrebench.porting.proof.reference import tensors_of_outputs, weights_with_gradients
from genrebench.reading.builder import Builder
from tests.porting.source.models import masked_lstm, operation
from tests.reading.files import KERAS_3, functional, input_layer, node


def test_masks_that_are_handed_over_and_outputs_that_nobody_reads_are_left_out() -> None:
    """A mask is seen by what it does."""
    document = functional(
        input_layer("x", 4, 3),
        operation("NotEqual", "differs", "x", 0.0),
        operation("Any", "there", "differs", axis=-1, keepdims=False),
        masked_lstm("x", "there"),
        inputs=["x"],
        outputs=["lstm"],
    )
    graph = Builder(KERAS_3).build(document)
    assert not graph.problems
    assert tensors_of_outputs(graph) == {"x", "lstm"}


def test_no_gradient_goes_back_through_steps() -> None:
    """To what is before them."""
    document = functional(
        input_layer("x", 3),
        node("Dense", "before", ["x"], units=2),
        operation("Sign", "sign", "before"),
        node("Dense", "after", ["sign"], units=2),
        inputs=["x"],
        outputs=["after"],
    )
    assert weights_with_gradients(Builder(KERAS_3).build(document)) == {"after/kernel", "after/bias"}
