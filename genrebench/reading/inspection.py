"""What is found in a Keras file, as plain JSON."""

from typing import Any

from genrebench.reading.graph import Call, Tensor
from genrebench.reading.keras_file import KerasModel


def describe(model: KerasModel) -> dict[str, Any]:
    """Describe a model in plain JSON types.

    Parameters
    ----------
    model : KerasModel
        What `read_keras` has read.

    Returns
    -------
    dict
        ``understood``, ``file``, ``container``, ``keras``, ``inputs``, ``outputs``, ``layers`` in the order of their
        calls with settings, shapes and parameters, ``parameters`` (total and trainable), ``loss``, ``traps``,
        ``problems`` and ``notes``.
    """
    graph = model.graph
    return {
        "understood": not model.problems,
        "file": str(model.path),
        "container": model.container,
        "keras": model.version.text or None,
        "inputs": graph.inputs,
        "outputs": [list(each) for each in graph.outputs],
        "layers": [_call(call) for call in graph.calls.values()],
        "parameters": {"total": graph.parameters, "trainable": graph.trainable_parameters},
        "loss": model.loss,
        "traps": [
            {"id": trap.id, "layers": names, "text": sentence(trap.text, names)}
            for trap, names in graph.traps().items()
        ],
        "problems": [
            {"layer": each.layer or None, "reason": each.reason, "remedy": each.remedy or None}
            for each in model.problems
        ],
        "notes": list(model.notes),
    }


def sentence(text: str, names: list[str]) -> str:
    """Put the names of layers into the text of a trap, the first of many."""
    others = len(names) - 1
    name = names[0] + (f"` and {others} other{'s' * (others > 1)}" if others else "`")
    return text.replace("`{}`", f"`{name}").replace("{}", names[0])


def _call(call: Call) -> dict[str, Any]:
    """Describe one call of a layer."""
    layer = call.layer
    return {
        "name": call.name,
        "layer": layer.name,
        "class": layer.class_name,
        "kind": layer.kind.name if layer.kind else None,
        "settings": layer.kind.settings() if layer.kind else None,
        "reads": [list(each) for each in call.inputs],
        "arguments": {name: _plain(value) for name, value in call.arguments.items()},
        "input_shapes": call.input_shapes,
        "output_shapes": call.output_shapes,
        "trainable": layer.trainable,
        "weights": {weight.name: weight.shape for weight in layer.weights},
        "parameters": layer.parameters,
        "masked": call.masked,
    }


def _plain(value: Any) -> Any:
    """Turn an argument into plain JSON types."""
    if isinstance(value, Tensor):
        return {"tensor": list(value)}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
