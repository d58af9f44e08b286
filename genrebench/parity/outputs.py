"""What a backend returned, as types: one dataclass, made once, in the order in which it was asked."""

from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from genrebench.backend.protocol import BackendInfo
from genrebench.network.types import Array, Weights
from genrebench.parity.arrays import unpack

Tensors = dict[str, Array]


@dataclass(frozen=True)
class Answer:
    """What was returned to one question.

    Attributes
    ----------
    error : str
        Why the question, or a part of it, could not be answered; empty if it was.
    """

    error: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Values(Answer):
    """Tensors by name.

    Attributes
    ----------
    values : dict of str to ndarray
        The tensors.
    """

    values: Tensors = field(default_factory=dict)


@dataclass(frozen=True)
class Logits(Answer):
    """The output of the network.

    Attributes
    ----------
    values : ndarray [shape=(n, classes)] or None
        Logits; None if they could not be computed.
    """

    values: Array | None = None


@dataclass(frozen=True)
class Trace(Answer):
    """A forward pass, layer by layer; with an error, of as many of the first layers as can be run.

    Attributes
    ----------
    outputs : dict of str to ndarray
        By layer.
    statistics : dict of str to ndarray
        Updated running statistics by canonical name; in evaluation there are none.
    """

    outputs: Tensors = field(default_factory=dict)
    statistics: Tensors = field(default_factory=dict)


@dataclass(frozen=True)
class LossAndGradients(Answer):
    """Loss and gradients in training mode.

    Attributes
    ----------
    loss : ndarray [shape=()] or None
        Mean cross-entropy.
    gradients : dict of str to ndarray
        By canonical name.
    """

    loss: Array | None = None
    gradients: Weights = field(default_factory=dict)


@dataclass(frozen=True)
class AdamUpdate(Answer):
    """One update of Adam from a given state.

    Attributes
    ----------
    weights, m, v : dict of str to ndarray
        Trainable weights and moments after it, by canonical name.
    """

    weights: Weights = field(default_factory=dict)
    m: Weights = field(default_factory=dict)
    v: Weights = field(default_factory=dict)


@dataclass(frozen=True)
class Training(Answer):
    """Some steps of training without dropout.

    Attributes
    ----------
    losses : ndarray [shape=(steps,)] or None
        Loss of each step, before its update.
    weights : dict of str to ndarray
        All weights after the last step.
    """

    losses: Array | None = None
    weights: Weights = field(default_factory=dict)


@dataclass(frozen=True)
class Outputs:
    """All that one backend returned.

    Attributes
    ----------
    info : BackendInfo
        What the plugin says of itself, in the interpreter that has it.
    report : dict
        What its process says of itself: versions, threads, device, seconds by question, peak memory.
    weights : Values
        The weights, read back.
    evaluation, training : Trace
        Forward passes; in training with the dropout masks.
    gradients, perturbed : LossAndGradients
        With the masks, from the weights and from weights that are one ulp away.
    adam : AdamUpdate
        From the given gradients and state.
    steps, control : Training
        The short run, from the weights and from weights that are one ulp away.
    logits : Logits
        In evaluation.
    undropped, undropped_training : LossAndGradients, Trace
        In training mode without masks.
    fast, fast_adam : Training
        The first step as training runs it, with `GRADIENT_PROBE_ADAM` and with Adam's defaults.
    dropout : Values
        By dropout layer, what it makes of ones in two steps of training.
    weights_float32, evaluation_float32, training_float32, gradients_float32, fast_float32 : Answer
        The same in float32.
    trained : Logits
        Of a trained model, in float32.
    """

    info: BackendInfo
    report: dict[str, Any]
    weights: Values
    evaluation: Trace
    training: Trace
    gradients: LossAndGradients
    perturbed: LossAndGradients
    adam: AdamUpdate
    steps: Training
    control: Training
    logits: Logits
    undropped: LossAndGradients
    undropped_training: Trace
    fast: Training
    fast_adam: Training
    dropout: Values
    weights_float32: Values
    evaluation_float32: Trace
    training_float32: Trace
    gradients_float32: LossAndGradients
    fast_float32: Training
    trained: Logits

    @classmethod
    def from_job(cls, arrays: dict[str, Array], value: dict[str, Any], report: dict[str, Any]) -> "Outputs":
        """Make the outputs from what the job `genrebench.parity.answers.answer` returned.

        Parameters
        ----------
        value : dict
            What it says of the backend.
        report : dict
            What the process says of itself.
        """
        parts = {name: unpack(kind, arrays, name) for name, kind in answer_types().items()}
        known = {each.name for each in fields(BackendInfo)}  # another interpreter's may say more
        info: dict[str, Any] = {
            key: tuple(each) if isinstance(each, list) else each for key, each in value["info"].items() if key in known
        }
        described = {key: each for key, each in value.items() if key != "info"}
        return cls(
            info=BackendInfo(**info),
            report={"backend": info["name"], **report, **described},
            **parts,
        )


def answer_types() -> dict[str, type[Answer]]:
    """List what can be asked, and the type of each answer."""
    return {name: kind for name, kind in get_type_hints(Outputs).items() if name not in ("info", "report")}
