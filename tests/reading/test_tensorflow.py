"""TensorFlow's operations in files of TensorFlow 2.1 to 2.3."""

from typing import Any

import pytest

from genrebench.reading.builder import Builder
from genrebench.reading.graph import Graph, Tensor
from genrebench.reading.version import KerasVersion
from tests.reading.files import functional, input_layer

KERAS_2_4 = KerasVersion.read("2.4.0")
SHAPE = (4, 3)


def document(op: str, attributes: dict[str, Any], constants: dict[str, Any], count: int = 1) -> dict[str, Any]:
    """Write a model of one operation, as TensorFlow 2.3 did."""
    names = [f"x{number}" for number in range(count)]
    node = {"name": "Op", "op": op, "input": names, "attr": attributes}
    call = {
        "class_name": "TensorFlowOpLayer",
        "name": "tf_op_layer_Op",
        "config": {"name": "Op", "trainable": True, "dtype": "float32", "node_def": node, "constants": constants},
        "inbound_nodes": [[[name, 0, 0, {}] for name in names]],
    }
    inputs = [input_layer(name, *SHAPE) for name in names]
    return functional(*inputs, call, inputs=names, outputs=["tf_op_layer_Op"])


def kinds_of(graph: Graph) -> list[tuple[str, dict[str, Any]]]:
    """List the kinds behind the inputs."""
    assert not graph.problems, graph.problems
    found = [call.layer.kind for call in graph.calls.values() if call.layer.class_name != "InputLayer"]
    return [(kind.name, kind.settings()) for kind in found if kind]


def masks(**bits: int) -> dict[str, Any]:
    """Write the masks of a slice."""
    names = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    return {name: {"i": str(bits.get(name.removesuffix("_mask"), 0))} for name in names}


CASES: list[tuple[dict[str, Any], list[str], tuple[int, ...]]] = [
    (document("Mul", {"T": {"type": "DT_FLOAT"}}, {"1": 2.0}), ["Arithmetic"], SHAPE),
    (document("RealDiv", {}, {}, 2), ["Divide"], SHAPE),
    (document("Abs", {}, {}), ["Activation"], SHAPE),
    (document("LeakyRelu", {"alpha": {"f": 0.3}}, {}), ["Activation"], SHAPE),
    (document("Mean", {"keep_dims": {"b": True}}, {"1": [1]}), ["GlobalAveragePooling1D"], (1, 3)),
    (document("Sum", {"keep_dims": {"b": False}}, {"1": -1}), ["Reduce"], (4,)),
    (document("Reshape", {}, {"1": [-1, 6, 2]}), ["Reshape"], (6, 2)),
    (document("Transpose", {}, {"1": [0, 2, 1]}), ["Permute"], (3, 4)),
    (document("ExpandDims", {}, {"1": 1}), ["Reshape"], (1, 4, 3)),
    (document("ConcatV2", {"N": {"i": "2"}}, {"2": -1}, 2), ["Concatenate"], (4, 6)),
    (document("Pack", {"axis": {"i": "1"}}, {}, 2), ["Reshape", "Reshape", "Concatenate"], (2, 4, 3)),
    (document("Split", {"num_split": {"i": "2"}}, {"0": 1}), ["Slice", "Slice"], (2, 3)),
    (document("BatchMatMulV2", {"adj_x": {"b": False}, "adj_y": {"b": True}}, {}, 2), ["Dot"], (4, 4)),
    (document("BiasAdd", {"data_format": {"s": "TkhXQw=="}}, {"1": [1.0, 2.0, 3.0]}), ["Rescaling"], SHAPE),
    (document("Pad", {}, {"1": [[0, 0], [1, 2], [0, 0]]}), ["ZeroPadding1D"], (7, 3)),
    (document("Cast", {"DstT": {"type": "DT_FLOAT"}}, {}), ["Cast"], SHAPE),
    (document("StridedSlice", masks(begin=3, end=3, new_axis=4), {"1": [0] * 3, "2": [0] * 3, "3": [1] * 3}),
     ["Slice", "Reshape"], (4, 1, 3)),
    (document("StridedSlice", masks(ellipsis=1, shrink_axis=2), {"1": [0, 0], "2": [0, 1], "3": [1, 1]}), ["Slice"],
     (4,)),
    (document("StridedSlice", masks(begin=5, end=7), {"1": [0, 1, 0], "2": [0] * 3, "3": [1, 1, -1]}), ["Slice"],
     (3, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("case", "kinds", "shape"), CASES, ids=lambda case: str(case)[:30])
def test_operations_come_to_kinds(case: dict[str, Any], kinds: list[str], shape: tuple[int, ...]) -> None:
    """Constants stand in their places among the tensors, settings in attributes."""
    graph = Builder(KERAS_2_4).build(case)
    assert [name for name, _ in kinds_of(graph)] == kinds
    assert graph.shape(graph.outputs[0]) == shape


def test_a_constant_may_come_first() -> None:
    """As in ``1 - x``."""
    ((_, settings),) = kinds_of(Builder(KERAS_2_4).build(document("Sub", {}, {"0": 1.0})))
    assert settings == {"operator": "subtract", "number": 1.0, "reverse": True}
    graph = Builder(KERAS_2_4).build(document("Sub", {}, {"0": 1.0}))
    assert graph.outputs == [Tensor("tf_op_layer_Op")]


REFUSED = {
    "an unknown one": (document("ReadFile", {}, {}), "'ReadFile'"),
    "a binary one": ({**document("Mul", {}, {})}, "not text"),
    "a place beyond": (document("Mul", {}, {"7": 1.0}), "places of constants"),
    "a place that is none": (document("Mul", {}, {"one": 1.0}), "places of constants"),
    "a tensor as an axis": (document("Sum", {}, {}, 2), "constants as its settings"),
    "no base64": (document("BiasAdd", {"data_format": {"s": "?"}}, {"1": [1.0] * 3}), "text in base64"),
    "no attribute": (document("LeakyRelu", {"alpha": 3}, {}), "expected an attribute"),
    "no slice": (document("StridedSlice", masks(), {"1": [0], "2": [0, 1], "3": [1]}), "as many beginnings"),
    "another dtype": (document("Cast", {"DstT": {"type": "DT_INT32"}}, {}), "cast to floating point"),
}
REFUSED["a binary one"][0]["config"]["layers"][-1]["config"]["node_def"] = "\n\x03Mul"


@pytest.mark.parametrize(("case", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_understood_is_refused_in_a_line(case: dict[str, Any], message: str) -> None:
    """With what was expected."""
    (problem,) = Builder(KERAS_2_4).build(case).problems
    assert message in str(problem)
    assert "\n" not in str(problem)
