"""Functions of tensors in Keras 2 and 3: what each comes to, and how what is not understood is refused."""

from typing import Any

import pytest

from genrebench.reading.builder import Builder
from genrebench.reading.graph import Graph, Tensor
from tests.reading.files import KERAS_2, KERAS_3, functional, input_layer, node

SLICE = {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}
Case = tuple[str, dict[str, Any], tuple[int | None, ...], list[tuple[str, dict[str, Any]]], tuple[int | None, ...]]


def document_2(function: Any, named: dict[str, Any], *shapes: tuple[int | None, ...]) -> dict[str, Any]:
    """Write a function as TensorFlow's Keras did; inputs are x0, x1 and so on."""
    name = "SlicingOpLambda" if str(function).endswith("getitem") else "TFOpLambda"
    names = [f"x{number}" for number in range(len(shapes))]
    inputs = [input_layer(name, *shape) for name, shape in zip(names, shapes, strict=True)]
    call = node(name, "op", [[each, 0, 0, named] for each in names], function=function, dtype="float32")
    return functional(*inputs, call, inputs=names, outputs=["op"])


def document_3(name: str, config: dict[str, Any], args: list[Any], *shapes: tuple[int | None, ...]) -> dict[str, Any]:
    """Write an operation as Keras 3 does; a string among its arguments is an input."""

    def written(value: Any) -> Any:
        """Write an argument."""
        if isinstance(value, list):
            return [written(each) for each in value]
        if isinstance(value, str):
            return {"class_name": "__keras_tensor__", "config": {"keras_history": [value, 0, 0]}}
        return value

    names = [f"x{number}" for number in range(len(shapes))]
    inputs = [input_layer(name, *shape) for name, shape in zip(names, shapes, strict=True)]
    call: dict[str, Any] = {"class_name": name, "config": {"name": "op", **config}, "name": "op"}
    call["module"], call["inbound_nodes"] = (
        "keras.src.ops.numpy",
        [{"args": [written(each) for each in args], "kwargs": {}}],
    )
    return functional(*inputs, call, inputs=names, outputs=["op"])


def found(graph: Graph) -> list[tuple[str, dict[str, Any]]]:
    """List the kinds behind the inputs, with what is set of them."""
    assert graph.problems == []
    kinds = [call.layer.kind for call in graph.calls.values() if call.layer.class_name != "InputLayer"]
    return [(kind.name, kind.settings()) for kind in kinds if kind]


# Function, what it is called with, shape of the input, kinds with some of their settings, shape of the output.
FUNCTIONS: list[Case] = [
    ("math.multiply", {"y": 2.0}, (3,), [("Arithmetic", {"operator": "multiply", "number": 2.0})], (3,)),
    ("__operators__.add", {"y": [1.0, 2.0, 3.0]}, (4, 3), [("Rescaling", {"scale": 1.0, "offset": [1.0, 2.0, 3.0]})],
     (4, 3)),
    ("math.subtract", {"y": [1.0, 2.0]}, (2,), [("Rescaling", {"scale": 1.0, "offset": [-1.0, -2.0]})], (2,)),
    ("math.multiply", {"y": [[1.0, 2.0]]}, (2,), [("Rescaling", {"scale": [1.0, 2.0], "offset": 0.0})], (2,)),
    ("math.truediv", {"y": [2.0, 4.0]}, (2,), [("Rescaling", {"scale": [0.5, 0.25]})], (2,)),
    ("nn.bias_add", {"bias": [1.0, 2.0], "data_format": "NHWC"}, (2,), [("Rescaling", {"offset": [1.0, 2.0]})], (2,)),
    ("math.pow", {"y": 3}, (3,), [("Arithmetic", {"operator": "power", "number": 3.0})], (3,)),
    ("math.maximum", {"y": 0.0}, (3,), [("Arithmetic", {"operator": "maximum", "number": 0.0})], (3,)),
    ("math.negative", {}, (3,), [("Arithmetic", {"operator": "multiply", "number": -1.0})], (3,)),
    ("clip_by_value", {"clip_value_min": 0, "clip_value_max": 1.5}, (3,),
     [("Arithmetic", {"operator": "maximum", "number": 0.0}), ("Arithmetic", {"operator": "minimum", "number": 1.5})],
     (3,)),
    ("cast", {"dtype": "float32"}, (3,), [("Cast", {})], (3,)),
    ("compat.v1.pad", {"paddings": [[0, 0], [1, 0], [0, 2], [0, 0]]}, (4, 5, 3),
     [("ZeroPadding2D", {"padding": [[1, 0], [0, 2]]})], (5, 7, 3)),
    ("compat.v1.pad", {"paddings": [[0, 0], [1, 2], [0, 0]], "mode": "REFLECT"}, (None, 3),
     [("Pad", {"widths": [[1, 2], [0, 0]], "mode": "reflect", "number": 0.0})], (None, 3)),
    ("compat.v1.pad", {"paddings": [[0, 0], [1, 0]], "mode": "CONSTANT", "constant_values": 2}, (3,),
     [("Pad", {"widths": [[1, 0]], "mode": "constant", "number": 2.0})], (4,)),
    ("image.resize", {"size": [6, 8], "method": "bilinear"}, (4, 5, 3), [("Resizing", {"height": 6, "width": 8})],
     (6, 8, 3)),
    ("linalg.matmul", {"b": [[1.0, 2.0], [0.5, 3.0]], "transpose_b": True}, (4, 2),
     [("Product", {"matrix": [[1.0, 0.5], [2.0, 3.0]], "reverse": False})], (4, 2)),
    ("math.greater", {"y": 0.5}, (3,), [("Compare", {"operator": "greater", "number": 0.5})], (3,)),
    ("math.reduce_variance", {"axis": -1}, (4, 3), [("Reduce", {"function": "var", "axis": [2]})], (4,)),
    ("compat.v1.gather", {"indices": [0, 2], "axis": 1, "batch_dims": 0, "validate_indices": None}, (4, 3),
     [("Take", {"indices": [0, 2], "axis": 1})], (2, 3)),
    ("tile", {"multiples": [1, 3, 1]}, (1, 3), [("Tile", {"repeats": [3, 1]})], (3, 3)),
    ("repeat", {"repeats": 3, "axis": -1}, (4, 2), [("Repeat", {"repeats": 3, "axis": 2})], (4, 6)),
    ("math.cumsum", {"axis": 1, "exclusive": False, "reverse": False}, (4, 2), [("CumulativeSum", {"axis": 1})],
     (4, 2)),
    ("math.argmax", {"axis": -1}, (4, 2), [("Extreme", {"function": "argmax", "axis": 2})], (4,)),
    ("compat.v1.norm", {"ord": "euclidean", "axis": -1, "keepdims": True}, (3,),
     [("Activation", {}), ("Reduce", {"function": "sum", "axis": [1]}), ("Activation", {})], (1,)),
    ("nn.max_pool2d", {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "SAME", "data_format": None},
     (5, 4, 3), [("MaxPooling2D", {"pool_size": [2, 2], "strides": [2, 2], "padding": "same"})], (3, 2, 3)),
    ("nn.avg_pool2d", {"ksize": 2, "strides": [2, 1], "padding": "VALID"}, (5, 4, 3),
     [("AveragePooling2D", {"pool_size": [2, 2], "strides": [2, 1], "padding": "valid"})], (2, 3, 3)),
    ("math.abs", {}, (3,), [("Activation", {"activation": "abs"})], (3,)),
    ("nn.relu", {"name": None}, (3,), [("Activation", {"activation": "relu"})], (3,)),
    ("nn.leaky_relu", {}, (3,), [("Activation", {"activation": {"name": "leaky_relu", "negative_slope": 0.2}})], (3,)),
    ("nn.softmax", {"axis": -1}, (4, 3), [("Activation", {"activation": "softmax"})], (4, 3)),
    ("nn.softmax", {"axis": 1}, (4, 3), [("Softmax", {"axis": [1]})], (4, 3)),
    ("math.reduce_mean", {"axis": [1, 2]}, (4, 5, 3), [("GlobalAveragePooling2D", {"keepdims": False})], (3,)),
    ("math.reduce_max", {"axis": 1, "keepdims": True}, (4, 3), [("GlobalMaxPooling1D", {"keepdims": True})], (1, 3)),
    ("math.reduce_sum", {"axis": 1}, (4, 3), [("Reduce", {"function": "sum", "axis": [1]})], (3,)),
    ("math.reduce_mean", {"axis": -1}, (4, 3), [("Reduce", {"function": "mean", "axis": [2]})], (4,)),
    ("reshape", {"shape": [-1, 6, 2]}, (4, 3), [("Reshape", {"target_shape": [6, 2]})], (6, 2)),
    ("reshape", {"shape": [-1, 3, 2]}, (6,), [("Reshape", {"target_shape": [3, 2]})], (3, 2)),
    ("compat.v1.transpose", {"perm": [0, 2, 1], "conjugate": False}, (4, 3), [("Permute", {"dims": [2, 1]})], (3, 4)),
    ("expand_dims", {"axis": -1}, (None, 3), [("Reshape", {"target_shape": [-1, 3, 1]})], (None, 3, 1)),
    ("compat.v1.squeeze", {"axis": [1]}, (1, 3), [("Reshape", {"target_shape": [3]})], (3,)),
    ("math.l2_normalize", {"axis": -1}, (3,), [("UnitNormalization", {"axis": [1]})], (3,)),
    ("__operators__.getitem", {"slice_spec": [{"start": None, "stop": None, "step": None}, -1]}, (None, 3),
     [("Slice", {"parts": [-1, [None, None, None]]})], (3,)),
    ("__operators__.getitem", {"slice_spec": [{"class_name": "__ellipsis__"}, {"start": None, "stop": None,
     "step": -1}]}, (4, 3), [("Slice", {"parts": [[None, None, None], [None, None, -1]]})], (4, 3)),
    ("__operators__.getitem", {"slice_spec": [{"start": None, "stop": None, "step": None}, None,
     {"start": 1, "stop": None, "step": None}]}, (4, 3),
     [("Slice", {"parts": [[1, None, None], [None, None, None]]}), ("Reshape", {"target_shape": [1, 3, 3]})],
     (1, 3, 3)),
]  # fmt: skip


@pytest.mark.parametrize("case", FUNCTIONS, ids=lambda case: f"{case[0]}-{case[1]}"[:50])
def test_functions_of_tensorflow_come_to_kinds(case: Case) -> None:
    """Each with its settings; the last step bears the layer's name."""
    function, named, shape, kinds, output = case
    graph = Builder(KERAS_2).build(document_2(function, named, shape))
    listed = found(graph)
    assert [name for name, _ in listed] == [name for name, _ in kinds]
    for (_, settings), (_, expected) in zip(listed, kinds, strict=True):
        assert {key: _listed(settings[key]) for key in expected} == expected
    assert graph.outputs == [Tensor("op")]
    assert graph.shape(Tensor("op")) == output


def _listed(value: Any) -> Any:
    """Turn tuples into lists."""
    return [_listed(each) for each in value] if isinstance(value, tuple | list) else value


def test_functions_of_two_tensors_are_merging_layers() -> None:
    """Of as many axes; matrices are multiplied sample by sample."""
    for function, kind in (("math.add", "Add"), ("math.truediv", "Divide"), ("math.minimum", "Minimum")):
        document = document_2(function, {"y": ["x1", 0, 0]}, (4, 3), (4, 3))
        document["config"]["layers"][2]["inbound_nodes"] = [[["x0", 0, 0, {"y": ["x1", 0, 0], "name": None}]]]
        ((name, _),) = found(Builder(KERAS_2).build(document))
        assert name == kind
    document = document_2("linalg.matmul", {}, (4, 3), (5, 3))
    document["config"]["layers"][2]["inbound_nodes"] = [[["x0", 0, 0, {"b": ["x1", 0, 0], "transpose_b": True}]]]
    graph = Builder(KERAS_2).build(document)
    assert found(graph) == [("Dot", {"axes": [2, 2], "normalize": False})]
    assert graph.shape(Tensor("op")) == (4, 5)
    document = document_2("math.squared_difference", {}, (4, 3), (4, 1))
    document["config"]["layers"][2]["inbound_nodes"] = [[["x0", 0, 0, {"y": ["x1", 0, 0]}]]]
    assert [name for name, _ in found(Builder(KERAS_2).build(document))] == ["Subtract", "Activation"]
    graph = Builder(KERAS_2).build(document_2("concat", {"axis": 1}, (4, 3), (5, 3)))
    assert found(graph) == [("Concatenate", {"mask_rule": "any", "axis": 1})]
    graph = Builder(KERAS_2).build(document_2("stack", {"axis": -1}, (4, 3), (4, 3)))
    assert [name for name, _ in found(graph)] == ["Reshape", "Reshape", "Concatenate"]
    assert graph.shape(Tensor("op")) == (4, 3, 2)


def test_a_constant_comes_first_where_it_stands_first() -> None:
    """As in ``1 - x``."""
    document = document_2("math.subtract", {}, (3,))
    document["config"]["layers"][1]["inbound_nodes"] = [[["_CONSTANT_VALUE", -1, 2.0, {"y": ["x0", 0, 0]}]]]
    ((_, settings),) = found(Builder(KERAS_2).build(document))
    assert settings == {"operator": "subtract", "number": 2.0, "reverse": True}


def test_lengths_that_a_document_computes_are_those_of_a_reshaping() -> None:
    """As in ``tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[2], -1])``, which the batch and unknown axes leave open."""
    inputs = ["x0", 0, 0]
    parts = [node(name, each, [before], function=function, dtype="float32") for name, each, before, function in (
        ("TFOpLambda", "shape", "x0", "compat.v1.shape"),
        ("SlicingOpLambda", "batch", "shape", "__operators__.getitem"),
        ("SlicingOpLambda", "last", "shape", "__operators__.getitem"),
        ("TFOpLambda", "twice", "last", "math.multiply"),
        ("TFOpLambda", "op", "x0", "reshape"),
    )]  # fmt: skip
    parts[0]["inbound_nodes"] = [[[*inputs, {"out_type": "int32", "name": None}]]]
    parts[1]["inbound_nodes"] = [["shape", 0, 0, {"slice_spec": 0}]]
    parts[2]["inbound_nodes"] = [["shape", 0, 0, {"slice_spec": [-1]}]]
    parts[3]["inbound_nodes"] = [["last", 0, 0, {"y": 2}]]
    parts[4]["inbound_nodes"] = [[[*inputs, {"shape": [["batch", 0, 0], -1, ["twice", 0, 0]]}]]]
    graph = Builder(KERAS_2).build(functional(input_layer("x0", 4, 3), *parts, inputs=["x0"], outputs=["op"]))
    assert found(graph) == [("Reshape", {"target_shape": [-1, 6]})]
    assert graph.shape(Tensor("op")) == (2, 6)
    parts[4]["inbound_nodes"] = [[[*inputs, {"shape": [["last", 0, 0], -1]}]]]
    graph = Builder(KERAS_2).build(functional(input_layer("x0", 4, 3), *parts, inputs=["x0"], outputs=["op"]))
    assert "keeps the batch" in graph.problems[0].reason
    graph = Builder(KERAS_2).build(functional(input_layer("x0", 4, 3), *parts, inputs=["x0"], outputs=["shape"]))
    assert "lengths of some" in graph.problems[-1].reason


def test_what_keras_2_leaves_out_of_einsum_is_said() -> None:
    """Of several things that a function is called with it writes down the first, which here is no tensor."""
    document = document_2("einsum", {}, (4, 3))
    document["config"]["layers"][1]["inbound_nodes"] = [[["_CONSTANT_VALUE", -1, "bij,bkj->bik", {}]]]
    (problem, *_) = Builder(KERAS_2).build(document).problems
    assert "which Keras 2 does not write down" in problem.reason


def test_a_split_has_several_outputs() -> None:
    """Each is a slice; the next layer reads the one that it names."""
    document = document_2("split", {"num_or_size_splits": 2, "axis": -1}, (4, 6))
    document["config"]["output_layers"] = [["op", 0, 1]]
    graph = Builder(KERAS_2).build(document)
    assert graph.outputs == [Tensor("op/slice_2")]
    assert graph.layers["op/slice_2"].kind.settings()["parts"][1] == [3, 6, None]  # type: ignore[union-attr]
    assert graph.shape(graph.outputs[0]) == (4, 3)


def array(value: Any) -> dict[str, Any]:
    """Write an array among the arguments of Keras 3."""
    return {"class_name": "__tensor__", "config": {"value": value, "dtype": "int32"}}


OPERATIONS: list[tuple[str, dict[str, Any], list[Any], tuple[int, ...], list[str], tuple[int, ...]]] = [
    ("GetItem", {}, ["x0", [SLICE, {"class_name": "__slice__", "config": {"start": 1, "stop": 3, "step": None}}]],
     (5, 4), ["Slice"], (2, 4)),
    ("GetItem", {}, ["x0", [{"class_name": "__ellipsis__", "config": {}}, None]], (5, 4), ["Slice", "Reshape"],
     (5, 4, 1)),
    ("Reshape", {"newshape": [-1, 2, 10]}, ["x0"], (5, 4), ["Reshape"], (2, 10)),
    ("Clip", {"x_min": 0, "x_max": 1.0}, ["x0"], (5,), ["Arithmetic", "Arithmetic"], (5,)),
    ("Add", {}, ["x0", {"class_name": "__numpy__", "config": {"value": [1.0, 2.0], "dtype": "float32"}}], (5, 2),
     ["Rescaling"], (5, 2)),
    ("Transpose", {"axes": [0, 2, 1]}, ["x0"], (5, 4), ["Permute"], (4, 5)),
    ("Swapaxes", {"axis1": 1, "axis2": -1}, ["x0"], (5, 4, 3), ["Permute"], (3, 4, 5)),
    ("Flip", {"axis": 1}, ["x0"], (5, 4), ["Slice"], (5, 4)),
    ("Max", {"axis": -1, "keepdims": True, "initial": None}, ["x0"], (5, 4), ["Reduce"], (5, 1)),
    ("Split", {"indices_or_sections": 2, "axis": 1}, ["x0"], (4, 2), ["Slice", "Slice"], (2, 2)),
    ("Gelu", {"approximate": False}, ["x0"], (5,), ["Activation"], (5,)),
    ("Power", {}, ["x0", 2], (5,), ["Arithmetic"], (5,)),
    ("Power", {}, [2, "x0"], (5,), ["Arithmetic"], (5,)),
    ("Gelu", {"approximate": True}, ["x0"], (5,), ["Activation"], (5,)),
    ("Add", {}, ["x0", {"class_name": "__numpy__", "config": {"value": [[1.0], [2.0]]}}], (2, 3), ["ArrayArithmetic"],
     (2, 3)),
    ("Subtract", {}, [{"class_name": "__numpy__", "config": {"value": [[1.0, 2.0]]}}, "x0"], (3, 1),
     ["ArrayArithmetic"], (3, 2)),
    ("Matmul", {}, ["x0", {"class_name": "__numpy__", "config": {"value": [[1.0], [2.0], [0.5]]}}], (4, 3),
     ["Product"], (4, 1)),
    ("Matmul", {}, [{"class_name": "__numpy__", "config": {"value": [[1.0, 2.0, 0.5]]}}, "x0"], (3, 4),
     ["Product"], (1, 4)),
    ("Greater", {}, ["x0", 0.5], (5,), ["Compare"], (5,)),
    ("LogicalNot", {}, ["x0"], (5,), ["Logical"], (5,)),
    ("LogicalOr", {}, ["x0", "x0"], (5,), ["Logical"], (5,)),
    ("Where", {}, ["x0", "x0", 0.1], (5,), ["Where"], (5,)),
    ("ZerosLike", {}, ["x0"], (5,), ["Fill"], (5,)),
    ("FullLike", {}, ["x0", 3.0], (5,), ["Fill"], (5,)),
    ("ConvertToTensor", {"dtype": "float32", "sparse": None}, ["x0"], (5,), ["Identity"], (5,)),
    ("StopGradient", {}, ["x0"], (5,), ["StopGradient"], (5,)),
    ("Cast", {"dtype": "float32"}, ["x0"], (5,), ["Cast"], (5,)),
    ("Var", {"axis": -1, "keepdims": True}, ["x0"], (5, 4), ["Reduce"], (5, 1)),
    ("Std", {"axis": [1]}, ["x0"], (5, 4), ["Reduce"], (4,)),
    ("Logsumexp", {"axis": -1}, ["x0"], (5, 4), ["Reduce"], (5,)),
    ("LogSoftmax", {"axis": 1}, ["x0"], (5, 4), ["Softmax", "Activation"], (5, 4)),
    ("Moveaxis", {"source": [1], "destination": [-1]}, ["x0"], (5, 4, 3), ["Permute"], (4, 3, 5)),
    ("Pad", {"pad_width": [[0, 0], [1, 2], [0, 0]]}, ["x0"], (5, 4), ["ZeroPadding1D"], (8, 4)),
    ("Pad", {"pad_width": [[0, 0], [1, 2], [0, 3]], "mode": "symmetric"}, ["x0"], (5, 4), ["Pad"], (8, 7)),
    ("Pad", {"pad_width": [[0, 0], [0, 0], [1, 0]]}, ["x0"], (5, 4), ["Pad"], (5, 5)),
    ("Unstack", {"num": None, "axis": 1}, ["x0"], (2, 4), ["Slice", "Slice"], (4,)),
    ("Split", {"indices_or_sections": [1, 3], "axis": -1}, ["x0"], (4,), ["Slice"] * 3, (1,)),
    ("Resize", {"size": [4, 6], "interpolation": "nearest", "antialias": False}, ["x0"], (5, 4, 3), ["Resizing"],
     (4, 6, 3)),
    ("DepthToSpace", {"block_size": 2}, ["x0"], (4, 5, 8), ["Reshape", "Permute", "Reshape"], (8, 10, 2)),
    ("Erf", {}, ["x0"], (5,), ["Activation"], (5,)),
    ("Take", {"axis": 1}, ["x0", array([3, -1, 3])], (4, 5), ["Take"], (3, 5)),
    ("Take", {"axis": -1}, ["x0", 2], (4, 5), ["Slice"], (4,)),
    ("Tile", {"repeats": [1, 2, 3]}, ["x0"], (4, 5), ["Tile"], (8, 15)),
    ("Repeat", {"repeats": 3, "axis": 1}, ["x0"], (4, 5), ["Repeat"], (12, 5)),
    ("Cumsum", {"axis": 1, "dtype": None}, ["x0"], (4, 5), ["CumulativeSum"], (4, 5)),
    ("Argmax", {"axis": -1, "keepdims": False}, ["x0"], (4, 5), ["Extreme"], (4,)),
    ("Argmin", {"axis": 1, "keepdims": True}, ["x0"], (4, 5), ["Extreme"], (1, 5)),
    ("OneHot", {"num_classes": 4, "axis": -1, "dtype": None, "sparse": False}, ["x0"], (3,), ["OneHot"], (3, 4)),
    ("Einsum", {"subscripts": "bij,bkj->bik"}, ["x0", "x0"], (4, 5), ["Einsum"], (4, 4)),
    ("Einsum", {"subscripts": "b...j, b...j->b..."}, ["x0", "x0"], (3, 4, 5), ["Einsum"], (3, 4)),
    ("Einsum", {"subscripts": "bij,bkm->bj"}, ["x0", "x0"], (4, 5), ["Einsum"], (5,)),
    ("Matmul", {}, ["x0", "x0"], (2, 4, 4), ["Einsum"], (2, 4, 4)),
    ("Roll", {"shift": 2, "axis": 1}, ["x0"], (5, 4), ["Slice", "Slice", "Concatenate"], (5, 4)),
    ("Norm", {"ord": None, "axis": [-1], "keepdims": True}, ["x0"], (5, 4), ["Activation", "Reduce", "Activation"],
     (5, 1)),
    ("Prod", {"axis": [1], "keepdims": False, "dtype": None}, ["x0"], (5, 4), ["Reduce"], (4,)),
    ("Moments", {"axes": [1], "keepdims": False, "synchronized": False}, ["x0"], (4, 2), ["Reduce", "Reduce"], (2,)),
    ("Log10", {}, ["x0"], (5,), ["Activation", "Arithmetic"], (5,)),
    ("Sign", {}, ["x0"], (5,), ["Activation"], (5,)),
    ("Round", {"decimals": 0}, ["x0"], (5,), ["Activation"], (5,)),
    ("Squeeze", {"axis": 1}, ["x0"], (1,), ["Slice"], ()),
    ("MaxPool", {"pool_size": [2, 2], "strides": 2, "padding": "same", "data_format": "channels_last"}, ["x0"],
     (5, 4, 3), ["MaxPooling2D"], (3, 2, 3)),
    ("AveragePool", {"pool_size": 3, "strides": 2, "padding": "valid", "data_format": "channels_last"}, ["x0"],
     (7, 3), ["AveragePooling1D"], (3, 3)),
    ("Concatenate", {"axis": -1}, [["x0", "x0"]], (5, 4), ["Concatenate"], (5, 8)),
    ("Normalize", {"axis": -1, "order": 2, "epsilon": None}, ["x0"], (5,), ["UnitNormalization"], (5,)),
]  # fmt: skip


@pytest.mark.parametrize("case", OPERATIONS, ids=lambda case: f"{case[0]}-{case[1]}")
def test_operations_of_keras_3_come_to_kinds(case: Any) -> None:
    """Operands are arguments, settings are in the config."""
    name, config, args, shape, kinds, output = case
    graph = Builder(KERAS_3).build(document_3(name, config, args, shape))
    assert [each for each, _ in found(graph)] == kinds
    assert graph.shape(graph.outputs[0]) == output


def test_steps_of_one_operation_are_known_as_such() -> None:
    """But for the last one, which is what the file calls by that name."""
    graph = Builder(KERAS_3).build(document_3("DepthToSpace", {"block_size": 2}, ["x0"], (4, 5, 8)))
    assert [layer.is_step for layer in graph.layers.values()] == [False, True, True, False]
    assert [*graph.layers][-1] == "op"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "places that are computed": (document_3("Take", {"axis": 1}, ["x0", "x1"], (3,), (2,)), "constant places"),
    "places in rows": (document_3("Take", {"axis": 1}, ["x0", [[0, 1], [1, 0]]], (3,)), "in one row"),
    "places beyond": (document_3("Take", {"axis": 1}, ["x0", [0, 3]], (3,)), "places within an axis of 3"),
    "places of the batch": (document_3("Take", {"axis": 0}, ["x0", [0]], (3,)), "from 1 to 1, received 0"),
    "places of everything": (document_3("Take", {"axis": None}, ["x0", [0]], (3,)), "axes without the batch's"),
    "the batch several times": (document_3("Tile", {"repeats": [2, 1]}, ["x0"], (3,)), "keep the batch"),
    "a sum from behind": (document_2("cumsum", {"axis": 1, "reverse": True}, (3,)), "from the front"),
    "places of 1 in front": (document_3("OneHot", {"num_classes": 3, "axis": 1}, ["x0"], (4, 5)), "a new last axis"),
    "einsum without its indices": (document_3("Einsum", {}, ["x0"], (3,)), "einsum of tensors"),
    "a diagonal": (document_3("Einsum", {"subscripts": "bii->bi"}, ["x0"], (3, 3)), "an index for each axis"),
    "a sum over the batch": (document_3("Einsum", {"subscripts": "bi,ci->bc"}, ["x0", "x0"], (3,)), "the batch's"),
    "an index of two lengths": (
        document_3("Einsum", {"subscripts": "bij,bik->bjk"}, ["x0", "x1"], (3, 4), (5, 4)),
        "one length of index i",
    ),
    "an index from nowhere": (document_3("Einsum", {"subscripts": "bi->bj"}, ["x0"], (3,)), "an index for each axis"),
    "matrices in unlike stacks": (document_3("Matmul", {}, ["x0", "x1"], (2, 3, 3), (1, 3, 3)), "the last two axes"),
    "another norm": (document_3("Norm", {"ord": 1, "axis": -1}, ["x0"], (3,)), "Euclidean"),
    "a pooling, channels first": (
        document_3("MaxPool", {"pool_size": 2, "data_format": "channels_first"}, ["x0"], (3, 4, 4)),
        "channels last",
    ),
    "digits behind the point": (document_3("Round", {"decimals": 2}, ["x0"], (3,)), "whole numbers"),
    "a shape of two tensors": (document_2("shape", {}, (3,), (3,)), "expected shape of tensors"),
    "an unknown function": (document_2("io.read_file", {"y": 1.0}, (3,)), "'io.read_file'"),
    "one that only ends so": (document_2("io.add", {"y": 1.0}, (3,)), "'io.add'"),
    "no name": (document_2(["add"], {"y": 1.0}, (3,)), "a TensorFlow function"),
    "a setting that nobody knows": (document_2("nn.relu", {"threshold": 1.0}, (3,)), "without 'threshold'"),
    "the batch": (document_2("math.reduce_mean", {"axis": 0}, (3,)), "expected an axis from 1 to 1, received 0"),
    "every axis": (document_2("math.reduce_mean", {}, (3,)), "expected axes without the batch's"),
    "a mixed batch": (document_2("reshape", {"shape": [-1, 2]}, (3, 4)), "keeps the batch"),
    "a fixed batch": (document_2("reshape", {"shape": [1, 12]}, (3, 4)), "keeps the batch"),
    "a moved batch": (document_2("transpose", {"perm": [1, 0]}, (3,)), "begins with the batch"),
    "a slice of the batch": (
        document_2("__operators__.getitem", {"slice_spec": [{"start": 1, "stop": None, "step": None}]}, (3,)),
        "the whole batch",
    ),
    "a step of 0": (
        document_2(
            "__operators__.getitem", {"slice_spec": [{"class_name": "__ellipsis__"}, {"start": 0, "step": 0}]}, (3,)
        ),
        "received step 0",
    ),
    "nothing left": (
        document_2("__operators__.getitem", {"slice_spec": [{"class_name": "__ellipsis__"}, {"start": 7}]}, (3,)),
        "leaves something",
    ),
    "an index beyond": (
        document_2("__operators__.getitem", {"slice_spec": [{"class_name": "__ellipsis__"}, 3]}, (3,)),
        "an index within",
    ),
    "too many axes": (document_2("__operators__.getitem", {"slice_spec": [{}, 1, 1]}, (3,)), "at most 2 axes"),
    "a tensor in brackets": (
        document_2("__operators__.getitem", {"slice_spec": [{"start": ["x0", 0, 0]}]}, (3,)),
        "whole numbers in brackets",
    ),
    "numbers of another count": (document_2("math.add", {"y": [1.0, 2.0]}, (3,)), "expected inputs of one shape"),
    "a flag": (document_2("math.add", {"y": True}, (3,)), "tensors and numbers"),
    "text": (document_2("math.add", {"y": "1"}, (3,)), "tensors and numbers"),
    "an int cast": (document_2("cast", {"dtype": "int32"}, (3,)), "cast to floating point"),
    "a matrix that does not fit": (
        document_3("Matmul", {}, ["x0", {"class_name": "__numpy__", "config": {"value": [[1.0], [2.0]]}}], (3,)),
        "a matrix of 3 rows",
    ),
    "rows of unequal length": (
        document_3("Add", {}, ["x0", {"class_name": "__numpy__", "config": {"value": [[1.0], [2.0, 3.0]]}}], (2, 3)),
        "rows of equal length",
    ),
    "constants of too many axes": (
        document_3("Add", {}, ["x0", {"class_name": "__numpy__", "config": {"value": [[[1.0]], [[2.0]]]}}], (3,)),
        "at most 1 axes",
    ),
    "where without a choice": (document_3("Where", {}, ["x0"], (3,)), "two tensors or numbers"),
    "a border of the batch": (
        document_3("Pad", {"pad_width": [[1, 0], [0, 0], [0, 0]]}, ["x0"], (3, 2)),
        "all axes but the batch's",
    ),
    "a border of the other end": (
        document_3("Pad", {"pad_width": [[0, 0], [1, 0], [0, 0]], "mode": "wrap"}, ["x0"], (3, 2)),
        "constant, reflect or symmetric",
    ),
    "a border of more than there is": (
        document_3("Pad", {"pad_width": [[0, 0], [3, 0], [0, 0]], "mode": "reflect"}, ["x0"], (3, 2)),
        "at most 2 put around",
    ),
    "blocks that do not fit": (
        document_3("DepthToSpace", {"block_size": 2}, ["x0"], (4, 4, 3)),
        "images of known size",
    ),
    "a squeezed length": (document_2("squeeze", {"axis": [1]}, (3,)), "axes of length 1"),
    "parts that do not fit": (document_2("split", {"num_or_size_splits": 2, "axis": 1}, (3,)), "parts of an axis of 3"),
    "a thousand million parts": (
        document_2("split", {"num_or_size_splits": 10**9, "axis": 1}, (10**9,)),
        "parts of an axis",
    ),
    "unequal rank": (document_3("Add", {}, ["x0", "x1"], (4, 3), (3,)), "as many axes"),
    "no tensor": (document_3("Add", {}, [2, 3], (3,)), "add of tensors"),
}


@pytest.mark.parametrize(("document", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_understood_is_refused_in_a_line(document: Any, message: str) -> None:
    """With what was expected; nothing is allocated for a count that is claimed."""
    version = KERAS_3 if "args" in str(document["config"]["layers"][-1]["inbound_nodes"]) else KERAS_2
    problems = Builder(version).build(document).problems
    assert any(message in str(each) for each in problems), problems
    assert all("\n" not in str(each) for each in problems)


def test_a_function_ends_a_mask() -> None:
    """As it does in Keras, whatever kind it comes to."""
    document = functional(
        input_layer("x", 5),
        node("Embedding", "e", ["x"], input_dim=9, output_dim=4, mask_zero=True),
        node("TFOpLambda", "mean", [["e", 0, 0, {"axis": 1}]], function="math.reduce_mean"),
        node("GlobalAveragePooling1D", "pool", ["e"]),
        node("Add", "sum", ["mean", "pool"]),
        inputs=["x"],
        outputs=["sum"],
    )
    graph = Builder(KERAS_2).build(document)
    assert found(graph)[1] == ("Unmask", {})
    assert [name for name, call in graph.calls.items() if call.masked] == ["mean/unmask_0", "pool"]


def test_a_function_behind_what_is_not_known_is_no_further_problem() -> None:
    """Only the layer that is not understood is named."""
    document = functional(
        input_layer("x", 5),
        node("Mine", "mine", ["x"]),
        node("TFOpLambda", "mean", [["mine", 0, 0, {"axis": 1}]], function="math.reduce_mean"),
        inputs=["x"],
        outputs=["mean"],
    )
    graph = Builder(KERAS_2).build(document)
    assert [problem.layer for problem in graph.problems] == ["mine"]
    assert graph.calls["mean"].output_shapes is None


def test_names_that_run_into_each_other_are_refused() -> None:
    """A layer may have a name that looks like a step's of another; they are not taken for each other."""
    call = node("TFOpLambda", "op", [["op/maximum", 0, 0, {"clip_value_min": 0, "clip_value_max": 1}]])
    call["config"]["function"] = "clip_by_value"
    first = node("ReLU", "op/maximum", ["x"])
    document = functional(input_layer("x", 5), first, call, inputs=["x"], outputs=["op"])
    (problem,) = Builder(KERAS_2).build(document).problems
    assert "one layer of the name 'op/maximum', received two" in str(problem)
