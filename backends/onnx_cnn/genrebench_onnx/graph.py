"""A graph of ONNX under construction: nodes, constants, and the names of tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# The first set of operators with axes of reductions as inputs; there since 2022, and in onnxruntime-web.
OPSET, IR_VERSION = 18, 8
TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


class GraphWriter:
    """Writes a graph node by node.

    Parameters
    ----------
    dtype : str
        Of the network's weights and values: ``float32`` or ``float64``.
    """

    def __init__(self, dtype: str = "float32") -> None:
        """Begin with nothing."""
        self.dtype = dtype
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, value: Any, name: str, dtype: Any = None) -> str:
        """Keep a tensor under a name, by default in the network's type."""
        array = np.ascontiguousarray(value, self.dtype if dtype is None else dtype)
        # A scalar has become a vector.
        self._constants[name] = numpy_helper.from_array(array.reshape(np.shape(value)), name)
        return name

    def integers(self, values: int | Sequence[int], name: str) -> str:
        """Keep whole numbers, such as axes, under a name."""
        return self.constant(values, name, np.int64)

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node that is named as its only output."""
        self._nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def cast(self, tensor: str, dtype: str, output: str) -> str:
        """Add a change of type."""
        return self.node("Cast", [tensor], output, to=TYPES[dtype])

    def finish(
        self,
        inputs: Mapping[str, Sequence[int | str]],
        outputs: Mapping[str, Sequence[int | str]],
        metadata: Mapping[str, str] | None = None,
    ) -> bytes:
        """Check the graph, and serialize it.

        Parameters
        ----------
        inputs, outputs : mapping of str to sequence
            Shapes of the tensors at both ends; a word stands for any length.
        metadata : mapping of str to str, optional
            What is said of the model.
        """
        given, made = (
            [helper.make_tensor_value_info(name, TYPES[self.dtype], list(shape)) for name, shape in each.items()]
            for each in (inputs, outputs)
        )
        graph = helper.make_graph(self._nodes, "genrebench", given, made, initializer=list(self._constants.values()))
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="genrebench"
        )
        helper.set_model_props(model, dict(metadata or {}))
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content
