"""The whole file: calls in an order that reads well, a class, and what loads it."""

import re
from collections.abc import Iterator

import numpy as np

from genrebench.errors import ConfigError
from genrebench.network.types import Array
from genrebench.porting.source import kinds as kinds
from genrebench.porting.source.allowed import check_source
from genrebench.porting.source.emitted import Emitted, EmittedCall
from genrebench.porting.source.graphs import tensor_name, write_class, write_graph
from genrebench.porting.source.names import shown_name
from genrebench.porting.source.parts import NEEDS, PARTS
from genrebench.porting.source.scope import Scope, Written
from genrebench.reading.graph import Graph
from genrebench.reading.keras_file import KerasModel

# The container of a network that came from no file of Keras.
OWN = "genrebench"
_LOAD = '''
def load(path: str | Path = "weights.safetensors") -> Network:
    """Make the network with the weights of a file, ready for evaluation."""
    network = Network()
    network.load_state_dict(read_safetensors(path))
    return network.eval()


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """Read a safetensors file with PyTorch alone.

    It holds the length of a header, the header in JSON, and the values in a row.
    """
    content = bytearray(Path(path).read_bytes())
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    dtypes = {"F16": torch.float16, "F32": torch.float32, "F64": torch.float64}
    state = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, end = entry["data_offsets"]
            values = content[begin + first : begin + end]
            tensor = torch.frombuffer(values, dtype=dtypes[entry["dtype"]])
            state[name] = tensor.reshape(entry["shape"])
    return state
'''


def write_source(model: KerasModel) -> Emitted:
    """Write a model that was read as a module of PyTorch.

    Parameters
    ----------
    model : KerasModel
        A model without problems.

    Returns
    -------
    Emitted
        The source, the weights in PyTorch's layout, and where everything is.

    Raises
    ------
    ConfigError
        If something in the model cannot be written.
    """
    if model.problems:
        raise ConfigError(f"expected a model without problems, received {model.problems[0]}")
    graph = model.graph
    scope = write_graph(graph, set())
    name = shown_name(model.path.name)
    saved = f"Keras {shown_name(model.version.text)}" if model.version.text else "an old Keras"
    saved = "genrebench" if model.container == OWN else saved
    lines, written = write_class("Network", f"The network of {name}, which {saved} saved.", scope, graph)
    scope.parts.update(*(NEEDS.get(part, ()) for part in scope.parts))
    blocks = [text.strip("\n") for part, text in PARTS.items() if part in scope.parts]
    blocks += ["\n".join(each) for each in scope.classes]
    before = "".join(f"{block}\n\n\n" for block in blocks)
    load = _LOAD if model.precision == "float32" else _LOAD.replace("Network()", "Network().double()")
    code = before + "\n".join(lines) + f"\n\n{load}"
    head = _head(name, code)
    check_source(head + code)
    signature = (head + before).count("\n") + lines.index(written.signature[0]) + 1
    begin = signature + len(written.signature) + 1
    state: dict[str, Array] = {}
    for weight, place in scope.places.items():
        array = model.weights[weight]
        # Of what other libraries have made, such as bfloat16, PyTorch's files know nothing.
        state |= place.to_torch(array if array.dtype.char in "efd" else array.astype(np.float32))
    return Emitted(
        head + code,
        state | scope.constants,
        scope.places,
        tuple(_calls(scope, written, graph, signature, begin)),
        tuple(scope.random),
        tuple(graph.inputs),
        tuple(tensor_name(each) for each in graph.outputs),
    )


def _calls(scope: Scope, written: Written, graph: Graph, signature: int, begin: int) -> Iterator[EmittedCall]:
    """Find the line of every output that a variable holds.

    Parameters
    ----------
    signature, begin : int
        Lines of the file in which ``forward`` and its statements begin.
    """
    for each in scope.records:
        if each.value in written.variables and each.tensor.call in graph.calls:
            offset = written.places[each.value]
            line = begin + offset if offset >= 0 else signature
            variable = written.variables[each.value]
            yield EmittedCall(tensor_name(each.tensor), variable, line, each.axes, each.is_mask)


def _head(name: str, code: str) -> str:
    """Write the docstring and the imports that the code needs."""
    imports = ["import torch"]
    imports += ["import torch.nn.functional as F"] if re.search(r"\bF\.", code) else []
    lines = [
        f'"""The network of {name}, in PyTorch.',
        "",
        "It takes and gives what it did in Keras: the batch first, channels where they were.",
        "",
        '    network = load("weights.safetensors")',
        '"""',
        "",
        "import json",
        *(["import math"] if re.search(r"\bmath\.", code) else []),
        *(["from collections.abc import Callable"] if "Callable" in code else []),
        "from pathlib import Path",
        "",
        *imports,
        "from torch import Tensor, nn",
        "",
        "",
        "",
    ]
    return "\n".join(lines)
