"""``parity.json``: what is written is what is read, and what is not a report is refused."""

import json
from pathlib import Path

import pytest

from genrebench.errors import ConfigError
from genrebench.parity.report import Report, load_report, save_report, smallest_tolerance


@pytest.mark.parametrize("kind", ["passing", "failing"])
def test_a_report_is_read_as_it_was_written(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Nothing is lost, errors that could not be measured included, and strict JSON it is."""
    report: Report = request.getfixturevalue(kind)
    save_report(tmp_path / "parity.json", report)
    assert load_report(tmp_path / "parity.json") == report
    document = json.loads((tmp_path / "parity.json").read_text(), parse_constant=pytest.fail)
    assert document["schema"] == 1
    assert document["passed"] is report.passed is (kind == "passing")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, r"expected a parity report with schema 1, received 2; run parity again"),
        ({"schema": None}, r"expected .*received None"),
        ({"stages": 3}, r"expected a parity report; stages: .*\(received 3\)"),
        ({"verdict": None}, r"expected a parity report; verdict: .*string"),
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
    [(None, "cannot be read"), ("{", "expected the JSON"), ("[]", "schema 1, received None"), ("[" * 10**5, "JSON")],
)
def test_a_file_that_is_none_is_refused(text: str | None, message: str, tmp_path: Path) -> None:
    """Missing, cut off, something else, absurdly nested."""
    if text is not None:
        (tmp_path / "parity.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_report(tmp_path / "parity.json")


def test_the_smallest_tolerance_lets_the_stage_pass(failing: Report) -> None:
    """It is the largest error; there is none where something cannot be measured or was not computed."""
    evaluation, training, gradients = (
        next(stage for stage in failing.stages if stage.id == each) for each in ("evaluation", "training", "gradients")
    )
    tolerances = {
        each.backend: smallest_tolerance([each]) for each in evaluation.comparisons if each.against == "numpy"
    }
    assert tolerances["<b>mine</b>"] == pytest.approx(1e-3)
    assert tolerances["fine"] == 0
    assert smallest_tolerance(gradients.comparisons) is None
    assert smallest_tolerance(training.comparisons) is None
