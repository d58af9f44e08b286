"""The training suite."""

from typing import Any

import pytest

from genrebench.backend.protocol import BackendInfo
from genrebench.backend.registry import BackendEntry
from genrebench.bench import training
from genrebench.bench.data import BenchData
from genrebench.bench.measure import Measurement
from genrebench.bench.request import BenchRequest
from genrebench.errors import BackendError, BenchError
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import Conv2D, Dense, Flatten
from genrebench.system.files import write_json
from tests.bench.conftest import StandIn, target


def test_operations_are_those_of_the_products() -> None:
    """A small network counted by hand, and the brief's: 16.8 GFLOP for 64 examples."""
    small = Architecture((6, 5, 2), (Conv2D(3, (3, 2), strides=(1, 2)), Flatten(), Dense(7)))
    maps = 4 * 2  # places where the kernel is laid: 6 - 3 + 1 times (5 - 2) // 2 + 1
    assert training.flops(small) == 3 * 2 * (maps * 3 * (3 * 2 * 2) + maps * 3 * 7)
    assert 64 * training.flops(genre_cnn()) == pytest.approx(16.8e9, rel=0.005)


def test_training_is_compared_with_plain_loops_and_with_the_machine(
    bench_data: BenchData, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The medians leave out the first two epochs; the share of the peak; memory beyond the data; growth."""
    monkeypatch.setattr(training, "installed_version", lambda name: "1")
    monkeypatch.setattr(training, "_has_bfloat16", lambda: True)
    monkeypatch.setattr(training, "SIZES", (10, 20, 40, 80))

    def answer(name: str, arguments: dict[str, Any]) -> Measurement:
        """Answer as a machine on which a step takes so long."""
        if name == "matrix_product":
            return Measurement(1.0, 0, {"gflops": 200.0})
        step = {"train_torch.py": 0.4, "train_keras.py": 0.2}.get(name, 0.1)
        experiment = arguments.get("experiment", {"split": {}, "training": {}})
        step /= 2 if experiment["training"].get("precision") == "bfloat16" else 1
        size = int(experiment["dataset"].rpartition("-")[2]) if experiment["split"].get("test") else 0
        return Measurement(
            9.0, 700_000_000 + 80_000 * size,
            {"epoch_seconds": [50.0, 20.0, 8 * step, 8 * step], "steps": 8, "seconds": size / 500,
             "data_bytes": 30_000_000 + 66_560 * size},
        )  # fmt: skip

    order = stand_in(training, answer)
    suite = training.training_suite(bench_data)
    turn = ["train_torch.py", "train_keras.py", "train", "train", "matrix_product"]
    assert order[15:19] == ["train"] * 4
    assert order[:10] == turn * 2
    assert target(suite, "plain PyTorch loop").measured == pytest.approx(4.0)
    assert target(suite, "float32, against Keras").measured == pytest.approx(2.0)
    assert target(suite, "bfloat16").measured == pytest.approx(4.0)
    share = 100 * 64 * training.flops(genre_cnn()) / 0.1 / 200e9
    assert target(suite, "matrix product").measured == pytest.approx(share)
    assert target(suite, "peak memory").measured == pytest.approx(670 + 1.0752)
    assert target(suite, "8 times").measured == pytest.approx(1.0)
    assert suite.curve is not None
    assert dict(suite.curve.points) == {10: 0.02, 20: 0.04, 40: 0.08, 80: 0.16}
    own = next(each for each in suite.candidates if each.name == "torch")
    assert own.details["share_of_peak"] == pytest.approx(share / 100)


def test_backends_of_outside_authors_take_part(bench_data: BenchData, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every one that trains here, in all its precisions; another is refused by name."""
    infos = [
        BackendInfo("mine", "f", "s", ("cpu",), can_train=True, implementation="", precisions=("float32", "bfloat16")),
        BackendInfo("reader", "f", "s", ("cpu",), can_train=False, implementation=""),
    ]
    entries = [BackendEntry(info.name, ("dist 1",), info, "1", None) for info in infos]
    absent = BackendInfo("absent", "f", "s", ("cpu",), can_train=True, implementation="")
    entries.append(BackendEntry("absent", ("dist 1",), absent, None, "f is not installed"))
    monkeypatch.setattr(training, "list_backends", lambda: entries)
    monkeypatch.setattr(training, "_has_bfloat16", lambda: True)
    notes: list[str] = []
    assert list(training._trainers(bench_data, notes)) == ["mine", "mine, bfloat16"]
    assert notes == []
    monkeypatch.setattr(training, "_has_bfloat16", lambda: False)
    assert list(training._trainers(bench_data, notes)) == ["mine"]
    assert notes == ["mine, bfloat16: left out, the processor has no bfloat16 instructions"]
    asked = BenchData(bench_data.folder, BenchRequest(backends=("reader",)), lambda what: None)
    with pytest.raises(BackendError, match="expected a backend that trains, of mine, received 'reader'"):
        training._trainers(asked, notes)
    elsewhere = BenchData(bench_data.folder, BenchRequest(device="cuda"), lambda what: None)
    with pytest.raises(BackendError, match="expected a device of cpu, received 'cuda'"):
        training._trainers(elsewhere, notes)
    other = BackendInfo("other", "f", "s", ("cuda",), can_train=True, implementation="")
    entries.append(BackendEntry("other", ("dist 1",), other, "1", None))
    assert list(training._trainers(elsewhere, notes)) == ["other"]
    assert notes[-1] == "mine, bfloat16: left out, it does not know the device cuda"
    monkeypatch.setattr(training, "installed_version", lambda name: "1")
    assert list(training._plain_loops(elsewhere, notes)) == [training.PLAIN]
    assert notes[-1].startswith("Keras fit, TensorFlow: left out")


def test_a_plugin_that_fails_is_left_out_and_said_so(
    bench_data: BenchData, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It costs nobody else's times; and without the PyTorch backend there are no targets, which is said, too."""
    infos = [BackendInfo(name, "f", "s", ("cpu",), can_train=True, implementation="") for name in ("broken", "mine")]
    entries = [BackendEntry(info.name, ("dist 1",), info, "1", None) for info in infos]
    monkeypatch.setattr(training, "list_backends", lambda: entries)
    monkeypatch.setattr(training, "installed_version", lambda name: None)

    def answer(name: str, arguments: dict[str, Any]) -> Measurement:
        """Fail for one backend."""
        if arguments.get("experiment", {}).get("backend") == "broken":
            raise BenchError("train: exit status 1: no memory")
        return Measurement(1.0, 0, {"gflops": 200.0, "epoch_seconds": [1.0, 1.0, 1.0], "steps": 8})

    stand_in(training, answer)
    suite = training.training_suite(bench_data)
    assert [each.name for each in suite.candidates] == ["mine", training.MATRIX]
    assert suite.notes[2:] == (
        "broken: left out, train: exit status 1: no memory",
        "no targets: they are about the backend torch, which was not timed",
    )
    assert suite.targets == ()


def test_what_fails_late_costs_no_times(
    bench_data: BenchData, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The curve fails: steps and ratios stay."""
    infos = [BackendInfo(name, "f", "s", ("cpu",), can_train=True, implementation="") for name in ("torch",)]
    entries = [BackendEntry(info.name, ("dist 1",), info, "1", None) for info in infos]
    monkeypatch.setattr(training, "list_backends", lambda: entries)
    monkeypatch.setattr(training, "installed_version", lambda name: "1")
    monkeypatch.setattr(training, "SIZES", (10, 20))

    def answer(name: str, arguments: dict[str, Any]) -> Measurement:
        """Fail on much data, as if there were no memory for them."""
        if arguments.get("experiment", {"split": {}})["split"].get("test"):
            raise BenchError("train: exit status 1: out of memory")
        return Measurement(1.0, 0, {"gflops": 200.0, "epoch_seconds": [1.0, 1.0, 1.0], "steps": 8})

    stand_in(training, answer)
    suite = training.training_suite(bench_data)
    assert [each.name for each in suite.candidates] == [training.PLAIN, training.KERAS, "torch", training.MATRIX]
    assert target(suite, "plain PyTorch loop").measured == 1
    assert suite.notes == ("cost of more data: left out, train: exit status 1: out of memory",)


def test_without_frameworks_what_is_left_out_is_said(
    bench_data: BenchData, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are notes in place of candidates."""
    monkeypatch.setattr(training, "installed_version", lambda name: None)
    monkeypatch.setattr(training, "list_backends", list)
    stand_in(training, lambda name, arguments: Measurement(1.0, 0, {"gflops": 200.0}))
    suite = training.training_suite(bench_data)
    assert [each.name for each in suite.candidates] == [training.MATRIX]
    assert [note.partition(":")[0] for note in suite.notes] == [training.PLAIN, training.KERAS, "no targets"]


def test_another_network_is_timed_without_targets(
    bench_data: BenchData, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backends train it; plain loops and targets are the genre network's."""
    path = bench_data.folder / "mine.json"
    network = Architecture((6, 5, 1), (Flatten(), Dense(3)))
    write_json(path, network.to_json())
    info = BackendInfo("torch", "f", "s", ("cpu",), can_train=True, implementation="")
    monkeypatch.setattr(training, "list_backends", lambda: [BackendEntry("torch", ("dist 1",), info, "1", None)])
    seen: list[dict[str, Any]] = []

    def answer(name: str, arguments: dict[str, Any]) -> Measurement:
        """Answer, and note what was asked."""
        seen.append(arguments)
        return Measurement(1.0, 0, {"gflops": 200.0, "epoch_seconds": [1.0, 1.0, 0.5], "steps": 1})

    order = stand_in(training, answer)
    request = BenchRequest(architecture=path, rounds=1)
    suite = training.training_suite(BenchData(bench_data.folder, request, lambda what: None))
    assert order == ["train", "matrix_product"]
    assert seen[0]["experiment"]["architecture"] == str(path)
    assert suite.candidates[0].details["gflops"] == pytest.approx(64 * 3 * 2 * 30 * 3 / 0.5 / 1e9)
    assert suite.targets == ()
    assert [note.partition(":")[0] for note in suite.notes] == [
        f"{training.PLAIN}; {training.KERAS}", "no targets",
    ]  # fmt: skip
