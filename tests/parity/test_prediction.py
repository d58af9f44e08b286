"""Backends that only predict, in a report: compared where they compute, and nowhere else."""

from dataclasses import replace

from genrebench.parity.answers import PREDICTION
from genrebench.parity.document import parity_document
from genrebench.parity.outputs import Outputs, answer_types
from genrebench.report.html import page
from genrebench.report.markdown import markdown
from tests.parity.conftest import CompareCopies, scaled_pooling, unspoiled

BEYOND = ("training", "loss", "gradients", "adam", "steps")


def predicts(outputs: Outputs) -> Outputs:
    """Leave what a backend answers that only predicts."""
    refused = {
        name: kind(error="the backend only predicts") for name, kind in answer_types().items() if name not in PREDICTION
    }
    return replace(outputs, info=replace(outputs.info, predicts_only=True), **refused)  # type: ignore[arg-type]


def predicts_wrongly(outputs: Outputs) -> Outputs:
    """Pool wrongly, too."""
    scaled_pooling(outputs)
    return predicts(outputs)


def test_one_alone_is_compared_in_evaluation(compare_copies: CompareCopies) -> None:
    """What it is not asked for is skipped, and the verdict says so."""
    report = compare_copies({"engine": predicts})
    assert report.passed
    stages = {stage.id: stage for stage in report.stages}
    assert {stages[name].skipped for name in BEYOND} == {"engine only predicts"}
    assert [name for name, stage in stages.items() if stage.passed] == [
        "structure", "weights", "evaluation", "fast-path",
    ]  # fmt: skip
    assert report.verdict.endswith("all 4 gates hold. engine only predicts, and was compared in that alone.")


def test_others_are_compared_in_everything_beside_it(compare_copies: CompareCopies) -> None:
    """It takes nothing from them; every rendering of the report bears that it stands in some stages only."""
    report = compare_copies({"engine": predicts, "mine": unspoiled})
    assert report.passed
    stages = {stage.id: stage for stage in report.stages}
    for name in BEYOND:
        assert not stages[name].skipped
        assert {each.backend for each in stages[name].comparisons} == {"mine"}
    assert {each.backend for each in stages["evaluation"].comparisons} == {"engine", "mine"}
    document = parity_document(report, every_row=True)
    assert "engine only predicts" in markdown(document)
    assert "engine only predicts" in page(document)


def test_its_mistakes_are_found(compare_copies: CompareCopies) -> None:
    """At the layer where they are."""
    report = compare_copies({"engine": predicts_wrongly, "mine": unspoiled})
    assert not report.passed
    assert {finding.backend for finding in report.findings} == {"engine"}
    assert report.findings[0].row is not None
    assert report.findings[0].row.tensor == "max_pooling2d"
