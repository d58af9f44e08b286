"""Every call alone: what it gave, against its definition on what it was given."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genrebench.errors import GenrebenchError
from genrebench.network.numerics import (
    FLOAT32_TOLERANCE,
    FORWARD_TOLERANCE,
    MOST_ROUNDING,
    perturb_by_ulp,
    relative_error,
)
from genrebench.network.types import Array
from genrebench.parity.compare import compare, mark_known
from genrebench.parity.context import CONTROL_FACTOR
from genrebench.parity.ledger.tensors import StatisticCase
from genrebench.parity.report import Row
from genrebench.porting.definitions.audio import canceled_in_bands
from genrebench.porting.passes import name_of
from genrebench.porting.proof.answers import Run
from genrebench.porting.proof.case import CallCase
from genrebench.porting.proof.causes.activation import word
from genrebench.porting.proof.subject import Trial
from genrebench.porting.reference import run_call
from genrebench.reading.graph import Call, Graph, Tensor
from genrebench.reading.kinds.audio import MelSpectrogram
from genrebench.reading.kinds.core import InputLayer
from genrebench.reading.kinds.normalization import BatchNormalization

# Of Keras on TensorFlow: it resizes in float32 whatever it is given, and keeps some constants as such.
SINGLE_ID = "tensorflow-float32"
_SINGLE_KINDS = frozenset(
    "UpSampling2D Resizing CenterCrop Rescaling Normalization LeakyReLU MultiHeadAttention MelSpectrogram".split()
)
_SINGLE_ACTIVATIONS = frozenset({"gelu", "leaky_relu", "hard_sigmoid", "hard_sigmoid_keras2", "hard_silu"})
_SINGLE_TOLERANCE = 2e-6


@dataclass(frozen=True)
class Isolated:
    """Every call of one side, alone.

    Attributes
    ----------
    cases : dict of str to CallCase
        By tensor.
    statistics : dict of str to StatisticCase
        By canonical name.
    accepts_single : bool
        Whether layers that TensorFlow computes in float32 may be that far off.
    """

    cases: dict[str, CallCase]
    statistics: dict[str, StatisticCase]
    accepts_single: bool = False

    @classmethod
    def of(
        cls, graph: Graph, trial: Trial, run: Run, right: Run, *, training: bool, accepts_single: bool = False
    ) -> "Isolated":
        """Run every call by its definition on what one side gave it; what lacks an input is left out."""
        cases: dict[str, CallCase] = {}
        statistics: dict[str, StatisticCase] = {}
        for call in graph.calls.values():
            if isinstance(call.layer.kind, InputLayer) or not any(name in run.outputs for name in _names(call)):
                continue
            try:
                found = _case(graph, call, trial, run, right, training)
            except (GenrebenchError, KeyError, ValueError, IndexError):  # an input of another shape, or none
                continue
            for case in found:
                cases[case.tensor] = case
            if training and isinstance(call.layer.kind, BatchNormalization) and call.layer.trainable:
                statistics |= _statistics(call, trial, run, right)
        return cls(cases, statistics, accepts_single)

    @property
    def singles(self) -> set[str]:
        """Name the outputs that a side computed in float32, as TensorFlow does in a few kinds of layers."""
        if not self.accepts_single:
            return set()
        return {
            tensor
            for tensor, case in self.cases.items()
            if _may_be_single(case)
            and FORWARD_TOLERANCE < relative_error(case.received, case.expected) <= _SINGLE_TOLERANCE * _canceled(case)
        }

    @property
    def loosened(self) -> float:
        """Give the tolerance of what follows from float32; 0 if nothing does."""
        return FLOAT32_TOLERANCE if self.singles else 0.0

    @property
    def tolerance(self) -> float:
        """Give the tolerance of outputs as they were computed: what layers may each be off adds up."""
        errors = [relative_error(case.received, case.expected) for case in self.cases.values() if case.is_right]
        return max(FORWARD_TOLERANCE, self.loosened, CONTROL_FACTOR * max(errors, default=0.0))

    def rows(self, mode: str) -> Iterator[Row]:
        """Compare every call with its definition."""
        singles = self.singles
        for tensor, case in self.cases.items():
            row = compare(
                tensor,
                case.received,
                case.expected,
                quantity="output",
                tolerance=tolerance_alone(case),
                view="isolated",
                mode=mode,
                case=case,
            )
            if tensor in singles:
                note = "TensorFlow computes this layer in float32, or keeps its constants in it"
                row = replace(mark_known(row, SINGLE_ID), note=note)
            yield row


def tolerance_alone(case: CallCase) -> float:
    """Choose how far a call alone may be off its definition.

    That is the gate, or a multiple of what one ulp in its weights and inputs does: a recurrence with large weights
    makes many times as much of it at each step.
    """
    same = case.received.shape == case.expected.shape
    if case.is_right or not same or relative_error(case.received, case.expected) > MOST_ROUNDING:
        return FORWARD_TOLERANCE
    floats = {str(place): each for place, each in enumerate(case.inputs) if each.dtype.kind == "f"}
    moved = perturb_by_ulp(floats)
    inputs = tuple(moved.get(str(place), each) for place, each in enumerate(case.inputs))
    effect = relative_error(case.run(own=perturb_by_ulp(case.own), inputs=inputs), case.expected)
    return max(FORWARD_TOLERANCE, min(CONTROL_FACTOR * effect, MOST_ROUNDING))


def _may_be_single(case: CallCase) -> bool:
    """Return whether TensorFlow has a constant in float32, or all of it, in a call."""
    kinds = [kind for _, kind in case.parts()]
    words = {word(getattr(kind, name)) for kind in kinds for name in kind.activations}
    return bool({kind.name for kind in kinds} & _SINGLE_KINDS or words & _SINGLE_ACTIVATIONS)


def _canceled(case: CallCase) -> float:
    """Measure how much larger what is scaled is than what is left once it is shifted, as exact as its constants."""
    if isinstance(case.call.layer.kind, MelSpectrogram):
        return canceled_in_bands(case.call.layer.kind)
    if case.call.layer.kind is None or case.call.layer.kind.name not in ("Rescaling", "Normalization"):
        return 1.0
    zeros = tuple(np.zeros_like(each) for each in case.inputs)
    shift = run_call(case.call, case.weights, zeros)[case.tensor]
    left = float(np.linalg.norm(case.expected))
    return max(1.0, float(np.linalg.norm(case.expected - shift)) / left) if left else 1.0


def _names(call: Call) -> list[str]:
    """Name the outputs of a call."""
    return [name_of(Tensor(call.name, index)) for index in range(len(call.output_shapes or ()))]


def _case(graph: Graph, call: Call, trial: Trial, run: Run, right: Run, training: bool) -> list[CallCase]:
    """Run one call by its definition."""
    inputs = tuple(run.outputs[name_of(each)] for each in call.inputs)
    masks = tuple(right.masks.get(name_of(each)) for each in call.inputs)
    arguments = {name: _given(value, run.outputs) for name, value in call.arguments.items() if _has_tensors(value)}
    draws = trial.sample.draws if training else {}
    own = {name: value for name, value in draws.items() if name == call.name or name.startswith(f"{call.name}/")}
    names = _names(call)
    same = all(np.array_equal(run.outputs[name_of(each)], right.outputs[name_of(each)]) for each in call.inputs)
    if same and not arguments:
        made: Mapping[str, Array] = right.outputs
    else:
        made = run_call(call, trial.weights, inputs, masks=masks, arguments=arguments, training=training, draws=own)
    return [
        CallCase(
            run.outputs[name],
            made[name],
            graph=graph,
            call=call,
            tensor=name,
            weights=trial.weights,
            inputs=inputs,
            masks=masks,
            arguments=arguments,
            training=training,
            draws=own or {name: each for name, each in trial.sample.draws.items() if name == call.name},
        )
        for name in names
        if name in run.outputs and name in made
    ]


def _has_tensors(value: Any) -> bool:
    """Return whether an argument is made of tensors."""
    return isinstance(value, Tensor) or (
        isinstance(value, tuple | list) and any(isinstance(each, Tensor) for each in value)
    )


def _given(value: Any, outputs: Mapping[str, Array]) -> Any:
    """Put arrays in the place of tensors."""
    if isinstance(value, Tensor):
        return outputs[name_of(value)]
    return tuple(_given(each, outputs) for each in value)


def _statistics(call: Call, trial: Trial, run: Run, right: Run) -> dict[str, StatisticCase]:
    """Collect what explains running statistics."""
    kind: Any = call.layer.kind
    found = {}
    for name in ("moving_mean", "moving_variance"):
        key = f"{call.layer.name}/{name}"
        if key in run.statistics and key in right.statistics:
            count = right.outputs[call.name].size // max(right.statistics[key].size, 1)
            found[key] = StatisticCase(
                run.statistics[key], right.statistics[key], name, kind.momentum, count, trial.weights[key]
            )
    return found
