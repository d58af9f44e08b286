"""The model of what large libraries cost: what it reads of a bench, and what follows."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from experiments import scaling_costs

ROOT = Path(__file__).parents[1]


def document() -> dict[str, Any]:
    """Write down a bench of round numbers."""
    rows = [
        ("decode, a track", "s", 0.01, {}),
        ("mel, a track", "s", 0.02, {}),
        ("write, a track", "s", 0.006, {}),
        ("preprocess, 1 worker", "s", 4.0, {"tracks": 100}),
        ("infer, 1 worker", "s", 4.0, {"files": 40}),
        ("train, 1 worker", "s/step", 0.5, {}),
        ("recording, a track", "kB", 1300.0, {}),
        ("spectrograms, a track", "kB", 600.0, {}),
        ("manifest, a track", "kB", 0.5, {}),
        ("gradients, a step", "kB", 1900.0, {}),
        ("no-op tracks, 100000", "s", 10.0, {"tracks": 100_000}),
    ]
    candidates = [dict(zip(("name", "unit", "median", "details"), row, strict=True)) for row in rows]
    return {"suites": {"scale": {"candidates": candidates}}}


def test_hours_workers_and_bytes_follow_from_the_constants() -> None:
    """Of a million tracks at 36 ms: 10 core hours, which one worker does in a day, and so on."""
    found, _ = scaling_costs.read(document())
    cells = scaling_costs.projection(found, 10**6)
    assert cells[:4] == ["1,000,000", "10 h, 1", "28 h, 2", "521 h"]
    assert cells[4:] == ["1.30", "0.60", "0.67", "0.50", "1.7"]


def test_the_model_is_compared_with_what_was_timed() -> None:
    """A track of three parts with a track of the whole command; what was not timed is left out."""
    (found,) = [each for each in scaling_costs.checks(*scaling_costs.read(document())) if "preprocess" in each[0]]
    assert found[0] == "preprocess, 1 worker"
    assert found[1:] == pytest.approx((0.036, 0.04))


def test_the_page_shows_what_the_recorded_bench_gives() -> None:
    """Line by line; whoever records anew has to copy the tables anew."""
    done = CliRunner().invoke(scaling_costs.main, ["--bench", str(ROOT / "results" / "scale" / "bench.json")])
    lines = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in done.output.splitlines() if line and line not in lines] == []
    assert len(done.output.splitlines()) > 15


def test_tables_are_printed(tmp_path: Path) -> None:
    """Constants, comparison, and a row for each size."""
    (tmp_path / "bench.json").write_text(json.dumps(document()))
    done = CliRunner().invoke(scaling_costs.main, ["--bench", str(tmp_path / "bench.json")])
    assert done.exit_code == 0, done.output
    assert "| preprocess, 1 worker | 36.0 ms | 40.0 ms | -10 % |" in done.output
    assert all(f"| {size:,} |" in done.output for size in scaling_costs.SIZES)
