"""The README of a port: how to load it, what it takes and gives, and whether it was proved."""

from collections.abc import Iterator
from typing import Any

from genrebench.parity.report import Report
from genrebench.reading.inspection import sentence
from genrebench.reading.keras_file import KerasModel
from genrebench.reading.kinds.base import Shape
from genrebench.report.document import Block, Document, Heading, Item, Items, Table, Text
from genrebench.report.markdown import markdown

_LOAD = """
```python
from network import load

network = load("weights.safetensors")  # in evaluation mode
```
"""
_AGAIN = """
```
{}
```
"""


def readme(model: KerasModel, report: Report | None, command: str) -> str:
    """Write a README.

    Parameters
    ----------
    model : KerasModel
        The model.
    report : Report or None
        The proof; None if there is none.
    command : str
        What proves it anew.

    Returns
    -------
    str
        Markdown.
    """
    graph = model.graph
    keras = f"Keras {model.version.text}" if model.version.text else "an unknown version of Keras"
    head = Document(
        f"{model.path.name} in PyTorch",
        [Text(f"Written from {model.path.name}, which {keras} saved. network.py needs nothing but PyTorch.")],
    )
    shapes = Document("", [Table(("", "name", "shape, in Keras' order of axes", "dtype"), list(_ends(model)))])
    proof = Document("", list(_proof(report)))
    traps = [Item(sentence(trap.text, names).replace("`", "")) for trap, names in graph.traps().items()]
    files = Table(("file", "holds"), [(name, what) for name, what in _files(report)])
    tail: list[Block] = [Heading("What usually goes wrong, and does not here"), Items(traps)] if traps else []
    tail += [Heading("Files"), files]
    tail += [Text(f"{graph.parameters:,} parameters, {graph.trainable_parameters:,} of them trained. The rights in "
                  "network and weights are those of the file that they were read from.")]  # fmt: skip
    parts = [
        markdown(head),
        f"## Load\n{_LOAD}",
        _body(shapes),
        "## Proof\n",
        _body(proof),
        f"Once more, with the file at hand:\n{_AGAIN.format(command)}",
        _body(Document("", tail)),
    ]
    return "\n".join(parts)


def _body(document: Document) -> str:
    """Render a document without its empty title."""
    return markdown(document).removeprefix("# ").lstrip("\n")


def _ends(model: KerasModel) -> Iterator[tuple[str, str, str, str]]:
    """List inputs and outputs."""
    graph = model.graph
    for name in graph.inputs:
        kind: Any = graph.calls[name].layer.kind
        yield "input", name, _axes(kind.shape), model.precision if "float" in kind.dtype else kind.dtype
    for tensor in graph.outputs:
        yield "output", tensor.call, _axes(graph.shape(tensor) or ()), model.precision


def _axes(shape: Shape) -> str:
    """Format a shape with its batch."""
    return f"({', '.join('any' if each is None else str(each) for each in (None, *shape))})"


def _proof(report: Report | None) -> Iterator[Block]:
    """Say what was proved."""
    if report is None:
        yield Text("There is none: it was asked for without one (--no-proof), and nothing is known of how right it is.")
        return
    yield Text(report.verdict)
    rows = [
        (stage.title, "skipped" if stage.skipped else "holds" if stage.passed else "DOES NOT HOLD",
         stage.skipped or stage.criterion)
        for stage in report.stages
    ]  # fmt: skip
    yield Table(("stage", "gate", "what passes"), rows)


def _files(report: Report | None) -> Iterator[tuple[str, str]]:
    """List the files."""
    yield "network.py", "the network, and load"
    yield "weights.safetensors", "its weights"
    yield "architecture.json", "every layer of the Keras model with all its settings"
    if report is not None:
        yield "parity.json, parity.md, parity.html", "the proof: every layer, gradient and step"
