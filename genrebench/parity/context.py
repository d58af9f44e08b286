"""What the stages look at: the inputs, the outputs of all backends, and what follows from them by definition."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import combinations, product
from typing import TypeVar

import numpy as np

from genrebench.errors import BackendError, GenrebenchError
from genrebench.network.layers import BatchNormalization
from genrebench.network.node import INPUT, Node
from genrebench.network.numerics import GRADIENT_TOLERANCE, uniform_loss
from genrebench.network.reference import run_layer
from genrebench.network.types import Array
from genrebench.parity.inputs import ParityInputs
from genrebench.parity.ledger.case import LayerCase
from genrebench.parity.ledger.tensors import StatisticCase
from genrebench.parity.outputs import Answer, Outputs, Trace

# How much further than a step of one ulp moves a result two right computations may be apart.
CONTROL_FACTOR = 10.0

A = TypeVar("A", bound=Answer)


@dataclass(frozen=True)
class Context:
    """What backends were given, what each returned, and who is compared with which reference."""

    inputs: ParityInputs
    outputs: Mapping[str, Outputs]
    backends: tuple[str, ...]
    reference: str
    _cases: dict[tuple[str, bool], dict[str, LayerCase | StatisticCase]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a reference that could not compute, and numbers that prove nothing."""
        right, architecture = self.right, self.inputs.architecture
        for each in fields(right):
            answer = getattr(right, each.name)
            if isinstance(answer, Answer) and answer.error:
                raise BackendError(
                    f"expected the reference {self.reference} to compute, {each.name} failed: {answer.error}"
                )
        layers, trainable = [node.name for node in architecture.walk()], architecture.trainable
        self._require("evaluation", right.evaluation.outputs, layers, not_zero="its output is")
        self._require("training", right.training.outputs, layers)
        self._require("training", right.training.statistics, architecture.statistics)
        self._require("gradients", right.gradients.gradients, trainable, not_zero="its gradient is")
        self._require("perturbed", right.perturbed.gradients, trainable)
        for name in ("steps", "control"):
            self._require(name, getattr(right, name).weights, architecture.weight_specs())
        for kind in ("weights", "m", "v"):
            self._require(f"adam {kind}", getattr(right.adam, kind), trainable)
        if self.inputs.spectrograms is not None:
            trained = right.trained.values
            self._require("trained", {} if trained is None else {"logits": trained}, ["logits"])
        losses = [right.gradients.loss, right.steps.losses]
        if any(each is None or not np.isfinite(each).all() for each in losses):
            raise BackendError(f"expected finite losses from the reference {self.reference}, received {losses}")

    def _require(
        self,
        answer: str,
        tensors: Mapping[str, Array],
        names: Mapping[str, object] | list[str] | tuple[str, ...],
        *,
        not_zero: str = "",
    ) -> None:
        """Refuse tensors of the reference that are missing, not finite, or zero where that proves nothing."""
        for name in names:
            if name not in tensors or not np.isfinite(tensors[name]).all():
                raise BackendError(
                    f"expected finite numbers from the reference {self.reference}, received none for {name}, {answer}"
                )
            if not_zero and not tensors[name].any():
                raise BackendError(
                    f"{name}: {not_zero} nothing but zeros with these weights and inputs, which proves nothing about "
                    "what comes before; try other weights (--seed, --model), a larger --batch-size, or more classes"
                )

    @property
    def right(self) -> Outputs:
        """Look up the reference's outputs."""
        return self.outputs[self.reference]

    def pairs(self, pick: Callable[[Outputs], A]) -> Iterator[tuple[str, str, A, A, str]]:
        """List who is compared with whom: each backend and the reference, then the backends with each other.

        Given are both names, their answers, and why these cannot be compared as a whole; empty if they can.
        """
        for backend, against in (*product(self.backends, [self.reference]), *combinations(self.backends, 2)):
            ours, theirs = pick(self.outputs[backend]), pick(self.outputs[against])
            yield backend, against, ours, theirs, ours.error or (theirs.error and f"{against}: {theirs.error}")

    @property
    def uniform_loss(self) -> float:
        """Compute the loss of equal logits, to which errors of losses are relative at least."""
        return uniform_loss(self.inputs.architecture.classes)

    @cached_property
    def gradient_tolerances(self) -> dict[str, float]:
        """Choose the largest relative error of each gradient.

        That is the gate, or, where the terms of a gradient cancel and leave fewer digits, a multiple of what one ulp in
        each weight does.
        """
        perturbed = self.right.perturbed.gradients
        tolerances = {}
        for name, gradient in self.right.gradients.gradients.items():
            norm = float(np.linalg.norm(gradient)) or 1.0
            effect = float(np.linalg.norm(perturbed[name] - gradient)) / norm
            tolerances[name] = max(GRADIENT_TOLERANCE, CONTROL_FACTOR * effect)
        return tolerances

    def cases(self, backend: str, *, training: bool) -> dict[str, LayerCase | StatisticCase]:
        """Compute what every layer, and in training every running statistic, should be for the input it was given.

        What is missing, or whose input is missing or does not fit, is left out.
        """
        found = self._cases.setdefault((backend, training), {})
        if not found:
            outputs = self.outputs[backend]
            trace = outputs.training if training else outputs.evaluation
            for node in self.inputs.architecture.walk():
                given = self.inputs.x if node.inputs[0] == INPUT else trace.outputs.get(node.inputs[0])
                if given is not None and np.isfinite(given).all() and node.name in trace.outputs:
                    found.update(self._cases_of(node, given, trace, training=training))
        return found

    def _cases_of(self, node: Node, x: Array, trace: Trace, *, training: bool) -> dict[str, LayerCase | StatisticCase]:
        """Run one layer by definition, and set its output and running statistics beside the backend's."""
        inputs = self.inputs
        mask = inputs.masks.get(node.name) if training else None
        try:
            right = run_layer(node.layer, inputs.weights, x, training=training, mask=mask)
        except (GenrebenchError, ValueError):
            return {}
        layer = LayerCase(
            received=trace.outputs[node.name],
            expected=right[node.name],
            architecture=inputs.architecture,
            node=node,
            weights=inputs.weights,
            x=x,
            outputs=trace.outputs,
            training=training,
            mask=mask,
        )
        cases: dict[str, LayerCase | StatisticCase] = {node.name: layer}
        for name, expected in right.items():
            if name in trace.statistics:
                cases[name] = self.statistic_case(node, name, trace.statistics[name], expected)
        return cases

    def statistic_case(self, node: Node, name: str, received: Array, expected: Array) -> StatisticCase:
        """Collect what is needed to explain a running statistic."""
        layer = node.layer
        if not isinstance(layer, BatchNormalization):
            raise TypeError(f"{name}: expected running statistics of a batch normalization, received {layer.kind}")
        count = len(self.inputs.x) * math.prod(node.input_shapes[0][:-1])
        old = self.inputs.weights[name]
        return StatisticCase(received, expected, name.rpartition("/")[2], layer.momentum, count, old)
