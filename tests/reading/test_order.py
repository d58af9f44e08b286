"""The order in which the calls of a network run."""

from genrebench.reading.builder import Builder
from genrebench.reading.order import running_order
from tests.porting.source.models import call
from tests.reading.files import KERAS_3, functional, input_layer, node


def test_what_is_farthest_from_the_outputs_comes_first() -> None:
    """Not what is first in the file, nor what is ready first; of as far ones, what a search into depth finds first."""
    parents = {
        ("near", 0): [("a", 0)],
        ("far", 0): [("b", 0)],
        ("farther", 0): [("far", 0)],
        ("sum", 0): [("near", 0), ("farther", 0)],
        ("unused", 0): [("a", 0)],
    }
    found = running_order(parents, [("sum", 0)])
    assert found == [("b", 0), ("far", 0), ("a", 0), ("near", 0), ("farther", 0), ("sum", 0)]  # as Keras 3.15.1 says


def test_a_circle_ends() -> None:
    """A file may claim one; whoever walks finds out."""
    assert set(running_order({("a", 0): [("b", 0)], ("b", 0): [("a", 0)]}, [("a", 0)])) == {("a", 0), ("b", 0)}


def test_calls_of_a_shared_layer_run_as_in_keras() -> None:
    """In the order in which the sum reads them, though the second is ready first."""
    document = functional(
        input_layer("a", 3),
        input_layer("b", 3),
        node("Dense", "dense", ["b"], units=3),
        call("BatchNormalization", "norm", [("dense", 0, 0)], [("a", 0, 0)]),
        call("Add", "sum", [("norm", 0, 0), ("norm", 1, 0)]),
        inputs=["a", "b"],
        outputs=["sum"],
    )
    graph = Builder(KERAS_3).build(document)
    assert not graph.problems
    names = [name for name in graph.calls if name.startswith("norm")]
    assert [graph.calls[name].inputs[0].call for name in names] == ["dense", "a"]
