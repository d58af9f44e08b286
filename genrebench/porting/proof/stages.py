"""The stages of the proof of a port, each with its gate."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from genrebench.network.adam import Adam, adam_step
from genrebench.network.numerics import FORWARD_TOLERANCE, GRADIENT_TOLERANCE, relative_error
from genrebench.network.types import Array
from genrebench.parity.compare import compare, compare_all, mark_known, state
from genrebench.parity.context import CONTROL_FACTOR
from genrebench.parity.ledger.optimizer import AdamCase
from genrebench.parity.ledger.tensors import GradientCase, StatisticCase, WeightCase
from genrebench.parity.report import Comparison, Row, Stage
from genrebench.porting.proof.answers import KERAS, MODES, TRAINING, TWIN, Answer
from genrebench.porting.proof.isolated import Isolated
from genrebench.porting.proof.reference import REFERENCE, Reference
from genrebench.porting.proof.subject import SAID, STORED, Trial
from genrebench.reading.keras_file import KerasModel
from genrebench.reading.kinds.normalization import Normalization

LOSS_TOLERANCE = 1e-9
_BITS = {True: "the same", False: "other"}
# A bias before a normalization has a gradient of 0 but for rounding; its error is relative to this much of the layer's.
_CANCELED = 1e-3
# An update is a small difference of weights, whose last digit it cannot be more exact than.
_UPDATE_FLOOR = 1e-5


@dataclass(frozen=True)
class Proof:
    """What the stages look at.

    Attributes
    ----------
    model : KerasModel
        The model.
    trials : tuple of Trial
        The numbers.
    reference : Reference
        What the definitions give.
    answers : dict of str to Answer
        What the others give, by name.
    loaded : dict of str to ndarray
        What the written network holds once it is loaded, by canonical name.
    """

    model: KerasModel
    trials: tuple[Trial, ...]
    reference: Reference
    answers: dict[str, Answer]
    loaded: dict[str, Array]
    _isolated: dict[tuple[str, str, str], Isolated] = field(default_factory=dict)

    @property
    def compared(self) -> dict[str, Answer]:
        """Look up who has answered, or failed to; not who refused."""
        return {name: answer for name, answer in self.answers.items() if not answer.refused}

    def isolated(self, name: str, trial: Trial, mode: str) -> Isolated:
        """Run every call alone on what one side gave it, once."""
        key = (name, trial.name, mode)
        if key not in self._isolated:
            run, right = self.answers[name].run(trial.name, mode), self.reference.answer.run(trial.name, mode)
            self._isolated[key] = Isolated.of(
                self.model.graph, trial, run, right, training=mode == TRAINING, accepts_single=name == KERAS
            )
        return self._isolated[key]


def run_stages(proof: Proof) -> Iterator[Stage]:
    """Go through the stages."""
    yield alive(proof)
    yield structure(proof)
    yield weights(proof)
    for mode in MODES:
        yield forward(proof, mode)
    yield gradients(proof)
    yield adam(proof)
    yield steps(proof)


def _mode(trial: Trial, mode: str = "") -> str:
    """Say what sets a row apart."""
    return ", ".join(filter(None, (mode, SAID[trial.name])))


def alive(proof: Proof) -> Stage:
    """State that every layer was reached: a dead layer is no proof."""
    rows = []
    run = proof.reference.answer.run(STORED, MODES[0])
    for name in (*proof.model.graph.calls, *run.gradients):
        reason = proof.reference.dead.get(name, "")
        tensor = run.outputs.get(name, run.gradients.get(name))
        shape = () if tensor is None else tensor.shape
        missed = proof.reference.missed.get(name, "")
        note = f"{reason} with the file's weights and with drawn ones, which proves nothing" if reason else missed
        rows.append(state(name, "structure", shape, holds=not reason, note=note))
    criterion = "no layer's output is always the same, no weight's gradient is 0, with one of two sets of weights"
    return Stage(
        "alive",
        "Every layer alive",
        criterion,
        "float64",
        0.0,
        (Comparison(next(iter(proof.answers)), REFERENCE, tuple(rows)),),
    )


def structure(proof: Proof) -> Stage:
    """Compare calls by name and shape."""
    comparisons = []
    for name, answer in proof.compared.items():
        run, right = answer.run(STORED, MODES[0]), proof.reference.answer.run(STORED, MODES[0])
        rows = []
        for tensor, expected in right.outputs.items():
            found = run.outputs.get(tensor)
            call = proof.model.graph.calls.get(tensor)
            if found is None and name == KERAS and call is not None and call.layer.is_step:
                continue
            shape = () if found is None else found.shape
            note = "" if shape == expected.shape else "missing" if found is None else f"expected {expected.shape}"
            rows.append(state(tensor, "structure", shape, holds=not note, note=note))
        if name == TWIN:
            rows += [
                state("", "structure", (), holds=same, note=f"the file as it is gives {_BITS[same]} bits ({key})")
                for key, same in answer.same_bits.items()
            ]  # fmt: skip
        comparisons.append(Comparison(name, REFERENCE, tuple(rows), answer.error))
    criterion = (
        "every output of every layer is there and has its shape; the plain file gives the bits that are compared"
    )
    return Stage("structure", "Structure", criterion, "float64", 0.0, tuple(comparisons))


def weights(proof: Proof) -> Stage:
    """Compare the weights that the written network loads with those of the file."""
    # How many samples a normalization has seen, nothing computes with.
    counts = {
        f"{each.name}/count" for each in proof.model.graph.layers.values() if isinstance(each.kind, Normalization)
    }
    given = {name: value for name, value in proof.model.weights.items() if name not in counts}
    cases = {name: WeightCase(proof.loaded[name], given[name], name, given) for name in given if name in proof.loaded}
    rows = compare_all(proof.loaded, given, 0.0, quantity="weight", cases=cases)
    comparisons = [Comparison(TWIN, REFERENCE, tuple(rows))] if TWIN in proof.answers else []
    if (keras := proof.compared.get(KERAS)) and not keras.error:
        differing = {note.partition(" reads ")[2].partition(" of the file")[0] for note in keras.notes}
        rows = [state(name, "weight", each.shape, holds=name not in differing, note="") for name, each in given.items()]
        comparisons.append(Comparison(KERAS, REFERENCE, tuple(rows)))
    criterion = "loaded from weights.safetensors and brought back to Keras' layouts: the bits of the file"
    return Stage("weights", "Weights", criterion, proof.model.precision, 0.0, tuple(comparisons))


def forward(proof: Proof, mode: str) -> Stage:
    """Compare every output, and in training running statistics, as computed and isolated."""
    comparisons = []
    for name, answer in proof.compared.items():
        rows: list[Row] = []
        for trial in proof.trials if not answer.error else ():
            run, right = answer.run(trial.name, mode), proof.reference.answer.run(trial.name, mode)
            isolated, said = proof.isolated(name, trial, mode), _mode(trial)
            limits = proof.reference.limits(trial.name, mode, isolated.tolerance)
            expected = {each: value for each, value in right.outputs.items() if each in run.outputs or name == TWIN}
            given = {each: value for each, value in run.outputs.items() if each in expected}
            rows += compare_all(given, expected, limits, quantity="output", mode=said, cases=isolated.cases)
            if mode == TRAINING:
                statistics = {key: run.statistics[key] for key in right.statistics if key in run.statistics}
                found = compare_all(
                    statistics, right.statistics, limits, quantity="statistic", mode=said,
                    cases=isolated.statistics,
                )  # fmt: skip
                rows += map(_of_version, found) if name == KERAS else found
            if name == TWIN:
                rows += _mask_rows(run.masks, right.masks, said)
            rows += isolated.rows(said)
        comparisons.append(Comparison(name, REFERENCE, tuple(rows), answer.error))
    what = "output of every layer" + (
        " by batch statistics, and updated running statistics" if mode == TRAINING else ""
    )
    criterion = (
        f"{what}, relative L2 <= {FORWARD_TOLERANCE:g} of each layer alone, and of the whole pass, or "
        f"{CONTROL_FACTOR:g} times what one ulp in what it is given does"
    )
    return Stage(mode, f"{mode.capitalize()} forward", criterion, "float64", FORWARD_TOLERANCE, tuple(comparisons))


def _of_version(row: Row) -> Row:
    """Let pass where Keras 3 follows the biased variance, and the Keras that saved the file the unbiased one."""
    case = row.case
    if not row.diverges or not isinstance(case, StatisticCase) or case.name != "moving_variance" or case.count < 2:
        return row
    biased = case.momentum * case.old + (1 - case.momentum) * case.batch * ((case.count - 1) / case.count)
    if relative_error(case.received, biased) > FORWARD_TOLERANCE:
        return row
    note = "Keras 3 follows the biased variance of a batch, the Keras that saved the file the unbiased one"
    return replace(mark_known(row, "keras-3-variance"), note=note)


def _mask_rows(masks: Mapping[str, Array], expected: Mapping[str, Array], said: str) -> Iterator[Row]:
    """Compare the masks that travel with the data."""
    for tensor, mask in masks.items():
        right = expected.get(tensor)
        holds = right is not None and np.array_equal(mask.astype(bool), right)
        yield state(tensor, "mask", mask.shape, holds=holds, note=said if holds else f"another mask {said}".strip())


def gradients(proof: Proof) -> Stage:
    """Compare vector-Jacobian products with respect to every weight and every input."""
    comparisons = []
    for name, answer in proof.compared.items():
        rows: list[Row] = []
        for trial in proof.trials if not answer.error else ():
            for mode in MODES:
                run, right = answer.run(trial.name, mode), proof.reference.answer.run(trial.name, mode)
                tolerances, said = proof.reference.tolerances[trial.name, mode], _mode(trial, mode)
                loose = proof.isolated(name, trial, mode).loosened
                ulps = _ulps(run.outputs, right.outputs, proof.reference, trial.name, mode)
                limits = {each: max(GRADIENT_TOLERANCE, value * ulps, loose) for each, value in tolerances.items()}
                floors = _floors(right.gradients)
                cases = _gradient_cases(run.gradients, right.gradients, trial)
                found = {each: run.gradients.get(each) for each in right.gradients}
                known = {each: np.zeros_like(right.gradients[each]) if value is None and name == KERAS else value
                         for each, value in found.items()}  # fmt: skip
                given = {each: value for each, value in known.items() if value is not None}
                rows += [
                    compare(each, given.get(each), value, quantity="gradient", mode=said, tolerance=limits[each],
                            floor=floors[each], case=cases.get(each))
                    for each, value in right.gradients.items()
                ]  # fmt: skip
                slopes = {each: value for each, value in right.slopes.items() if each in run.slopes or name == TWIN}
                rows += compare_all(run.slopes, slopes, limits, quantity="gradient", mode=f"input, {said}")
        comparisons.append(Comparison(name, REFERENCE, tuple(rows), answer.error))
    criterion = (
        f"of every weight and input, given random cotangents, in both modes, relative L2 <= {GRADIENT_TOLERANCE:g}, or "
        f"{CONTROL_FACTOR:g} times what one ulp in the weights does, for each ulp by which outputs differ"
    )
    return Stage("gradients", "Gradients", criterion, "float64", GRADIENT_TOLERANCE, tuple(comparisons))


def _ulps(
    outputs: Mapping[str, Array], expected: Mapping[str, Array], reference: Reference, trial: str, mode: str
) -> float:
    """Measure how far outputs are apart, in units of what one ulp in the weights does to them; at least 1.

    An error beyond the gate of outputs counts as the gate, since it is none of rounding.
    """
    limits = reference.limits(trial, mode, FORWARD_TOLERANCE)
    errors = (min(relative_error(outputs[name], expected[name]), limits[name]) for name in expected if name in outputs)
    effect = max((reference.effects[trial, mode][name] for name in expected), default=0.0)
    return max(1.0, max(errors, default=0.0) / effect) if effect else 1.0


def _floors(gradients: Mapping[str, Array]) -> dict[str, float]:
    """Find, for each weight, the norm to which errors are relative at least: a part of its layer's largest."""
    largest: dict[str, float] = {}
    for name, value in gradients.items():
        layer = name.rpartition("/")[0]
        largest[layer] = max(largest.get(layer, 0.0), float(np.linalg.norm(value)))
    return {name: _CANCELED * largest[name.rpartition("/")[0]] for name in gradients}


def _gradient_cases(received: Mapping[str, Array], expected: Mapping[str, Array], trial: Trial) -> dict[str, Any]:
    """Collect what explains gradients."""
    return {
        name: GradientCase(value, expected[name], trial.weights[name], None, expected)
        for name, value in received.items()
        if name in expected and value.shape == expected[name].shape
    }


def adam(proof: Proof) -> Stage:
    """Compare one update of Adam with Keras', from the gradients that the network itself gave."""
    answer, trial = proof.answers.get(TWIN), proof.trials[0]
    title, criterion = "Adam", f"one update from equal gradients, relative L2 <= {GRADIENT_TOLERANCE:g}"
    if answer is None:
        return Stage("adam", title, criterion, "float64", GRADIENT_TOLERANCE, (), f"{TWIN} was not asked")
    given = answer.run(STORED, TRAINING).gradients
    if not proof.reference.answer.run(STORED, TRAINING).gradients:
        return Stage("adam", title, criterion, "float64", GRADIENT_TOLERANCE, (), "nothing is trained")
    rows = []
    for name, gradient in given.items():
        zeros, weight = np.zeros_like(gradient), trial.weights[name]
        right = adam_step(gradient, zeros, zeros, 1, Adam())
        after = answer.adam.get("weights", {}).get(name)
        received = {"update": None if after is None else after - weight,
                    **{each: answer.adam.get(each, {}).get(name) for each in ("m", "v")}}  # fmt: skip
        for quantity in ("update", "m", "v"):
            value, expected = received[quantity], right[quantity]
            case = None if value is None else AdamCase(value, expected, quantity, weight, gradient, zeros, zeros, 0)
            floor = _UPDATE_FLOOR * float(np.linalg.norm(weight)) if quantity == "update" else 0.0
            rows.append(compare(name, value, expected, quantity=quantity, tolerance=GRADIENT_TOLERANCE,
                                floor=floor, case=case))  # fmt: skip
    comparison = Comparison(TWIN, REFERENCE, tuple(rows), answer.error)
    return Stage("adam", title, criterion, "float64", GRADIENT_TOLERANCE, (comparison,))


def steps(proof: Proof) -> Stage:
    """Compare a short run with the loss that the model was trained with."""
    answer, right, control = proof.answers.get(TWIN), proof.reference.answer.steps, proof.reference.control
    criterion = (
        f"loss of each step, relative <= {LOSS_TOLERANCE:g}, and weights at the end, or {CONTROL_FACTOR:g} times the "
        "distance of a run that began one ulp away"
    )
    if answer is None or not right:
        return Stage("steps", "Short run", criterion, "float64", LOSS_TOLERANCE, (), _no_steps(proof, answer))
    name = (proof.model.loss or {}).get("name")
    rows = []
    for number, expected in enumerate(right["losses"], 1):
        losses = answer.steps.get("losses")
        value = None if losses is None or len(losses) < number else np.asarray(losses[number - 1])
        off = abs(control["losses"][number - 1] - expected) / max(abs(expected), 1e-300)
        tolerance = max(LOSS_TOLERANCE, CONTROL_FACTOR * float(off))
        rows.append(compare("", value, np.asarray(expected), quantity="loss", tolerance=tolerance, step=number))
    names = [each for each in right if each != "losses"]
    for each in names:
        norm = float(np.linalg.norm(right[each])) or 1.0
        off = float(np.linalg.norm(control[each] - right[each])) / norm
        tolerance = max(LOSS_TOLERANCE, CONTROL_FACTOR**2 * off)
        tensor = each.removeprefix("weights/")
        rows.append(compare(tensor, answer.steps.get(each), right[each], quantity="weight", tolerance=tolerance,
                            step=len(right["losses"]), mode=f"after {len(right['losses'])} steps, {name}"))  # fmt: skip
    comparison = Comparison(TWIN, REFERENCE, tuple(rows), answer.error)
    return Stage("steps", "Short run", criterion, "float64", LOSS_TOLERANCE, (comparison,))


def _no_steps(proof: Proof, answer: Answer | None) -> str:
    """Say why there is no short run."""
    name = (proof.model.loss or {}).get("name")
    if answer is None:
        return f"{TWIN} was not asked"
    if not proof.model.graph.trainable_parameters:
        return "nothing is trained"
    return f"the loss {name} has no definition" if name else "the file names no loss that is known"
