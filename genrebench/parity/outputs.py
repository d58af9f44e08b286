"""What a backend returned, as types: one dataclass, made once, in the order in which it was asked."""

from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

from genrebench.backend.protocol import BackendInfo
from genrebench.network.types import Array, Weights
from genrebench.parity.arrays import unpack

Tensors = dict[str, Array]


@dataclass(frozen=True)
class Answer:
    """What was returned to one question; `error` says why it, or a part of it, could not be answered."""

    error: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Values(Answer):
    """Tensors by name."""

    values: Tensors = field(default_factory=dict)


@dataclass(frozen=True)
class Logits(Answer):
    """Logits [shape=(n, classes)]; None if they could not be computed."""

    values: Array | None = None


@dataclass(frozen=True)
class Trace(Answer):
    """Outputs by layer, and in training updated running statistics by canonical name.

    With an error, those of as many of the first layers as can be run.
    """

    outputs: Tensors = field(default_factory=dict)
    statistics: Tensors = field(default_factory=dict)


@dataclass(frozen=True)
class LossAndGradients(Answer):
    """Mean cross-entropy [shape=()] in training mode, and its gradients by canonical name."""

    loss: Array | None = None
    gradients: Weights = field(default_factory=dict)


@dataclass(frozen=True)
class AdamUpdate(Answer):
    """Trainable weights and moments after one update from a given state, by canonical name."""

    weights: Weights = field(default_factory=dict)
    m: Weights = field(default_factory=dict)
    v: Weights = field(default_factory=dict)


@dataclass(frozen=True)
class Training(Answer):
    """The loss of each step [shape=(steps,)] of a training without dropout, and all weights after the last."""

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
    training, gradients : Trace, LossAndGradients
        With the dropout masks of the inputs; what is `undropped` is without.
    perturbed, control : LossAndGradients, Training
        As `gradients` and `steps`, from weights that are one ulp away.
    fast, fast_adam : Training
        The first step as training runs it, with `GRADIENT_PROBE_ADAM` and with Adam's defaults.
    dropout : Values
        By dropout layer, what it makes of ones in two steps of training.
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
    logits_float32: Logits
    trained: Logits

    @classmethod
    def from_job(cls, arrays: dict[str, Array], value: dict[str, Any], report: dict[str, Any]) -> "Outputs":
        """Make the outputs from what the job `answer` returned, and from what its process reports of itself."""
        parts = {name: unpack(kind, arrays, name) for name, kind in answer_types().items()}
        known = {each.name for each in fields(BackendInfo)}  # another interpreter's may say more
        info: dict[str, Any] = {
            key: tuple(each) if isinstance(each, list) else each for key, each in value["info"].items() if key in known
        }
        described = {key: each for key, each in value.items() if key != "info"}
        return cls(info=BackendInfo(**info), report={"backend": info["name"], **report, **described}, **parts)


def answer_types() -> dict[str, type[Answer]]:
    """List what can be asked, and the type of each answer."""
    return {name: kind for name, kind in get_type_hints(Outputs).items() if name not in ("info", "report")}
