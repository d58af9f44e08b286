"""The preprocessing suite."""

from typing import Any

import pytest

from genrebench.bench import preprocessing
from genrebench.bench.data import BenchData
from genrebench.bench.measure import Measurement
from tests.bench.conftest import StandIn, target


def test_preprocessing_is_compared_with_a_plain_script_and_with_its_parts(
    bench_data: BenchData, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round's rate against the parts of that round."""
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    parts = iter([0.01, 0.02])
    rates = iter([150.0, 90.0])

    def answer(name: str, arguments: dict[str, Any]) -> Measurement:
        """Answer as a machine that is half as fast in the second round."""
        if name == "preprocess.py":
            return Measurement(30.0, 0, {})
        if name == "genrebench preprocess":
            return Measurement(0.5 if order[-2] == "genrebench preprocess" else 10.0, 0, {})
        if name == "preprocess_parts":
            half = next(parts) / 2
            return Measurement(1.0, 0, {"seconds": {"decode": half, "mel": half, "write": 0.0}})
        count = int(arguments["dataset"].rpartition("-")[2])
        rate = next(rates) if count == 600 else 150.0
        return Measurement(1.0, 0, {"seconds": count / rate})

    order = stand_in(preprocessing, answer)
    suite = preprocessing.preprocessing_suite(bench_data)
    assert order[:2] == ["preprocess.py", "genrebench preprocess"]  # not counted
    assert order[2:8] == ["preprocess.py", "genrebench preprocess", "genrebench preprocess"] * 2
    assert order[8:] == [*["preprocess_parts", "preprocess"] * 2, *["preprocess"] * 3]
    assert target(suite, "plain script").measured == pytest.approx(3.0)
    assert target(suite, "rate after start-up").measured == pytest.approx(100 * (150 / 200 + 90 / 100) / 2)
    assert target(suite, "second run, against").measured == pytest.approx(20.0)
    assert target(suite, "8 times").measured == pytest.approx((600 / 150 + 600 / 90) / 2 / 4)
