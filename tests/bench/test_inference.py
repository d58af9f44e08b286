"""The inference suite."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genrebench.bench import inference
from genrebench.bench.data import BenchData
from genrebench.bench.measure import Measurement
from tests.bench.conftest import StandIn, target


@pytest.fixture(autouse=True)
def short_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make seconds of audio where the suite makes hours."""
    monkeypatch.setattr(inference, "_LONG", 20)
    monkeypatch.setattr(inference, "_SHORT", 10)


def test_inference_is_compared_with_imports_and_a_plain_loop(
    bench_data: BenchData, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cold start by the clock on the wall, many files after start-up, disagreement and memory."""
    monkeypatch.setattr(inference, "installed_version", lambda name: "1")

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
    """And nothing is missed where it is not, which a line says."""
    monkeypatch.setattr(inference, "installed_version", lambda name: "1" if name == "torch" else None)
    stand_in(
        inference, lambda name, arguments: Measurement(1.0, 100, {"seconds": 1.0, "probabilities": {"a": {"b": 1.0}}})
    )
    suite = inference.inference_suite(bench_data)
    assert {each.name for each in suite.candidates} == {
        inference.IMPORTS,
        inference.COLD,
        inference.PLAIN,
        inference.OWN,
    }
    assert suite.notes == ("inference: ONNX Runtime is left out, onnxruntime and onnx not installed",)


def test_a_model_that_is_named_is_timed_beside_no_plain_loop(
    bench_data: BenchData, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is said; everything that classifies is told of the model."""
    monkeypatch.setattr(inference, "installed_version", lambda name: "1")
    asked: list[str] = []

    def answer(name: str, arguments: dict[str, Any]) -> Measurement:
        """Note the model."""
        words = arguments.get("words", [])
        asked.append(arguments.get("model") or words[words.index("--model") + 1] if name != "-c" else "mine")
        return Measurement(1.0, 100, {"seconds": 1.0, "probabilities": {"a": {"b": 1.0}}})

    order = stand_in(inference, answer)
    request = replace(bench_data.request, model=Path("mine"))
    suite = inference.inference_suite(replace(bench_data, request=request))
    assert set(asked) == {"mine"}
    assert "infer.py" not in order
    assert inference.OWN in {each.name for each in suite.candidates}
    assert not any("plain" in each.what or "difference" in each.what for each in suite.targets)
    assert suite.notes == ("inference: of mine; the plain loop is for a model with initial weights, and is left out",)


def test_a_file_that_was_not_answered_counts_as_different(
    bench_data: BenchData, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it stands among the others."""
    monkeypatch.setattr(inference, "installed_version", lambda name: "1")
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
