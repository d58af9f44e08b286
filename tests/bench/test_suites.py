"""The suites: which commands they run, and what they make of the times."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from genrebench.backend.protocol import BackendInfo
from genrebench.backend.registry import BackendEntry
from genrebench.bench import inference, preprocessing, startup, training
from genrebench.bench.processes import Finished
from genrebench.bench.results import Bar, Suite
from genrebench.bench.workshop import Workshop
from genrebench.errors import BackendError, BenchError, ConfigError
from genrebench.network.genre_cnn import genre_cnn

Answer = Callable[[str, dict[str, Any]], Finished]


def stand_in(module: Any, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer in place of processes."""
    order: list[str] = []

    def run_process(command: list[Any], **options: Any) -> Finished:
        """Answer."""
        words = list(map(str, command))
        contender = "genrebench.bench.contenders" in words
        name = words[3] if contender else words[1] if words[1] != "-m" else " ".join(words[2:4])
        arguments = json.loads(words[4]) if contender else {"words": words}
        order.append(name.rpartition("/")[2])
        return answer(order[-1], arguments)

    monkeypatch.setattr(module, "run_process", run_process)
    return order


def bar(suite: Suite, words: str) -> Bar:
    """Find a bar."""
    (found,) = [each for each in suite.bars if words in each.what]
    return found


def test_training_is_held_to_plain_loops_and_to_the_machine(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Medians without the first two epochs; the share of the peak; memory beyond the data; growth."""
    monkeypatch.setattr(training, "installed_version", lambda name: "1")
    monkeypatch.setattr(training, "_has_bfloat16", lambda: True)

    def answer(name: str, arguments: dict[str, Any]) -> Finished:
        """Answer as a machine on which a step takes so long."""
        if name == "matrix_product":
            return Finished(1.0, 0, {"gflops": 200.0})
        if name == "gather_operations":
            return Finished(1.0, 0, {"operations": {"8": 70, "64": 71}})
        step = {"train_torch.py": 0.4, "train_keras.py": 0.2}.get(name, 0.1)
        step /= 2 if arguments.get("precision") == "bfloat16" else 1
        size = int(arguments.get("tree", "-0").rpartition("-")[2]) if arguments.get("test") else 0
        return Finished(
            9.0, 700_000_000 + 80_000 * size,
            {"epoch_seconds": [50.0, 20.0, 8 * step, 8 * step], "steps": 8, "files_opened": 0, "seconds": size / 500,
             "data_bytes": 30_000_000 + 66_560 * size},
        )  # fmt: skip

    order = stand_in(training, answer, monkeypatch)
    suite = training.training_suite(workshop)
    turn = ["train_torch.py", "train_keras.py", "train", "train", "matrix_product"]
    assert order[15:19] == ["train"] * 4
    assert order[:10] == turn * 2
    assert bar(suite, "plain PyTorch loop").measured == pytest.approx(4.0)
    assert bar(suite, "float32, against Keras").measured == pytest.approx(2.0)
    assert bar(suite, "bfloat16").measured == pytest.approx(4.0)
    share = 100 * 64 * training.flops(genre_cnn()) / 0.1 / 200e9
    assert bar(suite, "matrix product").measured == pytest.approx(share)
    assert bar(suite, "files read").holds
    assert bar(suite, "Python operations").measured == 1
    assert not bar(suite, "Python operations").holds
    assert bar(suite, "peak memory").measured == pytest.approx(670 + 134.4)
    assert bar(suite, "8 times").measured == pytest.approx(1.0)
    assert suite.curves["training"] == [(1250, 2.5), (2500, 5), (5000, 10), (10_000, 20)]
    own = next(each for each in suite.contenders if each.name == "torch")
    assert own.details["share_of_peak"] == pytest.approx(share / 100)


def test_backends_of_outside_authors_take_part(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert list(training._trainers(workshop, notes)) == ["mine", "mine, bfloat16"]
    assert notes == []
    monkeypatch.setattr(training, "_has_bfloat16", lambda: False)
    assert list(training._trainers(workshop, notes)) == ["mine"]
    assert notes == ["mine, bfloat16: left out, the processor has no bfloat16 instructions"]
    asked = Workshop(workshop.folder, None, ("reader",), 1, lambda what: None)
    with pytest.raises(BackendError, match="expected a backend that trains, of mine, received 'reader'"):
        training._trainers(asked, notes)
    elsewhere = Workshop(workshop.folder, None, (), 1, lambda what: None, "cuda")
    with pytest.raises(BackendError, match="expected a device of cpu, received 'cuda'"):
        training._trainers(elsewhere, notes)
    other = BackendInfo("other", "f", "s", ("cuda",), can_train=True, implementation="")
    entries.append(BackendEntry("other", ("dist 1",), other, "1", None))
    assert list(training._trainers(elsewhere, notes)) == ["other"]
    assert notes[-1] == "mine, bfloat16: left out, it does not know the device cuda"
    monkeypatch.setattr(training, "installed_version", lambda name: "1")
    assert list(training._plain_loops(elsewhere, notes)) == [training.PLAIN]
    assert notes[-1].startswith("Keras fit, TensorFlow: left out")


def test_a_plugin_that_fails_is_left_out_and_said_so(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs nobody else's times; and without the PyTorch backend there are no bars, which is said, too."""
    infos = [BackendInfo(name, "f", "s", ("cpu",), can_train=True, implementation="") for name in ("broken", "mine")]
    entries = [BackendEntry(info.name, ("dist 1",), info, "1", None) for info in infos]
    monkeypatch.setattr(training, "list_backends", lambda: entries)
    monkeypatch.setattr(training, "installed_version", lambda name: None)

    def answer(name: str, arguments: dict[str, Any]) -> Finished:
        """Fail for one backend."""
        if arguments.get("backend") == "broken":
            raise BenchError("train: exit status 1: no memory")
        return Finished(1.0, 0, {"gflops": 200.0, "epoch_seconds": [1.0, 1.0, 1.0], "steps": 8})

    stand_in(training, answer, monkeypatch)
    suite = training.training_suite(workshop)
    assert [each.name for each in suite.contenders] == ["mine", training.MATRIX]
    assert suite.notes[2:] == (
        "broken: left out, train: exit status 1: no memory",
        "no bars: they are about the backend torch, which was not timed",
    )
    assert suite.bars == ()


def test_preprocessing_is_held_to_a_plain_script_and_to_its_parts(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round's rate against the parts of that round."""
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    parts = iter([0.01, 0.02])
    rates = iter([150.0, 90.0])

    def answer(name: str, arguments: dict[str, Any]) -> Finished:
        """Answer as a machine that is half as fast in the second round."""
        if name == "preprocess.py":
            return Finished(30.0, 0, {})
        if name == "genrebench preprocess":
            return Finished(0.5 if order[-2] == "genrebench preprocess" else 10.0, 0, {})
        if name == "preprocess_parts":
            half = next(parts) / 2
            return Finished(1.0, 0, {"seconds": {"decode": half, "mel": half, "write": 0.0}})
        count = int(arguments["dataset"].rpartition("-")[2])
        rate = next(rates) if count == 600 else 150.0
        return Finished(1.0, 0, {"seconds": count / rate, "skipped": 600, "librosa_imported": False})

    order = stand_in(preprocessing, answer, monkeypatch)
    rates = iter([1.0, 150.0, 90.0])  # the first is asked what it imports, not how fast it is
    suite = preprocessing.preprocessing_suite(workshop)
    assert order[:2] == ["preprocess.py", "genrebench preprocess"]  # not counted
    assert order[2:8] == ["preprocess.py", "genrebench preprocess", "genrebench preprocess"] * 2
    assert order[9:] == [*["preprocess_parts", "preprocess"] * 2, *["preprocess"] * 3]
    assert bar(suite, "plain script").measured == pytest.approx(3.0)
    assert bar(suite, "rate after start-up").measured == pytest.approx(100 * (150 / 200 + 90 / 100) / 2)
    assert bar(suite, "second run, against").measured == pytest.approx(20.0)
    assert bar(suite, "librosa").holds
    assert bar(suite, "8 times").measured == pytest.approx((600 / 150 + 600 / 90) / 2 / 4)


def test_inference_is_held_to_imports_and_a_plain_loop(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cold start by the clock on the wall, many files after start-up, disagreement and memory."""
    monkeypatch.setattr(inference, "installed_version", lambda name: "1")
    monkeypatch.setattr(inference, "_LONG", 20)
    monkeypatch.setattr(inference, "_SHORT", 10)

    def answer(name: str, arguments: dict[str, Any]) -> Finished:
        """Answer as a machine on which one of two genres differs."""
        if name == "-c":
            return Finished(2.0, 0, {})
        if name == "infer.py":
            return Finished(9.0, 0, {"seconds": 6.0, "probabilities": {"a": {"rock": 0.75}, "b": {"jazz": 0.5}}})
        if name == "infer":
            return Finished(9.0, 0, {"seconds": 2.0, "probabilities": {"a": {"rock": 0.5}, "b": {"jazz": 0.5}}})
        long = any("long-20" in word for word in arguments["words"])
        return Finished(2.2, 300 if long else 200, {})

    stand_in(inference, answer, monkeypatch)
    suite = inference.inference_suite(workshop)
    assert bar(suite, "cold").measured == pytest.approx(1.1)
    assert bar(suite, "plain loop").measured == pytest.approx(3.0)
    assert bar(suite, "largest difference").measured == 0.25
    assert not bar(suite, "largest difference").holds
    assert not bar(suite, "2 h of audio").holds
    assert bar(suite, "60 files, against 6").measured == 1


def test_a_file_that_was_not_answered_counts_as_different(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it stands among the others."""
    monkeypatch.setattr(inference, "installed_version", lambda name: "1")
    monkeypatch.setattr(inference, "_LONG", 20)
    monkeypatch.setattr(inference, "_SHORT", 10)
    heard = {"a": {"rock": 0.5}, "b": {"jazz": 0.5}}

    def answer(name: str, arguments: dict[str, Any]) -> Finished:
        """Answer without the second file."""
        found = {"a": heard["a"]} if name == "infer" and "words" not in arguments else heard
        return Finished(1.0, 100, {"seconds": 1.0, "probabilities": found})

    stand_in(inference, answer, monkeypatch)
    assert not bar(inference.inference_suite(workshop), "largest difference").holds


def test_what_fails_late_or_reports_nothing_costs_no_times(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The curve fails: steps and ratios stay; a plugin that prints at its end is left out."""
    infos = [BackendInfo(name, "f", "s", ("cpu",), can_train=True, implementation="") for name in ("torch", "chatty")]
    entries = [BackendEntry(info.name, ("dist 1",), info, "1", None) for info in infos]
    monkeypatch.setattr(training, "list_backends", lambda: entries)
    monkeypatch.setattr(training, "installed_version", lambda name: "1")

    def answer(name: str, arguments: dict[str, Any]) -> Finished:
        """Fail on much data, and report nothing for one backend."""
        if arguments.get("test"):
            raise BenchError("train: exit status 1: out of memory")
        if arguments.get("backend") == "chatty":
            return Finished(1.0, 0, {})
        return Finished(1.0, 0, {"gflops": 200.0, "epoch_seconds": [1.0, 1.0, 1.0], "steps": 8})

    stand_in(training, answer, monkeypatch)
    suite = training.training_suite(workshop)
    assert [each.name for each in suite.contenders] == [training.PLAIN, training.KERAS, "torch", training.MATRIX]
    assert bar(suite, "plain PyTorch loop").measured == 1
    assert suite.notes == (
        "chatty: left out, chatty: expected its report on the last line of its output, found none",
        "cost of more data: left out, train: exit status 1: out of memory",
    )


def test_heavy_imports_are_named(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The help's time against click's; what it should not import."""

    def answer(name: str, arguments: dict[str, Any]) -> Finished:
        """Answer as a machine on which the help imports NumPy."""
        return Finished(0.1 if name == "-c" else 0.4, 0, {"heavy": ["numpy"]})

    order = stand_in(startup, answer, monkeypatch)
    suite = startup.startup_suite(workshop)
    assert order[:4] == ["-c", "genrebench --help"] * 2
    assert bar(suite, "importing click").measured == pytest.approx(4.0)
    assert not any(each.holds for each in suite.bars)
    assert bar(suite, "imported by --help").note == "numpy"


def test_without_frameworks_what_is_left_out_is_said(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes in place of contenders."""
    monkeypatch.setattr(training, "installed_version", lambda name: None)
    monkeypatch.setattr(training, "list_backends", list)
    monkeypatch.setattr(inference, "installed_version", lambda name: None)
    suite = training.training_suite(workshop)
    assert [each.name for each in suite.contenders] == [training.MATRIX]
    assert [note.partition(":")[0] for note in suite.notes] == [training.PLAIN, training.KERAS, "no bars"]
    assert inference.inference_suite(workshop).notes == ("inference: left out, torch is not installed",)


def test_recordings_that_cannot_be_decoded_are_left_out(workshop: Workshop) -> None:
    """The plain script would end at one; without any other the dataset is refused."""
    first, *others = sorted(workshop.recordings)
    first.write_bytes(b"RIFF, but no more")
    again = Workshop(workshop.folder, workshop.dataset, (), 1, lambda what: None)
    assert sorted(again.recordings) == others
    for path in workshop.recordings:
        path.write_bytes(b"no audio")
    again = Workshop(workshop.folder, workshop.dataset, (), 1, lambda what: None)
    with pytest.raises(ConfigError, match="dataset: expected WAV recordings"):
        _ = again.recordings
