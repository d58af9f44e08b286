"""What a parity run found, as data: `parity.json` is this, and every rendering is made from it alone.

JSON has no NaN and no infinity; an error that cannot be measured, since a tensor is missing, has another shape, or
holds NaN, is None, and the row's note says why.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from genrebench.errors import ConfigError, shown
from genrebench.system.files import StrPath, read_json, write_json
from genrebench.system.validation import explain

SCHEMA_VERSION = 2

Verdict = Literal["equal", "rounding", "known", "DIVERGES", "info"]
View = Literal["cumulative", "isolated"]
EQUAL: Final = "equal"
DIVERGES: Final = "DIVERGES"
_OfTensors = Literal["structure", "weight", "output", "statistic", "gradient", "update", "m", "v", "mask"]
_OfNetworks = Literal["loss", "weights", "logits", "probabilities", "genres"]
Quantity = _OfTensors | _OfNetworks


@dataclass(frozen=True)
class Worst:
    """The element of a tensor with the largest difference; NaN and infinity are None."""

    index: tuple[int, ...]
    value: float | None
    expected: float | None


@dataclass(frozen=True)
class Row:
    """The comparison of one tensor.

    Attributes
    ----------
    tensor : str
        Name of a layer, for what it computes, or canonical name of a weight; empty for what belongs to the network.
    quantity : str
        What is compared: ``output``, ``weight``, ``gradient``, ``update`` and moments ``m`` and ``v`` of Adam,
        ``statistic``, ``loss``, ...
    view : str
        ``cumulative``: as the network computed it; ``isolated``: against the reference layer that was fed with this
        backend's own input, which leaves out what the layer inherited.
    relative_l2 : float or None
        ``|value - expected| / |expected|``, over the whole tensor.
    scaled_max : float or None
        Largest difference, divided by the largest expected value.
    worst : Worst or None
        Where the difference is largest; None where nothing differs or nothing can be compared.
    ulps : int or None
        How many floats lie between the two values there.
    tolerance : float or None
        Largest `relative_l2` that passes; 0 asks for equal bits, None for nothing.
    verdict : str
        ``equal``, ``rounding``, ``known``, ``DIVERGES``, or ``info`` where nothing is asked.
    known : str
        Where the verdict is ``known``: id of the ledger's entry that predicts the difference, which is expected.
    note : str
        What else is to be said, such as why nothing could be compared.
    mode : str
        What sets it apart from others of its tensor and quantity: the pass, the type, where a weight was sent.
    case : object
        What the ledger needs to explain the row; only while a run lasts, never stored.
    """

    tensor: str
    quantity: Quantity
    view: View
    shape: tuple[int, ...]
    relative_l2: float | None
    scaled_max: float | None
    worst: Worst | None
    ulps: int | None
    tolerance: float | None
    verdict: Verdict
    known: str = ""
    note: str = ""
    mode: str = ""
    step: int | None = None
    case: Annotated[Any, Field(exclude=True)] = field(default=None, compare=False, repr=False)

    @property
    def diverges(self) -> bool:
        """Return whether the tensors differ by more than rounding, and not as expected."""
        return self.verdict == DIVERGES

    @property
    def node(self) -> str:
        """Name the layer that the tensor belongs to."""
        return self.tensor.partition("/")[0]

    @property
    def label(self) -> str:
        """Name the row for people."""
        if self.quantity in ("update", "m", "v"):
            label = f"Adam's {self.quantity} of {self.tensor}"
        elif self.quantity == "mask":
            label = f"random masks of {self.tensor}"
        elif self.quantity == "weights":
            label = f"weights after step {self.step}"
        elif self.quantity == "loss" and self.step:
            label = f"loss of step {self.step}"
        else:
            label = self.tensor or self.quantity
        return f"{label} ({self.mode})" if self.mode else label

    @property
    def verdict_label(self) -> str:
        """Format the verdict for people, such as ``known:adam-float32``."""
        return f"{self.verdict}:{self.known}" if self.known else self.verdict


def largest_error(rows: Iterable[Row]) -> float | None:
    """Find the largest error; None if nothing was measured."""
    return max((row.relative_l2 for row in rows if row.relative_l2 is not None), default=None)


@dataclass(frozen=True)
class Comparison:
    """All tensors of one backend against another in one stage, in the network's order.

    A backend against itself: what training runs, against its traced network. `error` is what the backend answered
    instead of tensors; empty if it computed.
    """

    backend: str
    against: str
    rows: tuple[Row, ...]
    error: str = ""

    @property
    def title(self) -> str:
        """Name the two for people."""
        return f"{self.backend} against {'itself, traced' if self.against == self.backend else self.against}"

    @property
    def passed(self) -> bool:
        """Return whether the backend computed and no row diverges."""
        return not self.error and not any(row.diverges for row in self.rows)

    @property
    def largest(self) -> float | None:
        """Find the largest error; None if nothing was measured."""
        return largest_error(self.rows)


@dataclass(frozen=True)
class Stage:
    """One stage of the report.

    Attributes
    ----------
    criterion : str
        In words, what is compared and what passes.
    gate : float or None
        Largest relative error that passes; None for a stage that informs only.
    comparisons : tuple of Comparison
        Each backend against the reference, then the backends against each other.
    skipped : str
        Why the stage did not run; empty if it did.
    """

    id: str
    title: str
    criterion: str
    dtype: str
    gate: float | None
    comparisons: tuple[Comparison, ...]
    skipped: str = ""

    @property
    def passed(self) -> bool | None:
        """Return whether the gate holds; None for a stage that did not run, or has no gate and could be computed."""
        if self.skipped or (self.gate is None and not any(comparison.error for comparison in self.comparisons)):
            return None
        return all(comparison.passed for comparison in self.comparisons)


@dataclass(frozen=True)
class Cause:
    """An entry of the ledger that explains a difference.

    Attributes
    ----------
    parameters : dict of str to float or str
        What it is here, such as ``{"epsilon": 1e-05}``; `explanation` says the same in words.
    residual : float
        What remains of the difference when the reference does the same.
    citation : str
        Where the semantic is documented.
    """

    id: str
    parameters: dict[str, float | str]
    title: str
    explanation: str
    residual: float
    citation: str


@dataclass(frozen=True)
class Finding:
    """Something that is off, and why.

    Attributes
    ----------
    row : Row or None
        The diverging row; None if the backend raised instead of computing.
    tolerance : float or None
        The smallest tolerance with which the whole stage would pass; None if none would.
    cause : Cause or None
        The cause, if the ledger has one that explains the numbers.
    message : str
        One line for people.
    """

    backend: str
    stage: str
    row: Row | None
    tolerance: float | None
    cause: Cause | None
    message: str

    @property
    def label(self) -> str:
        """Name for people what is off: the row, or the stage that could not be computed."""
        return self.row.label if self.row else self.stage


@dataclass(frozen=True)
class Report:
    """A parity run.

    Attributes
    ----------
    created : str
        Date and time (ISO 8601, UTC).
    command : str
        What was asked, as one would type it.
    inputs, weights : str
        What they were, such as ``4 random inputs, 128 x 130 x 1, seed 0``.
    hashes : dict of str to str
        SHA-256 of architecture, weights and inputs.
    environment : dict
        Platform, processor, flags.
    workers : dict of str to dict
        What each backend's process says of itself: versions, threads, device, seconds, peak memory.
    findings : tuple of Finding
        What is off, the first one first.
    verdict : str
        What was found, in a few sentences.
    losses : dict of str to list of float
        Relative error of the loss by step, by backend.
    control : list of float
        The same of the reference when it starts one ulp away.
    """

    schema: int
    created: str
    seconds: float
    command: str
    backends: tuple[str, ...]
    reference: str
    inputs: str
    weights: str
    architecture: dict[str, Any]
    hashes: dict[str, str]
    environment: dict[str, Any]
    workers: dict[str, dict[str, Any]]
    stages: tuple[Stage, ...]
    findings: tuple[Finding, ...]
    verdict: str
    losses: dict[str, list[float | None]] = field(default_factory=dict)
    control: list[float | None] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Return whether every gate holds."""
        return all(stage.passed is not False for stage in self.stages)

    @property
    def layers(self) -> tuple[str, ...]:
        """Name the network's layers."""
        return tuple(layer["name"] for layer in self.architecture["layers"])

    def stage(self, identifier: str) -> Stage:
        """Look up a stage by its id.

        Raises
        ------
        KeyError
            If the report has no such stage.
        """
        return {stage.id: stage for stage in self.stages}[identifier]


_ADAPTER = TypeAdapter(Report)


def save_report(path: StrPath, report: Report) -> None:
    """Write a report as JSON, into a folder that exists."""
    write_json(Path(path), {**_ADAPTER.dump_python(report, mode="json"), "passed": report.passed})


def load_report(path: StrPath) -> Report:
    """Read a report that `save_report` wrote.

    Raises
    ------
    ConfigError
        If it cannot be read, is no report, or is another version's.
    """
    document = read_json(Path(path), expected="a parity report", error=ConfigError)
    version = document.get("schema") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"expected a parity report with schema {SCHEMA_VERSION}, received {shown(version)}; run parity again",
            path=path,
        )
    try:
        document.pop("passed", None)
        return _ADAPTER.validate_python(document)
    except ValidationError as error:
        raise ConfigError(f"expected a parity report; {explain(error)}", path=path) from error


def smallest_tolerance(comparisons: Iterable[Comparison]) -> float | None:
    """Find the tolerance with which everything would pass; None if something cannot be measured."""
    comparisons = list(comparisons)
    # What is known passes whatever the tolerance.
    rows = [row for each in comparisons for row in each.rows if row.verdict != "known"]
    if any(comparison.error for comparison in comparisons) or any(row.relative_l2 is None for row in rows):
        return None
    return largest_error(rows) or 0.0
