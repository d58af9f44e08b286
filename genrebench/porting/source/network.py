"""The whole file: calls in an order that reads well, a class, and what loads it."""

import re
from collections import defaultdict
from collections.abc import Iterator

from genrebench.errors import ConfigError
from genrebench.network.types import Array
from genrebench.porting.source import kinds as kinds
from genrebench.porting.source.allowed import check_source
from genrebench.porting.source.emitted import Emitted, EmittedCall
from genrebench.porting.source.names import shown_name
from genrebench.porting.source.parts import PARTS
from genrebench.porting.source.scope import Scope, Written
from genrebench.porting.source.site import Site
from genrebench.porting.source.table import WRITERS
from genrebench.reading.graph import Call, Graph, Tensor
from genrebench.reading.keras_file import KerasModel
from genrebench.reading.kinds.core import InputLayer

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
    written = scope.write([f"@{scope.take(each, 'keras')}@" for each in graph.outputs])
    name = shown_name(model.path.name)
    saved = f"Keras {shown_name(model.version.text)}" if model.version.text else "an old Keras"
    body = "".join(f"\n{text}" for part, text in PARTS.items() if part in scope.parts)
    lines = _class(f"The network of {name}, which {saved} saved.", scope, written)
    code = f"{body}\n\n" + "\n".join(lines) + f"\n\n{_LOAD}"
    text = _head(name, code) + code
    check_source(text)
    signature = text.split("\n").index(written.signature[0], text[: text.index("class Network(")].count("\n")) + 1
    begin = signature + text.split("\n")[signature:].index(written.lines[0]) + 1
    calls = []
    for each in scope.records:
        if each.value in written.variables:
            offset = written.places[each.value]
            line = begin + offset if offset >= 0 else signature
            variable = written.variables[each.value]
            calls.append(EmittedCall(tensor_name(each.tensor), variable, line, each.axes, each.is_mask))
    state: dict[str, Array] = {}
    for weight, place in scope.places.items():
        state |= place.to_torch(model.weights[weight])
    outputs = tuple(tensor_name(each) for each in graph.outputs)
    inputs = tuple(graph.inputs)
    return Emitted(text, state | scope.constants, scope.places, tuple(calls), tuple(scope.random), inputs, outputs)


def write_graph(graph: Graph, parts: set[str]) -> Scope:
    """Write the calls of a graph into a class."""
    scope = Scope(parts)
    calls = reading_order(graph)
    by_layer: defaultdict[str, list[Call]] = defaultdict(list)
    for call in calls:
        by_layer[call.layer.name].append(call)
    for name in graph.inputs:
        call = graph.calls[name]
        hint = "x" if len(graph.inputs) == 1 else scope.attribute(name)
        value = scope.value(hint)
        scope.parameters.append(value)
        scope.enter(Tensor(name), (call.output_shapes or ())[0], value, "keras")
    for call in calls:
        if isinstance(call.layer.kind, InputLayer):
            continue
        site = Site(scope, call, by_layer[call.layer.name])
        if site.kind.name not in WRITERS:
            raise ConfigError(f"expected a layer that can be written, `{call.name:.80}` is {site.kind.name}")
        WRITERS[site.kind.name](site)
        output = Tensor(call.name)
        if site.kind.hands_mask_on and output not in scope.masks and (mask := site.mask()):
            scope.masks[output] = int(mask.strip("@"))
    return scope


def reading_order(graph: Graph) -> list[Call]:
    """Order the calls that the outputs depend on branch by branch, each after those that it reads."""
    found: dict[str, Call] = {}
    stack = [(each.call, False) for each in reversed(graph.outputs)]
    while stack:
        name, is_ready = stack.pop()
        if name in found:
            continue
        call = graph.calls[name]
        if is_ready:
            found[name] = call
            continue
        stack.append((name, True))
        stack += [(each.call, False) for each in reversed(list(_read_by(call))) if each.call not in found]
    return list(found.values())


def _read_by(call: Call) -> Iterator[Tensor]:
    """List the tensors that a call reads."""
    yield from call.inputs
    for value in call.arguments.values():
        for each in value if isinstance(value, tuple) and not isinstance(value, Tensor) else (value,):
            if isinstance(each, Tensor):
                yield each


def tensor_name(tensor: Tensor) -> str:
    """Name an output of a call."""
    return f"{tensor.call}#{tensor.output}" if tensor.output else tensor.call


def _class(summary: str, scope: Scope, written: Written) -> list[str]:
    """Write the class."""
    return [
        "class Network(nn.Module):",
        f'    """{summary}"""',
        "",
        "    def __init__(self) -> None:",
        '        """Make the layers; their weights are loaded later."""',
        "        super().__init__()",
        *scope.lines,
        "",
        *written.signature,
        '        """Compute what Keras computes."""',
        *written.lines,
    ]


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
        *(["import math"] if "math." in code else []),
        "from pathlib import Path",
        "",
        *imports,
        "from torch import Tensor, nn",
        "",
    ]
    return "\n".join(lines)
