"""Jobs on networks of other people's, written as source: what every call gives, gradients, steps of Adam.

The file is looked into by a copy of its syntax tree with a statement more after each line of the table; the plain file
is run, too, and must give the same bits.
"""

import ast
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genrebench.errors import BackendError
from genrebench.network.adam import Adam
from genrebench_torch.losses import loss_of
from genrebench_torch.optimizer import KerasAdam
from genrebench_torch.weights import Located

Arrays = dict[str, NDArray[Any]]
_RECORD = "_record"
# Where SELU ends: what alpha dropout puts in the place of what it drops.
_LOWEST = -1.6732632423543772 * 1.0507009873554805


def answer(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, Any]:
    """Run an emitted file.

    Parameters
    ----------
    arrays : dict of str to ndarray
        ``state/<name>`` with everything that the state dict holds; ``inputs/<call>``; ``draws/<call>``: what random
        layers multiply by or add in training, in Keras' order of axes; ``cotangents/<tensor>``; ``targets/<tensor>``
        for the short run.
    options : dict
        ``path`` of the file, ``table`` of calls as `genrebench.porting.source.Emitted.table` lists them, ``tasks``:
        any of ``evaluation``, ``training`` (one pass of each mode, with gradients if there are cotangents), ``adam``
        (a step of Adam from the gradients of the training pass) and ``steps`` (a short run with the loss of
        ``loss``, ``steps`` of them); ``dtype``, by default float64; ``adam``, its hyperparameters.

    Returns
    -------
    dict of str to ndarray
        ``<mode>/outputs/<tensor>`` and ``<mode>/masks/<tensor>`` in Keras' order of axes, ``<mode>/gradients/<name>``
        by the state dict's names, ``<mode>/input_gradients/<call>``, ``training/statistics/<name>``,
        ``adam/weights/<name>``, ``adam/m/<name>``, ``adam/v/<name>``, ``steps/losses``, ``steps/weights/<name>``.
    dict
        ``same_bits`` by mode: whether the plain file gives what the one that is looked into gives; ``parameters``,
        the names that are trained.
    """
    job = _Job(arrays, options)
    tasks = options.get("tasks", ["evaluation"])
    found: Arrays = {}
    same_bits = {}
    for mode in ("evaluation", "training"):
        if mode in tasks or (mode == "training" and "adam" in tasks):
            results, same_bits[mode] = job.look(mode == "training", "adam" in tasks and mode == "training")
            found |= {
                f"{name}" if name.startswith("adam/") else f"{mode}/{name}": each for name, each in results.items()
            }
    if "steps" in tasks:
        found |= job.run_shortly(options["steps"], options["loss"])
    return found, {"same_bits": same_bits, "parameters": job.trained}


class _Job:
    """A file, and what it is run on.

    Parameters
    ----------
    arrays, options : dict
        See `answer`.
    """

    def __init__(self, arrays: Arrays, options: dict[str, Any]) -> None:
        """Load the file twice: as it is, and to be looked into."""
        self._arrays, self._table = arrays, options["table"]
        self._dtype = getattr(torch, options.get("dtype", "float64"))
        self._adam = Adam(**options.get("adam", {}))
        path = Path(options["path"])
        tree = ast.parse(path.read_text(encoding="utf-8"))
        self._plain = _namespace(tree, path)
        _look_into(tree, self._table["calls"])
        self._watched = _namespace(tree, path)
        self.trained = [name for name, each in self._network(self._plain).named_parameters() if each.requires_grad]

    def _network(self, namespace: Mapping[str, Any]) -> nn.Module:
        """Make the network with its weights."""
        network: nn.Module = namespace["Network"]().to(self._dtype)
        state = {name: torch.from_numpy(each.copy()) for name, each in self._given("state").items()}
        network.load_state_dict(state)
        return network

    def _given(self, kind: str) -> Arrays:
        """Find the arrays of a kind."""
        return {name.partition("/")[2]: each for name, each in self._arrays.items() if name.startswith(f"{kind}/")}

    def _inputs(self) -> list[Tensor]:
        """Make the inputs, those of floats with gradients."""
        given, tensors = self._given("inputs"), []
        for name in self._table["inputs"]:
            tensor = torch.from_numpy(given[name].copy())
            is_float = tensor.dtype.is_floating_point
            tensors.append(tensor.to(self._dtype).requires_grad_() if is_float else tensor)
        return tensors

    def look(self, is_training: bool, takes_step: bool) -> tuple[Arrays, bool]:
        """Run in a mode, look at every call, and differentiate; tell whether the plain file gives the same bits."""
        network, inputs = self._network(self._watched), self._inputs()
        seen: dict[str, Tensor] = {}
        self._watched[_RECORD] = seen.__setitem__
        before = {name: each.clone() for name, each in network.named_buffers()}
        network.train(is_training)
        with self._drawing(network):
            outputs = _as_tuple(network(*inputs))
        plain = self._network(self._plain).train(is_training)
        with self._drawing(plain):
            others = _as_tuple(plain(*[each.detach() for each in inputs]))
        pairs = [*zip(outputs, others, strict=True)]
        pairs += zip(network.state_dict().values(), plain.state_dict().values(), strict=True)
        is_same = all(torch.equal(first, second) for first, second in pairs)
        results = self._seen(seen)
        results |= self._gradients(network, inputs, seen, takes_step)
        for name, each in network.named_buffers():
            if is_training and not torch.equal(each, before[name]):
                results[f"statistics/{name}"] = each.numpy().copy()
        return results, is_same

    def _seen(self, seen: Mapping[str, Tensor]) -> Arrays:
        """Bring what was seen into Keras' order of axes."""
        results = {}
        for call in self._table["calls"]:
            tensor = seen[_key(call)].detach()
            tensor = tensor.permute(*call["axes"]) if call["axes"] else tensor
            results[f"{'masks' if call['is_mask'] else 'outputs'}/{call['name']}"] = tensor.numpy().copy()
        return results

    def _gradients(
        self, network: nn.Module, inputs: list[Tensor], seen: Mapping[str, Tensor], takes_step: bool
    ) -> Arrays:
        """Compute the vector-Jacobian product, and, if asked for, take a step of Adam."""
        cotangents = self._given("cotangents")
        if not cotangents:
            return {}
        by_name = {call["name"]: call for call in self._table["calls"] if not call["is_mask"]}
        ends = [seen[_key(by_name[name])].permute(*by_name[name]["axes"]) for name in cotangents]
        weights = {name: each for name, each in network.named_parameters() if each.requires_grad}
        starts = {name: each for name, each in zip(self._table["inputs"], inputs, strict=True) if each.requires_grad}
        given = [torch.from_numpy(each.copy()).to(self._dtype) for each in cotangents.values()]
        pairs = [pair for pair in zip(ends, given, strict=True) if pair[0].requires_grad]
        wanted = [*weights.values(), *starts.values()]
        if not pairs or not wanted:
            return {}
        found = torch.autograd.grad(
            [end for end, _ in pairs], wanted, grad_outputs=[each for _, each in pairs], allow_unused=True
        )
        whole = [torch.zeros_like(each) if grad is None else grad for each, grad in zip(wanted, found, strict=True)]
        names = [*(f"gradients/{name}" for name in weights), *(f"input_gradients/{name}" for name in starts)]
        results = {name: each.numpy().copy() for name, each in zip(names, whole, strict=True)}
        if takes_step:
            for weight, gradient in zip(weights.values(), whole, strict=False):
                # In the weight's order in memory, in which the step goes through both.
                weight.grad = torch.empty_like(weight).copy_(gradient)
            optimizer = self._optimizer(weights)
            optimizer.step()
            state = optimizer.get_state()
            results |= {f"adam/m/{name}": each for name, each in state.m.items()}
            results |= {f"adam/v/{name}": each for name, each in state.v.items()}
            results |= {f"adam/weights/{name}": each.detach().numpy().copy() for name, each in weights.items()}
        return results

    def _optimizer(self, weights: Mapping[str, Tensor]) -> KerasAdam:
        """Make Adam as Keras defines it, of weights in PyTorch's own layout."""
        return KerasAdam({name: Located(each, tuple(range(each.ndim))) for name, each in weights.items()}, self._adam)

    def run_shortly(self, steps: int, loss: dict[str, Any]) -> Arrays:
        """Train on one batch, given draws and all, for some steps."""
        network, inputs = self._network(self._plain).train(), self._inputs()
        targets = self._given("targets")
        weights = {name: each for name, each in network.named_parameters() if each.requires_grad}
        optimizer, compute = self._optimizer(weights), loss_of(loss)
        losses = []
        for _ in range(steps):
            with self._drawing(network):
                outputs = dict(zip(self._table["outputs"], _as_tuple(network(*inputs)), strict=True))
            value = torch.stack([
                compute(outputs[name], torch.from_numpy(each.copy())) for name, each in targets.items()
            ]).sum()  # fmt: skip
            losses.append(value.detach())
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        results = {"steps/losses": torch.stack(losses).numpy().copy()}
        return results | {f"steps/weights/{name}": each.detach().numpy().copy() for name, each in weights.items()}

    @contextmanager
    def _drawing(self, network: nn.Module) -> Iterator[None]:
        """Give random layers their draws, in the order of their calls; without one, a layer does nothing at random."""
        draws = self._given("draws")
        queues: defaultdict[str, list[Tensor | None]] = defaultdict(list)
        for call in self._table["random"]:
            draw = draws.get(call["name"])
            queues[call["module"]] += [None] if draw is None else _forms(torch.from_numpy(draw.copy()), call)
        dtype = self._dtype
        for name, queue in queues.items():
            module: Any = network.get_submodule(name)
            module.forward = _with_draws(module, [None if each is None else each.to(dtype) for each in queue])
        try:
            yield
        finally:
            for name in queues:
                del network.get_submodule(name).forward


def _forms(draw: Tensor, call: Mapping[str, Any]) -> list[Tensor]:
    """Bring a draw into the form in which a module takes it, one for each time that it is called."""
    found = [draw]
    for step in call["steps"]:
        if step == "fold":
            found = [each.flatten(0, 1) for each in found]
        elif step == "loop":
            found = [part for each in found for part in each.unbind(1)]
        elif step == "sequence":
            found = [each.unsqueeze(1) if each.ndim == 2 else each for each in found]
    return [each.permute(*call["axes"]) for each in found] if call["axes"] else found


def _with_draws(module: nn.Module, queue: list[Tensor | None]) -> Callable[[Tensor], Tensor]:
    """Make what a random module does, given what it draws at each call."""
    waiting, name = list(queue), type(module).__name__
    rate = float(getattr(module, "p", 0.0))

    def forward(x: Tensor) -> Tensor:
        """Multiply or add what was drawn."""
        draw = waiting.pop(0) if waiting else None
        if draw is None or not (module.training or name.startswith("Always")):
            return x
        if name == "GaussianNoise":
            return x + draw
        if name == "GaussianDropout":
            return x * draw
        if name == "AlphaDropout":
            a = 1 / math.sqrt((1 - rate) * (1 + rate * _LOWEST**2))
            return a * (x * draw + _LOWEST * (1 - draw)) - a * _LOWEST * rate
        return x * (draw / (1 - rate) if rate < 1 else 0.0 * draw)

    return forward


def _as_tuple(outputs: Any) -> tuple[Tensor, ...]:
    """Give several outputs, of which there may be one."""
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _key(call: Mapping[str, Any]) -> str:
    """Name what is seen of a call."""
    return f"{call['name']}{' mask' if call['is_mask'] else ''}"


def _look_into(tree: ast.Module, calls: list[dict[str, Any]]) -> None:
    """Put a statement behind each line of the table that hands on what its variable holds."""
    network = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Network")
    forward = next(node for node in network.body if isinstance(node, ast.FunctionDef) and node.name == "forward")
    by_line: defaultdict[int, list[ast.stmt]] = defaultdict(list)
    for call in calls:
        by_line[call["line"]] += ast.parse(f"{_RECORD}({_key(call)!r}, {call['variable']})").body
    body = by_line.pop(forward.lineno, [])
    for statement in forward.body:
        body += [statement, *by_line.pop(statement.lineno, [])]
    if by_line:
        raise BackendError(f"expected statements of forward in lines {sorted(by_line)}, found none")
    forward.body = body
    ast.fix_missing_locations(tree)


def _namespace(tree: ast.Module, path: Path) -> dict[str, Any]:
    """Execute a file; it must have been checked by whoever wrote it."""
    namespace: dict[str, Any] = {"__name__": "network"}
    exec(compile(tree, str(path), "exec"), namespace)
    return namespace
