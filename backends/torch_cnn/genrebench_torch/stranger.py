"""A job on somebody's own PyTorch module: what each of its modules reads and gives, found by hooks.

The file is the user's own code, which is run because the user says so.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from genrebench.errors import BackendError

Arrays = dict[str, NDArray[Any]]
# Under these, training scripts keep a state dict among other things.
_INSIDE = ("state_dict", "model_state_dict", "model", "net", "network")


def look(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Run somebody's network.

    Parameters
    ----------
    arrays : dict of str to ndarray
        ``<layout>/inputs/<number>``, the inputs in each of the layouts in which they may be wanted, and
        ``<layout>/cotangents/<number>``, of the outputs' sizes.
    options : dict
        ``path`` and ``name`` of the module, ``weights``, a ``.safetensors``, ``.pt`` or ``.pth``; ``arguments`` that
        the module is made with; ``layouts``; ``modes``.

    Returns
    -------
    dict of str to ndarray
        ``<layout>/<mode>/<call>/inputs/<n>`` and ``.../outputs/<n>`` of every call of a module, ``<layout>/<mode>/
        outputs/<n>`` and ``<layout>/<mode>/slopes/<n>`` of the network, ``state/<name>``, ``<layout>/<mode>/
        gradients/<name>``.
    dict
        ``calls`` by layout, each with the module's ``name`` and ``class`` and what is known of it; ``errors`` by
        layout, why it cannot be run so; ``missing`` and ``unexpected`` names in the file of weights.
    """
    torch.manual_seed(0)
    network = _made(options)
    missing, unexpected = _filled(network, options["weights"])
    network = network.double()
    found = {f"state/{name}": each.numpy().copy() for name, each in network.state_dict().items()}
    value: dict[str, Any] = {"calls": {}, "errors": {}, "missing": missing, "unexpected": unexpected}
    state = {name: each.clone() for name, each in network.state_dict().items()}
    for layout in options["layouts"]:
        for mode in options["modes"]:
            network.load_state_dict(state)
            given = _part(arrays, f"{layout}/inputs")
            try:
                results, calls = _run(network, list(given.values()), _part(arrays, f"{layout}/cotangents"), mode)
            except Exception as error:  # whatever somebody's code raises
                value["errors"][layout] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
                break
            value["calls"][layout] = calls
            found |= {f"{layout}/{mode}/{name}": each for name, each in results.items()}
    return found, value


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    """Take the arrays below a path."""
    start = f"{prefix}/"
    return {name.removeprefix(start): each for name, each in arrays.items() if name.startswith(start)}


def _made(options: Mapping[str, Any]) -> nn.Module:
    """Import the file, and make the module."""
    path, name = Path(options["path"]), options["name"]
    sys.path.insert(0, str(path.parent))
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise BackendError(f"--against {path}: expected a Python file, received another")
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    if not hasattr(module, name):
        raise BackendError(f"--against {path}:{name}: expected a class of that name, found none")
    made = getattr(module, name)
    network = made if isinstance(made, nn.Module) else made(**options.get("arguments", {}))
    if not isinstance(network, nn.Module):
        raise BackendError(f"--against {path}:{name}: expected a torch.nn.Module, received {type(network).__name__}")
    return network


def _filled(network: nn.Module, weights: str | None) -> tuple[list[str], list[str]]:
    """Load weights; names that do not fit are told."""
    if weights is None:
        return [], []
    path = Path(weights)
    state: Any = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    while not all(isinstance(each, Tensor) for each in state.values()):
        inside = next((name for name in _INSIDE if isinstance(state.get(name), dict)), None)
        if inside is None:
            raise BackendError(f"--weights {path}: expected a state dict, found {', '.join(map(str, list(state)[:8]))}")
        state = state[inside]
    own = network.state_dict()
    if wrong := [name for name, each in state.items() if name in own and each.shape != own[name].shape]:
        name = wrong[0]
        shapes = f"{tuple(own[name].shape)}, received {tuple(state[name].shape)}"
        raise BackendError(f"--weights {path}: expected {name} of shape {shapes}")
    done = network.load_state_dict(state, strict=False)
    missing = [name for name in done.missing_keys if not name.endswith("num_batches_tracked")]
    return missing, list(done.unexpected_keys)


def _run(
    network: nn.Module, inputs: Sequence[NDArray[Any]], cotangents: Mapping[str, NDArray[Any]], mode: str
) -> tuple[Arrays, list[dict[str, Any]]]:
    """Run the network in a mode, and differentiate it."""
    network.train(mode == "training")
    for module in network.modules():
        if "Dropout" in type(module).__name__:
            module.eval()
    given = [torch.from_numpy(each.copy()) for each in inputs]
    given = [each.double().requires_grad_() if each.is_floating_point() else each for each in given]
    calls: list[dict[str, Any]] = []
    found: Arrays = {}
    with _hooked(network, calls, found):
        outputs = list(_tensors(network(*given)))
    found |= {f"outputs/{number}": _numpy(each) for number, each in enumerate(outputs)}
    known = {number: cotangents[str(number)] for number in range(len(outputs)) if str(number) in cotangents}
    pairs = [
        (outputs[number], torch.from_numpy(each.copy()).reshape(outputs[number].shape))
        for number, each in known.items()
        if each.size == outputs[number].numel() and outputs[number].requires_grad
    ]
    weights = {name: each for name, each in network.named_parameters() if each.requires_grad}
    starts = {str(number): each for number, each in enumerate(given) if each.requires_grad}
    wanted = [*weights.values(), *starts.values()]
    if pairs and wanted:
        ends, slopes = zip(*pairs, strict=True)
        made = torch.autograd.grad(ends, wanted, slopes, allow_unused=True)
        names = [*(f"gradients/{name}" for name in weights), *(f"slopes/{name}" for name in starts)]
        found |= {name: _numpy(each) for name, each in zip(names, made, strict=True) if each is not None}
    return found, calls


@contextmanager
def _hooked(network: nn.Module, calls: list[dict[str, Any]], found: Arrays) -> Iterator[None]:
    """Note what every module reads and gives."""
    handles = []
    for name, module in network.named_modules():
        if name:
            handles.append(module.register_forward_hook(_noting(name, calls, found)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _noting(name: str, calls: list[dict[str, Any]], found: Arrays) -> Any:
    """Make a hook."""

    def note(module: nn.Module, given: Any, made: Any) -> None:
        """Keep a call."""
        number = len(calls)
        ins, outs = list(_tensors(given)), list(_tensors(made))
        is_leaf = not list(module.children())
        facts = {key: getattr(module, key) for key in ("batch_first", "bidirectional") if hasattr(module, key)}
        calls.append({"name": name, "class": type(module).__name__, "is_leaf": is_leaf, "inputs": len(ins),
                      "outputs": len(outs), **facts})  # fmt: skip
        found.update({f"{number}/inputs/{index}": _numpy(each) for index, each in enumerate(ins)})
        found.update({f"{number}/outputs/{index}": _numpy(each) for index, each in enumerate(outs)})

    return note


def _tensors(value: Any) -> Iterator[Tensor]:
    """List the tensors in what a module takes or gives."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)


def _numpy(tensor: Tensor) -> NDArray[Any]:
    """Copy a tensor."""
    array: NDArray[Any] = tensor.detach().cpu().numpy().copy()
    return array
