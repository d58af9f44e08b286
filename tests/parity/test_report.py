"""``parity.json``: what is written is what is read, and what is not a report is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from genrebench.errors import ConfigError
from genrebench.parity.report import Quantity, Report, Row, load_report, save_report, smallest_tolerance


@pytest.mark.parametrize("kind", ["passing", "failing"])
def test_a_report_is_read_as_it_was_written(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Nothing is lost, errors that could not be measured included, and strict JSON it is."""
    report: Report = request.getfixturevalue(kind)
    save_report(tmp_path / "parity.json", report)
    assert load_report(tmp_path / "parity.json") == report
    document = json.loads((tmp_path / "parity.json").read_text(), parse_constant=pytest.fail)
    assert document["schema"] == 2
    assert document["passed"] is report.passed is (kind == "passing")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 1}, r"expected a parity report with schema 2, received 1; run parity again"),
        ({"schema": None}, r"expected .*received None"),
        ({"stages": 3}, r"expected a parity report; stages: .*, received 3"),
        ({"verdict": None}, r"expected a parity report; verdict: expected text, received None"),
    ],
)
def test_what_is_not_a_report_is_refused(
    change: dict[str, object], message: str, passing: Report, tmp_path: Path
) -> None:
    """The message names the file, the key and what stands there."""
    path = tmp_path / "parity.json"
    save_report(path, passing)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigError, match=rf"parity\.json: {message}"):
        load_report(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "cannot be read"), ("{", "expected the JSON"), ("[]", "schema 2, received None"), ("[" * 10**5, "JSON")],
)
def test_a_file_that_is_none_is_refused(text: str | None, message: str, tmp_path: Path) -> None:
    """Missing, cut off, something else, absurdly nested."""
    if text is not None:
        (tmp_path / "parity.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_report(tmp_path / "parity.json")


def test_the_smallest_tolerance_lets_the_stage_pass(failing: Report) -> None:
    """It is the largest error; there is none where something cannot be measured or was not computed."""
    evaluation, training, gradients = map(failing.stage, ("evaluation", "training", "gradients"))
    tolerances = {
        each.backend: smallest_tolerance([each]) for each in evaluation.comparisons if each.against == "numpy"
    }
    assert tolerances["<b>mine</b>"] == pytest.approx(1e-3)
    assert tolerances["fine"] == 0
    assert smallest_tolerance(gradients.comparisons) is None
    assert smallest_tolerance(training.comparisons) is None


@pytest.mark.parametrize(
    ("tensor", "quantity", "details", "label"),
    [
        ("conv2d", "output", {}, "conv2d"),
        ("conv2d", "output", {"mode": "evaluation"}, "conv2d (evaluation)"),
        ("conv2d/kernel", "weight", {"mode": "float32"}, "conv2d/kernel (float32)"),
        ("conv2d/kernel", "update", {}, "Adam's update of conv2d/kernel"),
        ("conv2d/kernel", "m", {}, "Adam's m of conv2d/kernel"),
        ("dropout", "mask", {}, "random masks of dropout"),
        ("", "loss", {}, "loss"),
        ("", "loss", {"step": 3}, "loss of step 3"),
        ("", "weights", {"step": 12}, "weights after step 12"),
        ("", "genres", {}, "genres"),
    ],
)
def test_a_row_is_named_for_people(tensor: str, quantity: Quantity, details: dict[str, Any], label: str) -> None:
    """By what is compared, whatever the stage."""
    row = Row(tensor, quantity, "cumulative", (), 0.0, 0.0, None, 0, 0.0, "equal", **details)
    assert row.label == label
    assert row.node == tensor.partition("/")[0]


def test_what_the_ledger_needs_is_neither_stored_nor_kept(failing: Report, tmp_path: Path) -> None:
    """A report holds numbers, not the tensors of the run."""
    rows = [row for stage in failing.stages for each in stage.comparisons for row in each.rows]
    assert all(row.case is None for row in rows)
    save_report(tmp_path / "parity.json", failing)
    assert '"case"' not in (tmp_path / "parity.json").read_text()
