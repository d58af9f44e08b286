"""A benchmark's report as a document and as pictures."""

import io
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from genrebench.bench import rendering
from genrebench.bench.rendering import bench_document, cost_picture, suite_document, targets_picture
from genrebench.bench.results import BenchReport, Candidate, SuiteResult, Target
from genrebench.report.document import Document, Heading, Table, Text
from genrebench.report.markdown import markdown


def tables(document: Document) -> list[list[list[str]]]:
    """Read the texts of all cells, by table and row."""
    found = [block for block in document.blocks if isinstance(block, Table)]
    return [[[cell.text for cell in row] for row in table.cells] for table in found]


def test_values_have_their_units(bench_report: BenchReport) -> None:
    """Ratios, shares, counts, short times."""
    candidates, targets = tables(suite_document("training", bench_report.suites["training"]))
    assert candidates == [
        ["torch", "100 ms/step", "10 %", "640 examples/s, 168 GFLOP/s, 62 % of matrix products, peak 700 MB"],
        ["many", "2 s", "0 %", "30.0 files/s"],
    ]
    assert [row[1:4] for row in targets] == [
        ["5.50 x", ">= 3.50 x", "met"],
        ["50 %", ">= 60 %", "MISSED"],
        ["2.1e-05", "<= 0.001", "met"],
        ["732 MB", "<= 1000 MB", "met"],
    ]


def test_a_suite_that_failed_says_why_and_has_no_empty_table() -> None:
    """Its reason alone."""
    found = suite_document("inference", SuiteResult(notes=("inference: failed, out of time",))).blocks
    assert [each.text for each in found if isinstance(each, Text)] == ["inference: failed, out of time"]
    assert len(found) == 1


def test_a_report_says_where_and_how_it_was_measured(bench_report: BenchReport) -> None:
    """Machine, command, versions, notes; GPUs where they were used."""
    document = bench_document(bench_report)
    assert document.title == "Benchmark: 3 of 4 targets met"
    text = "\n".join(block.text for block in document.blocks if isinstance(block, (Text, Heading)))
    assert "A processor, 2 cores, 8 GiB; 2026-01-01T00:00:00; genrebench bench; 61 s" in text
    assert "Training" in text
    assert "Keras: left out | not installed" in text
    assert text.endswith("Versions: python 3.12.")
    assert "tests/bench/test_facts.py" in markdown(document)
    with_gpu = replace(bench_report, environment=bench_report.environment | {"gpus": ["A GPU"]})
    assert any("8 GiB, A GPU;" in block.text for block in bench_document(with_gpu).blocks if isinstance(block, Text))


def test_pictures_show_targets_and_cost(bench_report: BenchReport) -> None:
    """PNGs; without a curve there is none of the cost."""
    for picture in (targets_picture(bench_report), cost_picture(bench_report)):
        assert picture is not None
        pixels = matplotlib.image.imread(io.BytesIO(picture))
        assert np.ptp(pixels[..., :3]) > 0.5
    suite = replace(bench_report.suites["training"], curve=None)
    assert cost_picture(replace(bench_report, suites={"training": suite})) is None


@pytest.mark.parametrize("measured", [0.0, 2.0])
def test_a_target_that_has_no_margin_is_drawn_all_the_same(bench_report: BenchReport, measured: float) -> None:
    """A picture of nothing, or of one bar."""
    suite = SuiteResult((Candidate("n", "s", (1.0,)),), (Target("w", measured, 1.0),))
    assert targets_picture(replace(bench_report, suites={"s": suite})).startswith(b"\x89PNG")


def test_every_target_has_a_bar_and_a_missed_one_is_not_told_by_color_alone(
    bench_report: BenchReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the left of the line, hatched, and in words; one without a ratio has its words."""
    drawn: list[Figure] = []

    def keep(figure: Figure) -> bytes:
        """Keep a figure instead of drawing it."""
        drawn.append(figure)
        return b""

    monkeypatch.setattr(rendering, "png", keep)
    targets = (
        Target("met", 3.0, 2.0),
        Target("missed", 1.0, 2.0),
        Target("little", 1e-9, 1e-3, at_least=False, unit=""),
    )
    targets_picture(replace(bench_report, suites={"s": SuiteResult((), targets)}))
    axes = drawn[0].axes[0]
    little, missed, met = (patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert (met.get_width(), missed.get_width(), little.get_width()) == (0.5, -0.5, 0.0)
    assert missed.get_hatch()
    assert not met.get_hatch()
    assert [text.get_text() for text in axes.texts] == [
        " 1e-09 (asked <= 0.001)",
        " MISSED: 1.00 x (asked >= 2.00 x)",
        " 3.00 x (asked >= 2.00 x)",
    ]
