"""Workers: what they give back, and every way in which they can fail."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from genrebench.backend.jobs import Call, Job, execute, run_check, run_job, start_job
from genrebench.backend.registry import load_backend
from genrebench.errors import GenrebenchError, WorkerError
from genrebench.network.adam import Adam, AdamState
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import Dense, Flatten
from genrebench.network.sampling import random_inputs, random_masks, random_weights
from genrebench.system.process import THREAD_VARIABLES

TINY = Architecture((2, 2, 1), (Flatten(), Dense(2)))
GENRE = genre_cnn((33, 20), 4)

# A plugin whose networks misbehave while they are built, each in the way that its name says.
FAULTY = """
import atexit, os, signal, subprocess, sys, time
from pathlib import Path
from genrebench.backend.protocol import BackendInfo

def info(name):
    return BackendInfo(name, "numpy", "misbehaves", ("cpu",), False, "faulty:" + name)

CRASH, RAISE, HANG, KILL, GARBAGE, THREADS = map(info, ("crash", "raise_", "hang", "kill", "garbage", "threads"))

def note(text):
    Path(os.environ["FAULTY_NOTES"]).write_text(str(text))

class Faulty:
    def __init__(self, act):
        self.act = act
    def build(self, architecture, weights, *, dtype, device):
        self.act()
        raise SystemExit(0)

def do_hang():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    note(f"{os.getpid()} {child.pid}")
    print("still busy", file=sys.stderr, flush=True)
    time.sleep(600)

def do_raise():
    raise RuntimeError("out of\\nluck")

def do_garbage():
    folder = Path(sys.argv[1])
    (folder / "report.json").write_text('{"values": {"a": nul')
    os._exit(0)

crash = Faulty(os.abort)
raise_ = Faulty(do_raise)
hang = Faulty(do_hang)
kill = Faulty(lambda: os.kill(os.getpid(), signal.SIGKILL))
garbage = Faulty(do_garbage)
threads = Faulty(lambda: note(sorted(name for name in os.environ if name.endswith("_THREADS"))))
"""


@pytest.fixture
def faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the misbehaving plugin where workers find it."""
    metadata = tmp_path / "site" / "faulty-1.0.dist-info"
    metadata.mkdir(parents=True)
    (tmp_path / "site" / "faulty.py").write_text(FAULTY)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    names = ("crash", "raise_", "hang", "kill", "garbage", "threads")
    points = "".join(f"{name} = faulty:{name.strip('_').upper()}\n" for name in names)
    (metadata / "entry_points.txt").write_text(f"[genrebench.backends]\n{points}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("FAULTY_NOTES", str(tmp_path / "notes"))
    return tmp_path / "notes"


def job(backend: str) -> Job:
    """Make a small job without calls."""
    return Job(backend, TINY, TINY.initial_weights(0), ())


def is_running(pid: int) -> bool:
    """Return whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    """Wait for the end of processes."""
    deadline = time.monotonic() + 20
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        os.sched_yield()
    assert not [pid for pid in pids if is_running(pid)]


def test_a_worker_gives_what_the_backend_gives() -> None:
    """Arrays, values and mappings survive the way through files, to the last bit, and the report is complete."""
    weights = random_weights(GENRE, 0)
    x, labels = random_inputs(GENRE, 4)
    masks = random_masks(GENRE, 4)
    masked = {f"dropout_masks/{name}": mask for name, mask in masks.items()}
    network = load_backend("numpy")[1].build(GENRE, weights, dtype="float64", device="cpu")
    loss, gradients = network.loss_and_gradients(x, labels, dropout_masks=masks)
    state = AdamState(3, gradients, {name: np.square(value) for name, value in gradients.items()})
    config = Adam(learning_rate=0.5)
    updated, after = network.adam_update(gradients, state, config)
    moments = {f"m/{name}": value for name, value in state.m.items()} | {f"v/{n}": v for n, v in state.v.items()}
    calls = (
        Call("taken", "weights"),
        Call("out", "logits", {"x": x}),
        Call("seen", "trace", {"x": x, **masked}, {"training": True}),
        Call("slope", "loss_and_gradients", {"x": x, "labels": labels, **masked}),
        Call(
            "step",
            "adam_update",
            {f"gradients/{name}": value for name, value in gradients.items()} | moments,
            {"step": 3, "adam": {"learning_rate": 0.5}},
        ),
    )
    result = run_job(Job("numpy", GENRE, weights, calls), threads=1)
    expected = {
        "taken": network.weights(),
        "out": {"value": network.logits(x)},
        "seen": network.trace(x, training=True, dropout_masks=masks),
        "slope": gradients,
        "step": {f"weights/{name}": value for name, value in updated.items()}
        | {f"m/{name}": value for name, value in after.m.items()}
        | {f"v/{name}": value for name, value in after.v.items()},
    }
    for call, arrays in expected.items():
        assert result.arrays[call].keys() == arrays.keys()
        for name, value in arrays.items():
            np.testing.assert_array_equal(result.arrays[call][name], value)
    assert result.values["slope"] == loss
    assert result.values["step"] == after.step == 4
    assert result.report["versions"]["numpy"] == np.__version__
    assert result.report["threads"] == dict.fromkeys(THREAD_VARIABLES, "1")
    assert result.report["seconds"].keys() == {"build", *expected}
    assert result.report["peak_memory_bytes"] > 2**20


def test_a_job_that_keeps_going_says_what_failed() -> None:
    """One call fails, the others are answered, and the error says why; without keep_going the job fails."""
    x, labels = random_inputs(GENRE, 4)
    calls = (
        Call("before", "logits", {"x": x}),
        Call("wrong", "logits", {"x": x[:, :5]}),
        Call("after", "loss_and_gradients", {"x": x, "labels": labels}),
    )
    result = execute(Job("numpy", GENRE, random_weights(GENRE, 0), calls, keep_going=True))
    assert result.errors.keys() == {"wrong"}
    assert "expected" in result.errors["wrong"]
    assert result.arrays["before"].keys() == {"value"}
    assert np.isfinite(result.values["after"])
    with pytest.raises(GenrebenchError, match="expected"):
        execute(Job("numpy", GENRE, random_weights(GENRE, 0), calls))


def test_a_call_may_ask_for_another_precision_or_for_moved_weights() -> None:
    """float32 gives float32, moved weights are one ulp away each, and the job's own are not touched."""
    weights = random_weights(GENRE, 0)
    calls = (Call("moved", "weights", moved=True), Call("single", "weights", dtype="float32"), Call("own", "weights"))
    result = execute(Job("numpy", GENRE, weights, calls))
    for name, value in weights.items():
        np.testing.assert_array_equal(result.arrays["own"][name], value)
        np.testing.assert_array_equal(result.arrays["single"][name], value.astype(np.float32))
        distance = np.abs(result.arrays["moved"][name] - value)
        assert np.all(distance > 0)
        assert np.all(distance <= np.spacing(np.abs(value)))


def test_a_short_run_is_that_of_the_definitions() -> None:
    """Steps written out with the referee's own calls give the same losses and weights, batches taken in turn."""
    plain = GENRE.without_dropout()
    weights = {name: value.astype(np.float64) for name, value in random_weights(GENRE, 0).items()}
    x, labels = random_inputs(GENRE, 6)
    batches, batch_labels = x.reshape(2, 3, *x.shape[1:]), labels.reshape(2, 3)
    asked = Call("run", "steps", {"x": batches, "labels": batch_labels}, {"count": 3})
    result = execute(Job("numpy", GENRE, weights, (asked,)))
    state, losses = None, []
    for index in (0, 1, 0):
        network = load_backend("numpy")[1].build(plain, weights, dtype="float64", device="cpu")
        loss, gradients = network.loss_and_gradients(batches[index], batch_labels[index])
        traced = network.trace(batches[index], training=True)
        zeros = {name: np.zeros_like(value) for name, value in gradients.items()}
        updated, state = network.adam_update(gradients, state or AdamState(0, zeros, zeros), Adam())
        weights = weights | {name: traced[name] for name in weights if name in traced} | updated
        losses.append(loss)
    assert result.values["run"] == losses
    for name, value in weights.items():
        np.testing.assert_array_equal(result.arrays["run"][name], value)


def test_the_first_layers_are_traced_where_a_later_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``prefix`` a network that raises gives what it can, and says why it cannot give the rest."""
    x = random_inputs(GENRE, 2)[0]
    call = Call("t", "trace", {"x": x}, {"training": False, "prefix": True})
    job = Job("numpy", GENRE, random_weights(GENRE, 0), (call,))
    whole = execute(job)
    assert whole.values["t"] is None
    monkeypatch.setattr("genrebench.network.operations.Dense.forward", lambda self, x: x @ np.ones((1, 1)))
    first = execute(job)
    assert first.values["t"].startswith("ValueError: matmul")
    assert list(first.arrays["t"]) == list(whole.arrays["t"])[:10]
    for name, value in first.arrays["t"].items():
        np.testing.assert_array_equal(value, whole.arrays["t"][name])


def test_a_worker_ends_with_its_context(faulty: Path) -> None:
    """One that is not waited for is ended, with all it started."""
    with start_job(job("hang")):
        deadline = time.monotonic() + 60
        while not faulty.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    wait_until_gone([int(pid) for pid in faulty.read_text().split()])


def test_the_parent_imports_no_framework() -> None:
    """Running a job, whatever the backend, loads none of them here."""
    code = (
        "import sys, numpy as np; from genrebench.backend.jobs import *; from tests.backend.test_jobs import job;"
        "run_job(job('numpy')); assert not {'torch', 'tensorflow', 'keras', 'jax', 'backends'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("crash", r"worker of backend crash: ended by signal 6 \(Aborted\)"),
        ("kill", r"worker of backend kill: ended by signal 9 \(Killed\)"),
        ("raise_", "worker of backend raise_: RuntimeError: out of"),
        ("garbage", "worker of backend garbage: exit status 0 and no report"),
        ("threads", "worker of backend threads: exit status 0 and no report"),
        ("nobody", "worker of backend nobody: expected one of the installed backends"),
    ],
)
def test_a_worker_that_fails_is_told_by_name(faulty: Path, backend: str, message: str) -> None:
    """Crash, kill, exception, garbage, early exit, unknown name: the error says which, and has standard error."""
    with pytest.raises(WorkerError, match=message) as failure:
        run_job(job(backend))
    if backend == "raise_":
        assert "Traceback" in failure.value.stderr


def test_threads_are_set_before_the_framework_is_imported(faulty: Path) -> None:
    """The worker's environment has them from its start."""
    with pytest.raises(WorkerError):
        run_job(job("threads"), threads=2)
    assert "OMP_NUM_THREADS" in faulty.read_text()
    assert "TF_NUM_INTRAOP_THREADS" in faulty.read_text()


def test_a_worker_that_hangs_is_ended_with_all_it_started(faulty: Path) -> None:
    """After the time limit neither it nor its child is left, and its last words are kept."""
    with pytest.raises(WorkerError, match="expected an end within 3 s, ended it") as failure:
        run_job(job("hang"), timeout=3)
    assert failure.value.stderr == "still busy"
    wait_until_gone([int(pid) for pid in faulty.read_text().split()])


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_parent(faulty: Path, number: signal.Signals) -> None:
    """Ctrl-C ends the worker at once; a killed parent takes its worker along too."""
    code = "from genrebench.backend.jobs import run_job; from tests.backend.test_jobs import job; run_job(job('hang'))"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not faulty.exists() or len(faulty.read_text().split()) < 2:
        assert time.monotonic() < deadline
    worker, child = (int(pid) for pid in faulty.read_text().split())
    parent.send_signal(number)
    parent.communicate(timeout=30)
    wait_until_gone([worker] if number == signal.SIGKILL else [worker, child])
    if is_running(child):  # nobody is left who could have ended what the worker itself started
        os.kill(child, signal.SIGKILL)


def test_an_interpreter_that_is_none_is_refused(tmp_path: Path) -> None:
    """Missing, or no Python, or one without genrebench."""
    with pytest.raises(WorkerError, match=r"nowhere/python: expected a Python interpreter.*No such file"):
        run_job(job("numpy"), python=tmp_path / "nowhere" / "python")
    with pytest.raises(WorkerError, match="exit status 1 and no report"):
        run_job(job("numpy"), python="/bin/false")


def test_another_environment_s_interpreter_does_the_work(tmp_path: Path) -> None:
    """A job runs under the interpreter that is named, here by another name."""
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nGENREBENCH_SEEN=1 exec "{sys.executable}" "$@"\n')
    other.chmod(0o755)
    assert run_job(job("numpy"), python=other).report["backend"] == "numpy"


def test_the_conformance_kit_runs_in_a_worker() -> None:
    """Outcomes come back as they were."""
    outcomes, report = run_check("numpy", {"adam": "just to see"})
    found = {outcome.name: outcome for outcome in outcomes}
    assert found["logits"].status == "passed"
    assert found["adam"].status == "failed"
    assert "just to see" in found["adam"].message
    assert report["seconds"]["check"] > 0
