"""The recorded runs are read by the version that they lie beside."""

import json
from pathlib import Path

from genrebench.bench.results import SCHEMA_VERSION
from genrebench.model.model import Model
from genrebench.parity.document import stage_line
from genrebench.parity.report import load_report

RESULTS = Path(__file__).parent.parent / "results"


def test_the_recorded_model_loads() -> None:
    """With its weights, genres and Mel settings."""
    model = Model.load(RESULTS / "gtzan_mini")
    assert len(model.genres) == model.architecture.classes == 10
    assert model.mel is not None


def test_the_recorded_parity_report_loads_and_holds() -> None:
    """It is about the recorded model's network."""
    report = load_report(RESULTS / "parity" / "parity.json")
    assert report.passed
    assert report.architecture == Model.load(RESULTS / "gtzan_mini").architecture.to_json()
    assert report.verdict in (RESULTS / "parity" / "parity.md").read_text(encoding="utf-8")


def test_the_page_on_parity_shows_the_recorded_report() -> None:
    """Stage by stage, as the command prints it."""
    page = (RESULTS.parent / "docs" / "parity.md").read_text(encoding="utf-8")
    for stage in load_report(RESULTS / "parity" / "parity.json").stages:
        assert f"\n{stage_line(stage)}\n" in page


def test_the_recorded_benchmark_is_of_this_form() -> None:
    """All suites, with their targets."""
    report = json.loads((RESULTS / "bench" / "bench.json").read_text(encoding="utf-8"))
    assert report["schema"] == SCHEMA_VERSION
    assert report["suites"].keys() == {"training", "preprocess", "inference", "startup"}
