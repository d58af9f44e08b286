"""The inference suite."""

from typing import Any

import pytest

from genrebench.bench import inference
from genrebench.bench.data import BenchData
from genrebench.bench.measure import Measurement
from tests.bench.conftest import StandIn, target


def test_inference_is_compared_with_imports_and_a_plain_loop(
    bench_data: BenchData, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cold start by the clock on the wall, many files after start-up, disagreement and memory."""
    monkeypatch.setattr(inference, "installed_version", lambda name: "1")
    monkeypatch.setattr(inference, "_LONG", 20)
    monkeypatch.setattr(inference, "_SHORT", 10)

    def answer(name: str, arguments: dict[str, Any]) -> Measurement:
        """Answer as a machine on which one of two genres differs."""
        if name == "-c":
            return Measurement(2.0, 0, {})
        if name == "infer.py":
            return Measurement(9.0, 0, {"seconds": 6.0, "probabilities": {"a": {"rock": 0.75}, "b": {"jazz": 0.5}}})
        if name == "infer":
            return Measurement(9.0, 0, {"seconds": 2.0, "probabilities": {"a": {"rock": 0.5}, "b": {"jazz": 0.5}}})
        long = any("long-20" in word for word in arguments["words"])
        return Measurement(2.2, 300 if long else 200, {})

    stand_in(inference, answer)
    suite = inference.inference_suite(bench_data)
    assert target(suite, "cold").measured == pytest.approx(1.1)
    assert target(suite, "plain loop").measured == pytest.approx(3.0)
    assert target(suite, "largest difference").measured == 0.25
    assert not target(suite, "largest difference").met
    assert not target(suite, "2 h of audio").met
    assert target(suite, "60 files, against 6").measured == 1
    seconds = {each.name: each.median for each in suite.candidates}
    assert (seconds[inference.COLD_ONNX], seconds[inference.OWN_ONNX]) == (2.2, 2.0)


def test_onnx_is_timed_where_it_is_installed(
    bench_data: BenchData, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is missed where it is not."""
    monkeypatch.setattr(inference, "installed_version", lambda name: "1" if name == "torch" else None)
    monkeypatch.setattr(inference, "_LONG", 20)
    monkeypatch.setattr(inference, "_SHORT", 10)
    stand_in(
        inference, lambda name, arguments: Measurement(1.0, 100, {"seconds": 1.0, "probabilities": {"a": {"b": 1.0}}})
    )
    names = {each.name for each in inference.inference_suite(bench_data).candidates}
    assert names == {inference.IMPORTS, inference.COLD, inference.PLAIN, inference.OWN}


def test_a_file_that_was_not_answered_counts_as_different(
    bench_data: BenchData, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it stands among the others."""
    monkeypatch.setattr(inference, "installed_version", lambda name: "1")
    monkeypatch.setattr(inference, "_LONG", 20)
    monkeypatch.setattr(inference, "_SHORT", 10)
    both = {"a": {"rock": 0.5}, "b": {"jazz": 0.5}}

    def answer(name: str, arguments: dict[str, Any]) -> Measurement:
        """Answer without the second file."""
        found = {"a": both["a"]} if name == "infer" and "words" not in arguments else both
        return Measurement(1.0, 100, {"seconds": 1.0, "probabilities": found})

    stand_in(inference, answer)
    assert not target(inference.inference_suite(bench_data), "largest difference").met


def test_without_torch_nothing_is_timed(bench_data: BenchData, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is said."""
    monkeypatch.setattr(inference, "installed_version", lambda name: None)
    assert inference.inference_suite(bench_data).notes == ("inference: left out, torch is not installed",)
