"""Jobs: what comes back, and every way in which a worker can fail."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genrebench.backend.worker import emit, run_job, start_job
from genrebench.errors import WorkerError
from genrebench.system.process import KEPT_BYTES, THREAD_VARIABLES, run_process
from tests.witness import Witness

# Functions that a worker imports from a folder on its path; most of them misbehave as their names say.
JOBS = """
import os, signal, subprocess, sys
from pathlib import Path
import numpy as np
from genrebench.backend.worker import emit
from genrebench.errors import BackendError

def double(arrays, options):
    print("a framework's banner")
    values = {"nan": float("nan"), "list": (np.float32(0.5), float("inf")), "options": options, "path": sys.path[0]}
    return {name: 2 * array for name, array in arrays.items()}, values

def events(arrays, options):
    for count in range(3):
        emit({"count": count, "share": float("nan")})
        open(options["answers"]).read()
    return {}, "done"

def hang(arrays, options):
    pipe = open(options["pipe"], "w")
    child = subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"], pass_fds=[pipe.fileno()])
    print("still busy", file=sys.stderr, flush=True)
    print(child.pid, file=pipe, flush=True)
    signal.pause()

def daemon(arrays, options):
    pipe = open(options["pipe"], "w")
    if not os.fork():
        os.setsid()
        if not os.fork():
            print("here", file=pipe, flush=True)
            signal.pause()
        os._exit(0)
    os.wait()
    if options["hangs"]:
        signal.pause()
    return {}, None

def childless(arrays, options):
    try:
        os.wait()
    except ChildProcessError:
        return {}, "no child"

def settings(arrays, options):
    from genrebench.system.memory import keep_freed_memory
    return {}, keep_freed_memory.cache_info().currsize

def abort(arrays, options): os.abort()
def killed(arrays, options): os.kill(os.getpid(), signal.SIGKILL)
def broken(arrays, options): raise RuntimeError("out of\\nluck")
def refused(arrays, options): raise BackendError("expected more")
def leaves(arrays, options): sys.exit(3)
def no_pair(arrays, options): return 7
def no_json(arrays, options): return {}, object()
def pickled(arrays, options): return {"x": np.array([object()])}, None
def large(arrays, options): return {"x": np.zeros(3 * 2**20 // 8), "y": np.zeros(2)}, None
def strided(arrays, options): return {"x": np.broadcast_to(np.zeros(1), (10**6, 10**6))}, None
def many(arrays, options): return dict.fromkeys(map(str, range(100_001)), np.zeros(0)), None
def lazy(arrays, options):
    class Lazy:
        shape, dtype, nbytes = (10**6, 10**6), np.dtype(float), 8
        def __array__(self, *a, **b): os.abort()
    return {"x": Lazy()}, None
def talkative(arrays, options): return {}, "x" * 70 * 2**20
def wordy(arrays, options): raise RuntimeError("x" * 2**20)
def chatty(arrays, options):
    for _ in range(40): print("x" * 2**18)
    print("the end")
    raise RuntimeError("chatty")
def endless(arrays, options): emit({"line": "x" * 2**21})
def lying(arrays, options):
    import io, zipfile
    from numpy.lib import format
    header = io.BytesIO()
    format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    folder = Path(sys.argv[1])
    with zipfile.ZipFile(folder / "output.npz", "w") as file: file.writestr("x.npy", header.getvalue())
    (folder / "report.json").write_text('{"value": null}')
    os._exit(0)
def garbage(arrays, options):
    (Path(sys.argv[1]) / "report.json").write_text('{"value": nul')
    os._exit(0)
"""


@pytest.fixture(autouse=True)
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the functions where workers find them."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "odd_jobs.py").write_text(JOBS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    """Offer a pipe that workers hold open."""
    witness = Witness(tmp_path / "pipe")
    yield witness
    witness.close()


def test_arrays_and_values_come_back() -> None:
    """Every array does to the last bit and in its dtype, values as JSON has them; the report is complete."""
    arrays = {"layer/kernel": np.array([0.1, np.nan], np.float32), "n": np.array(3)}
    found = run_job("odd_jobs:double", arrays=arrays, options={"a": [1, "b"]}, threads=1)
    assert found.arrays.keys() == arrays.keys()
    for name, array in found.arrays.items():
        assert array.dtype == arrays[name].dtype
        np.testing.assert_array_equal(array, 2 * arrays[name])
    assert found.value.pop("path") != ""
    assert found.value == {"nan": None, "list": [0.5, None], "options": {"a": [1, "b"]}}
    assert found.report["seconds"] > 0
    assert found.report["peak_memory_bytes"] > 2**20
    assert found.report["threads"] == dict.fromkeys(THREAD_VARIABLES, "1")
    assert found.report["versions"]["numpy"] == np.__version__
    assert {"python", "platform", "genrebench"} <= found.report["versions"].keys()


def test_events_arrive_while_the_job_runs(tmp_path: Path) -> None:
    """It goes on only when each was read; what is no event is not taken for one."""
    os.mkfifo(tmp_path / "answers")
    seen: list[Any] = []

    def on_event(event: dict[str, Any]) -> None:
        """Let the job go on."""
        seen.append(event)
        (tmp_path / "answers").write_text("go on")

    found = run_job("odd_jobs:events", options={"answers": str(tmp_path / "answers")}, on_event=on_event)
    assert found.value == "done"
    assert seen == [{"count": count, "share": None} for count in range(3)]
    assert run_job("odd_jobs:double", on_event=seen.append).arrays == {}
    assert len(seen) == 3
    emit({"count": 4})  # nobody waits for this process


def test_settings_of_the_process_are_made_by_the_worker() -> None:
    """The allocator is told before the job begins."""
    assert run_job("odd_jobs:settings").value == 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("abort", r"ended by signal 6 \(Aborted\)"),
        ("killed", r"ended by signal 9 \(Killed\)"),
        ("broken", "RuntimeError: out of luck"),
        ("refused", "expected more"),
        ("leaves", "exit status 3 and no report; "),
        ("garbage", "exit status 0 and no report; "),
        ("no_pair", "TypeError: cannot unpack"),
        ("no_json", "TypeError: Object of type object is not JSON"),
        ("pickled", "ValueError: Object arrays cannot be saved"),
        ("nothing", "AttributeError: module 'odd_jobs' has no attribute 'nothing'"),
    ],
)
def test_a_job_that_fails_is_named(function: str, message: str) -> None:
    """Crash, kill, exception, early exit, garbage: one line says which, and standard error is kept."""
    with pytest.raises(WorkerError, match=f"^worker: job odd_jobs:{function}: {message}") as failure:
        run_job(f"odd_jobs:{function}")
    assert "\n" not in str(failure.value)
    if function == "broken":
        assert "Traceback" in failure.value.stderr
        assert "Traceback" in "".join(failure.value.__notes__)
        with pytest.raises(WorkerError, match=f"^worker of backend mine: {message}"):
            run_job(f"odd_jobs:{function}", name="backend mine")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("large", "expected a reply of at most 100,000 arrays and 2 MiB, received 2 with 3 MiB; a larger --max-reply"),
        ("strided", "at most 100,000 arrays and 2 MiB, received 1 with 7,629,395 MiB"),
        ("many", "at most 100,000 arrays and 2 MiB, received 100,001 with 0 MiB"),
        ("lazy", "x: expected a NumPy array, received Lazy"),
        ("talkative", "no report; "),
        ("wordy", "RuntimeError: xxx"),
        ("endless", "expected events in JSON, received '.\"line"),
        ("lying", r"x.npy: expected \(1000000, 1000000\) of float64, received 128 bytes"),
    ],
)
def test_a_reply_has_limits(function: str, message: str) -> None:
    """Of arrays before they are written, and before they are read; of what is said, too."""
    with pytest.raises(WorkerError, match=message) as failure:
        run_job(f"odd_jobs:{function}", max_reply=2, on_event=print)
    assert len(str(failure.value)) < 3000
    if function == "large":
        assert run_job("odd_jobs:large", max_reply=4).arrays.keys() == {"x", "y"}


def test_of_what_a_worker_writes_the_end_is_kept() -> None:
    """In memory of a fixed size, with a note of how much is not there."""
    with pytest.raises(WorkerError, match="RuntimeError: chatty") as failure:
        run_job("odd_jobs:chatty")
    assert re.match(r"\[[\d,]+ bytes before this are left out\]\nx", failure.value.stderr)
    assert "\nthe end\n" in failure.value.stderr
    assert len(failure.value.stderr) <= 2 * KEPT_BYTES + 100


def test_a_module_that_only_the_worker_lacks_is_named() -> None:
    """The parent does not import it."""
    with pytest.raises(WorkerError, match="ModuleNotFoundError: No module named 'nowhere'"):
        run_job("nowhere:f")


def test_a_worker_that_takes_too_long_is_ended_with_all_it_started(witness: Witness) -> None:
    """Neither it nor its child is left, and its last words are kept."""
    with start_job("odd_jobs:hang", options={"pipe": str(witness.path)}, timeout=0) as wait:
        witness.line()
        with pytest.raises(WorkerError, match="expected an end within 0 s, ended it") as failure:
            wait()
        witness.wait_until_gone()
    assert failure.value.stderr == "still busy"


def test_a_worker_ends_with_its_context_and_leaves_no_files(witness: Witness, tmp_path: Path) -> None:
    """One that is not waited for is ended, with all it started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path / "site"))
        with start_job("odd_jobs:hang", options={"pipe": str(witness.path)}):
            witness.line()
            assert list((tmp_path / "site").glob("genrebench-job-*"))
    witness.wait_until_gone()
    assert not list((tmp_path / "site").glob("genrebench-job-*"))


def test_a_killed_parent_takes_its_worker_along(witness: Witness) -> None:
    """The worker notices, however the parent dies; where nothing else ends its own child, the test does."""
    code = "import sys; from genrebench.backend.worker import run_job; run_job('odd_jobs:hang', options={'pipe': %r})"
    parent = subprocess.Popen([sys.executable, "-c", code % str(witness.path)])
    child = int(witness.line())
    parent.kill()
    parent.wait(60)
    if sys.platform != "linux":
        os.kill(child, 9)
    witness.wait_until_gone()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process may leave its parent for good")
@pytest.mark.parametrize("hangs", [False, True])
def test_what_leaves_its_parent_and_its_session_is_ended_with_the_worker(witness: Witness, hangs: bool) -> None:
    """As daemons do; whether the worker comes to its end or is ended."""
    with start_job("odd_jobs:daemon", options={"pipe": str(witness.path), "hangs": hangs}) as wait:
        assert witness.line() == "here"
        if not hangs:
            wait()
    witness.wait_until_gone()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process may leave its parent for good")
def test_what_has_left_its_session_is_ended_when_the_parent_is_killed(witness: Witness) -> None:
    """The worker is killed by the system then, and cannot do it any more."""
    code = (
        "import sys; from genrebench.backend.worker import run_job; "
        "run_job('odd_jobs:daemon', options={'pipe': %r, 'hangs': True})"
    )
    parent = subprocess.Popen([sys.executable, "-c", code % str(witness.path)])
    assert witness.line() == "here"
    parent.kill()
    parent.wait(60)
    witness.wait_until_gone()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is guarded")
def test_a_job_is_not_the_parent_of_what_guards_it() -> None:
    """Waiting for all of its children comes to an end."""
    assert run_job("odd_jobs:childless").value == "no child"


def test_an_interpreter_that_is_none_is_refused(tmp_path: Path) -> None:
    """Missing, or no Python, or one without genrebench."""
    with pytest.raises(WorkerError, match=r"nowhere/python: expected a Python interpreter.*No such file"):
        run_job("odd_jobs:double", python=tmp_path / "nowhere" / "python")
    with pytest.raises(WorkerError, match="exit status 1 and no report"):
        run_job("odd_jobs:double", python="/bin/false")


def test_another_environment_s_interpreter_does_the_work(tmp_path: Path) -> None:
    """A job runs under the interpreter that is named, here by another name."""
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:/other" exec "{sys.executable}" "$@"\n')
    other.chmod(0o755)
    (tmp_path / "site" / "seen.py").write_text("def f(arrays, options):\n import sys\n return {}, '/other' in sys.path")
    assert run_job("seen:f", python=other).value is True
    assert run_job("seen:f").value is False


def test_another_version_s_job_is_refused(tmp_path: Path) -> None:
    """The formats are numbered."""
    (tmp_path / "job.json").write_text(json.dumps({"format": 2}))
    command = [sys.executable, "-m", "genrebench.backend.worker", str(tmp_path)]
    assert run_process(command, timeout=60).exit_status == 1
    error = json.loads((tmp_path / "report.json").read_text())["error"]
    assert "received 2; install one version of genrebench in both environments" in error


@pytest.mark.parametrize("flags", [[], ["-O"]])
def test_the_parent_imports_no_framework(flags: list[str]) -> None:
    """Running a job loads none of them here, nor what the job itself imports; nothing hangs on assertions."""
    code = (
        "import sys; from genrebench.backend.worker import run_job; found = run_job('odd_jobs:double')\n"
        "print(found.value['options'], {'torch', 'tensorflow', 'keras', 'jax', 'odd_jobs'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, *flags, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "{} set()\n"
