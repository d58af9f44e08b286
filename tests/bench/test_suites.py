"""The suites: which commands they run, and what they make of the times."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from genrebench.architecture import genre_cnn
from genrebench.backend import BackendInfo
from genrebench.bench import inference, preprocessing, startup, training
from genrebench.bench.processes import Finished
from genrebench.bench.results import Bar, Suite
from genrebench.bench.workshop import Workshop
from genrebench.discovery import BackendEntry
from genrebench.errors import BackendError, ConfigError

Answer = Callable[[str, dict[str, Any]], Finished]


def stand_in(module: Any, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer in place of processes.

    Parameters
    ----------
    module : module
        The suite's.
    answer : callable
        Called with the script's or contender's name and its arguments.
    monkeypatch : MonkeyPatch
        What puts it in place.

    Returns
    -------
    list of str
        What was run, in order; grows.
    """
    order: list[str] = []

    def run_process(command: list[Any]) -> Finished:
        """Answer.

        Parameters
        ----------
        command : list
            The command.

        Returns
        -------
        Finished
            The answer.
        """
        words = list(map(str, command))
        contender = "genrebench.bench.contenders" in words
        name = words[3] if contender else words[1] if words[1] != "-m" else " ".join(words[2:4])
        arguments = json.loads(words[4]) if contender else {"words": words}
        order.append(name.rpartition("/")[2])
        return answer(order[-1], arguments)

    monkeypatch.setattr(module, "run_process", run_process)
    return order


def bar(suite: Suite, words: str) -> Bar:
    """Find a bar.

    Parameters
    ----------
    suite : Suite
        Where.
    words : str
        Part of what it says.

    Returns
    -------
    Bar
        The only one with these words.
    """
    (found,) = [each for each in suite.bars if words in each.what]
    return found


def test_training_is_held_to_plain_loops_and_to_the_machine(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Medians without the first epoch; the share of the peak; memory beyond the data; growth."""
    monkeypatch.setattr(training, "installed_version", lambda name: "1")
    monkeypatch.setattr(training, "_has_bfloat16", lambda: True)

    def answer(name: str, arguments: dict[str, Any]) -> Finished:
        """Answer as a machine on which a step takes so long.

        Parameters
        ----------
        name : str
            Who runs.
        arguments : dict
            With what.

        Returns
        -------
        Finished
            The answer.
        """
        if name == "matrix_product":
            return Finished(1.0, 0, {"gflops": 200.0})
        if name == "gather_calls":
            return Finished(1.0, 0, {"calls": {"8": 70, "64": 71}})
        step = {"train_torch.py": 0.4, "train_keras.py": 0.2}.get(name, 0.1)
        step /= 2 if arguments.get("precision") == "bfloat16" else 1
        seconds = step * 8 * (arguments.get("count") or 512) / 512
        return Finished(
            9.0, 700_000_000,
            {"epoch_seconds": [50.0, seconds, seconds], "steps": 8, "files_opened": 0, "data_bytes": 30_000_000},
        )  # fmt: skip

    order = stand_in(training, answer, monkeypatch)
    suite = training.training_suite(workshop)
    turn = ["train_torch.py", "train_keras.py", "train", "train", "matrix_product"]
    assert order[:10] == turn * 2
    assert bar(suite, "plain PyTorch loop").measured == pytest.approx(4.0)
    assert bar(suite, "float32, against Keras").measured == pytest.approx(2.0)
    assert bar(suite, "bfloat16").measured == pytest.approx(4.0)
    share = 100 * 64 * training.flops(genre_cnn()) / 0.1 / 200e9
    assert bar(suite, "matrix product").measured == pytest.approx(share)
    assert bar(suite, "files opened").holds
    assert bar(suite, "function calls").measured == 1
    assert not bar(suite, "function calls").holds
    assert bar(suite, "peak memory").measured == pytest.approx(670)
    assert bar(suite, "8 times").measured == pytest.approx(1.0)
    assert [points for points, _ in suite.curves["training"]] == [64, 128, 256, 512]


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
    assert training._trainers(workshop) == {"mine": ("mine", "float32"), "mine, bfloat16": ("mine", "bfloat16")}
    asked = Workshop(workshop.folder, None, ("reader",), 1, lambda what: None)
    with pytest.raises(BackendError, match="expected a backend that trains, of mine, received 'reader'"):
        training._trainers(asked)


def test_preprocessing_is_held_to_a_plain_script_and_to_its_parts(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round's rate against the parts of that round."""
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    parts = iter([0.01, 0.02])
    rates = iter([150.0, 90.0])

    def answer(name: str, arguments: dict[str, Any]) -> Finished:
        """Answer as a machine that is half as fast in the second round.

        Parameters
        ----------
        name : str
            Who runs.
        arguments : dict
            With what.

        Returns
        -------
        Finished
            The answer.
        """
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
    assert order[:6] == ["preprocess.py", "genrebench preprocess", "genrebench preprocess"] * 2
    assert order[7:] == ["preprocess_parts", *["preprocess"] * 4] * 2
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
        """Answer as a machine on which one of two genres differs.

        Parameters
        ----------
        name : str
            Who runs.
        arguments : dict
            With what.

        Returns
        -------
        Finished
            The answer.
        """
        if name == "-c":
            return Finished(2.0, 0, {})
        if name == "infer.py":
            return Finished(9.0, 0, {"seconds": 6.0, "genres": {"a": "rock", "b": "jazz"}})
        if name == "infer":
            return Finished(9.0, 0, {"seconds": 2.0, "genres": {"a": "rock", "b": "pop"}})
        long = any("long-20" in word for word in arguments["words"])
        return Finished(2.2, 300 if long else 200, {})

    stand_in(inference, answer, monkeypatch)
    suite = inference.inference_suite(workshop)
    assert bar(suite, "cold").measured == pytest.approx(1.1)
    assert bar(suite, "plain loop").measured == pytest.approx(3.0)
    assert bar(suite, "disagree").measured == 1
    assert not bar(suite, "2 h of audio").holds
    assert bar(suite, "60 files, against 6").measured == 1


def test_heavy_imports_are_named(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The help's time against click's; what it should not import."""

    def answer(name: str, arguments: dict[str, Any]) -> Finished:
        """Answer as a machine on which the help imports NumPy.

        Parameters
        ----------
        name : str
            Who runs.
        arguments : dict
            With what.

        Returns
        -------
        Finished
            The answer.
        """
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
    assert [note.partition(":")[0] for note in suite.notes] == [training.PLAIN, training.KERAS]
    assert inference.inference_suite(workshop).notes == ("inference: left out, torch is not installed",)


def test_a_dataset_without_wav_files_is_refused(workshop: Workshop) -> None:
    """The plain script reads nothing else."""
    for path in workshop.recordings:
        path.rename(path.with_suffix(".flac"))
    again = Workshop(workshop.folder, workshop.dataset, (), 1, lambda what: None)
    with pytest.raises(ConfigError, match="dataset: expected WAV recordings"):
        _ = again.recordings
