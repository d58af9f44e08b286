"""A job on a module of somebody's own: what its layers give, their settings, its weights and gradients."""

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from genrebench.errors import BackendError

Arrays = dict[str, NDArray[Any]]
# Under which a checkpoint may hold the state dict.
_STATE_KEYS = ("state_dict", "model_state_dict", "model", "weights")


def module(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Run somebody's module, and look at every layer in it that holds no other.

    Parameters
    ----------
    arrays : dict of str to ndarray
        ``inputs/0`` and so on, as Keras takes them, and ``cotangents/0`` and so on in the form of the module's outputs.
    options : dict
        ``path`` of the file, ``name`` of a class or function in it that makes the module, ``weights``: a
        ``.safetensors``, or what `torch.save` wrote, read with ``weights_only``; ``dtype``, by default float64;
        ``training``; ``orders``, by default ``["keras", "torch"]``: how inputs are tried, as they are or with channels
        first.

    Returns
    -------
    dict of str to ndarray
        ``outputs/0`` and so on, ``modules/<name>`` (``#1`` and so on behind it for further calls and further outputs),
        ``state/<name>``, ``gradients/<name>``, ``statistics/<name>``.
    dict
        ``modules`` in the order of their calls: ``name``, ``key`` in the arrays, ``kind``, ``settings``, ``weights``
        (names in the state dict); ``order`` of the inputs that the module took; ``trained``, names of parameters.

    Raises
    ------
    BackendError
        If the file, the module or its weights are not as they should be.
    """
    network = _made(Path(options["path"]), options["name"])
    if options.get("weights"):
        _load(network, Path(options["weights"]))
    dtype = getattr(torch, options.get("dtype", "float64"))
    network = network.to(dtype).train(bool(options.get("training")))
    seen: Arrays = {}
    calls: list[dict[str, Any]] = []
    hooks = [each.register_forward_hook(_hook(name, seen, calls)) for name, each in _leaves(network)]
    before = {name: each.clone() for name, each in network.named_buffers()}
    outputs, order = _run(network, _numbered(arrays, "inputs"), dtype, options.get("orders", ["keras", "torch"]), calls)
    for hook in hooks:
        hook.remove()
    found = {f"modules/{name}": each for name, each in seen.items()}
    found |= {f"outputs/{number}": each.detach().numpy().copy() for number, each in enumerate(outputs)}
    found |= {f"state/{name}": each.numpy().copy() for name, each in network.state_dict().items()}
    found |= {
        f"statistics/{name}": each.numpy().copy()
        for name, each in network.named_buffers()
        if not torch.equal(each, before[name])
    }
    trained = {name: each for name, each in network.named_parameters() if each.requires_grad}
    found |= _gradients(outputs, trained, _numbered(arrays, "cotangents"), dtype)
    return found, {"modules": calls, "order": order, "trained": list(trained)}


def _made(path: Path, name: str) -> nn.Module:
    """Execute the user's file, and make the module."""
    spec = importlib.util.spec_from_file_location("users_network", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise BackendError("expected a file of Python", path=path)
    code = importlib.util.module_from_spec(spec)
    # Other files beside it may be imported from there.
    sys.path.insert(0, str(path.parent.resolve()))
    sys.modules["users_network"] = code
    try:
        spec.loader.exec_module(code)
        maker = getattr(code, name, None)
        made = maker if isinstance(maker, nn.Module) else maker() if callable(maker) else None
    except Exception as error:  # somebody's code may fail in any way
        raise BackendError(f"{name}: expected a module without arguments ({error})", path=path) from error
    if not isinstance(made, nn.Module):
        raise BackendError(f"expected {name} to be or to make a torch.nn.Module", path=path)
    return made


def _load(network: nn.Module, path: Path) -> None:
    """Load the weights, all of them."""
    try:
        if path.suffix == ".safetensors":
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise BackendError(f"expected weights that PyTorch can read without code ({error})", path=path) from error
    except Exception as error:  # pickle's own errors, which torch does not name
        raise BackendError(f"expected weights alone, received something else ({error})", path=path) from error
    for key in _STATE_KEYS:
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping) or not all(isinstance(each, Tensor) for each in state.values()):
        raise BackendError("expected tensors by name, received something else", path=path)
    missing, unexpected = network.load_state_dict(dict(state), strict=False)
    if missing or unexpected:
        what = f"missing {', '.join(missing[:3]) or 'none'}, unexpected {', '.join(unexpected[:3]) or 'none'}"
        raise BackendError(f"expected the weights of this module ({what})", path=path)


def _leaves(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """List the modules that hold no others, such as layers."""
    return [(name, each) for name, each in network.named_modules() if not any(True for _ in each.children())]


def _hook(name: str, seen: Arrays, calls: list[dict[str, Any]]) -> Any:
    """Make a hook that keeps what a module gives."""

    def keep(layer: nn.Module, _: Any, outputs: Any) -> None:
        """Keep every tensor among the outputs."""
        for tensor in _tensors(outputs):
            count = sum(each["name"] == name for each in calls)
            key = f"{name}#{count}" if count else name
            seen[key] = tensor.detach().numpy().copy()
            weights = [f"{name}.{each}" if name else each for each in layer.state_dict()]
            settings = {key: value for key, value in vars(layer).items() if _is_plain(key, value)}
            calls.append(
                {"name": name, "key": key, "kind": type(layer).__name__, "settings": settings, "weights": weights}
            )

    return keep


def _is_plain(key: str, value: object) -> bool:
    """Tell whether an attribute of a module is a setting."""
    plain = (bool, int, float, str, type(None))
    is_list = isinstance(value, tuple | list) and all(isinstance(each, plain) for each in value)
    return not key.startswith("_") and (isinstance(value, plain) or is_list)


def _tensors(value: Any) -> list[Tensor]:
    """List the tensors that a module gives, however they are nested."""
    if isinstance(value, Tensor):
        return [value]
    parts: Sequence[Any] = [*value.values()] if isinstance(value, Mapping) else value
    return [each for part in parts for each in _tensors(part)] if isinstance(parts, tuple | list) else []


def _numbered(arrays: Arrays, kind: str) -> list[NDArray[Any]]:
    """Find the arrays of a kind, in order."""
    names = sorted((name for name in arrays if name.startswith(f"{kind}/")), key=lambda name: int(name.split("/")[1]))
    return [arrays[name] for name in names]


def _run(
    network: nn.Module,
    inputs: list[NDArray[Any]],
    dtype: torch.dtype,
    orders: list[str],
    calls: list[dict[str, Any]],
) -> tuple[list[Tensor], str]:
    """Call the module with inputs as they are, and if it does not take them, with channels first."""
    failures = []
    state = {name: each.clone() for name, each in network.state_dict().items()}
    for order in orders:
        tensors = [torch.from_numpy(each.copy()) for each in inputs]
        tensors = [each.to(dtype) if each.is_floating_point() else each for each in tensors]
        if order == "torch":
            tensors = [each.movedim(-1, 1) if each.ndim > 2 else each for each in tensors]
        calls.clear()
        try:
            return _tensors(network(*tensors)), order
        except Exception as error:  # somebody's code may fail in any way
            failures.append(f"{order}: {' '.join(str(error).split())[:200]}")
            network.load_state_dict(state)
    raise BackendError(f"expected a module that takes the inputs ({'; '.join(failures)})")


def _gradients(
    outputs: list[Tensor], trained: Mapping[str, Tensor], cotangents: list[NDArray[Any]], dtype: torch.dtype
) -> Arrays:
    """Compute the vector-Jacobian product with respect to the parameters."""
    pairs = [
        (output, torch.from_numpy(each.copy()).to(dtype))
        for output, each in zip(outputs, cotangents, strict=False)
        if output.requires_grad
    ]
    if not pairs or not trained:
        return {}
    found = torch.autograd.grad(
        [end for end, _ in pairs],
        list(trained.values()),
        grad_outputs=[each for _, each in pairs],
        allow_unused=True,
    )
    return {
        f"gradients/{name}": (torch.zeros_like(each) if gradient is None else gradient).numpy().copy()
        for (name, each), gradient in zip(trained.items(), found, strict=True)
    }
