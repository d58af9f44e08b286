"""Files by URL: what a path does, what is fetched and how much, what is put whole, and a store that does not answer."""

import errno
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genrebench.errors import ClusterError
from genrebench.system import remote
from genrebench.system.files import read_file, write_atomically
from genrebench.system.remote import TRIES, RemotePath, as_path, fetched

fsspec = pytest.importorskip("fsspec")


class Unsteady:
    """A store that fails each third call, as one does that answers 503 now and then."""

    protocol = "memory"

    def __init__(self, store: Any, failure: Callable[[], Exception], each: int = 3) -> None:
        """Fail with what a function makes."""
        self._store, self._failure, self._each = store, failure, each
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        """Count a call."""
        found = getattr(self._store, name)

        def call(*arguments: Any, **options: Any) -> Any:
            """Fail, or do it."""
            self.calls += 1
            if self.calls % self._each == 0:
                raise self._failure()
            return found(*arguments, **options)

        return call


@pytest.fixture
def store() -> Iterator[Any]:
    """Offer a store in memory, which is empty before and after."""
    found = fsspec.filesystem("memory")
    found.store.clear()
    found.pseudo_dirs[:] = [""]
    yield found
    found.store.clear()
    found.pseudo_dirs[:] = [""]


def place(url: str) -> RemotePath:
    """Name a file of the store."""
    path = as_path(url)
    assert isinstance(path, RemotePath)
    return path


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note how long it would have been waited."""
    found: list[float] = []
    monkeypatch.setattr(remote, "pause", found.append)
    return found


def test_a_url_is_a_path(store: Any) -> None:
    """With name, parent and suffix, its text the URL; file:// is this machine."""
    path = place("memory://bucket/rock/a.wav")
    assert isinstance(path, RemotePath)
    assert (str(path), path.name, path.suffix) == ("memory://bucket/rock/a.wav", "a.wav", ".wav")
    assert str(path.parent / "b.wav") == "memory://bucket/rock/b.wav"
    assert path.relative_to(place("memory://bucket")).as_posix() == "rock/a.wav"
    assert type(as_path("file:///tmp/a.wav")) is type(as_path("/tmp/a.wav")) is type(Path())
    assert as_path(path) is path


def test_files_are_written_whole_listed_and_read(store: Any) -> None:
    """What was listed keeps size and time on its way to other processes."""
    path = place("memory://bucket/rock/a.wav")
    assert not path.exists()
    write_atomically(path, b"sound")
    assert path.exists()
    assert path.parent.is_dir()
    assert not path.is_dir()
    assert read_file(path, expected="sound", error=ClusterError, max_bytes=5) == b"sound"
    with pytest.raises(ClusterError, match="of at most 4 bytes, received 5 bytes"):
        read_file(path, expected="sound", error=ClusterError, max_bytes=4)
    (listed,) = place("memory://bucket").files()
    assert listed == path
    store.pipe_file("/bucket/rock/a.wav", b"another sound")
    assert pickle.loads(pickle.dumps(listed)).stat().st_size == 5
    assert path.stat().st_size == 13
    assert [str(each) for each in place("memory://bucket").iterdir()] == ["memory://bucket/rock"]
    path.unlink()
    path.unlink(missing_ok=True)
    assert place("memory://bucket").files() == []


def test_a_failed_write_leaves_what_was_there(store: Any) -> None:
    """The old content stays."""
    path = place("memory://bucket/result.csv")
    write_atomically(path, b"old")
    with pytest.raises(ZeroDivisionError), remote.putting(path) as file:
        file.write(bytes(1 // 0))
    assert path.read_bytes() == b"old"


def test_what_is_fetched_is_gone_afterwards(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it has its name; one that is too large is not fetched at all."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = place("memory://bucket/a.wav")
    path.write_bytes(bytes(2 * 2**20))
    with fetched(path) as local:
        assert (local.name, local.stat().st_size) == ("a.wav", 2 * 2**20)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv(remote.LIMIT_VARIABLE, "1")
    with pytest.raises(OSError, match="2 MiB, of which GENREBENCH_CACHE_MIB allows 1"), fetched(path):
        pass


@pytest.mark.parametrize("failure", [lambda: OSError(errno.EBUSY, "503 Slow Down"), lambda: RuntimeError("503")])
def test_a_store_that_fails_now_and_then_is_asked_again(
    store: Any, waits: list[float], monkeypatch: pytest.MonkeyPatch, failure: Callable[[], Exception]
) -> None:
    """Whatever its library raises for that."""
    unsteady = Unsteady(store, failure)
    monkeypatch.setattr(remote, "_filesystem", lambda scheme: unsteady)
    for number in range(20):
        path = place(f"memory://bucket/{number}")
        path.write_bytes(bytes([number]))
        assert path.read_bytes() == bytes([number])
    assert len(waits) >= 10
    assert set(waits) == {0.2}


def test_a_store_that_does_not_answer_is_given_up(
    store: Any, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some tries, each later than the one before; the error names the file."""
    silent = Unsteady(store, lambda: OSError(errno.EBUSY, "503 Slow Down"), each=1)
    monkeypatch.setattr(remote, "_filesystem", lambda scheme: silent)
    with pytest.raises(OSError, match="503 Slow Down") as failure:
        place("memory://bucket/a").read_bytes()
    assert failure.value.filename == "memory://bucket/a"
    assert silent.calls == TRIES
    assert waits == [0.2 * 2**each for each in range(TRIES - 1)]


def test_what_asking_again_does_not_change_is_raised_at_once(
    store: Any, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is not there; a disk that is full."""
    with pytest.raises(FileNotFoundError):
        place("memory://bucket/absent").read_bytes()
    full = Unsteady(store, lambda: OSError(errno.ENOSPC, "No space left on device"), each=1)
    monkeypatch.setattr(remote, "_filesystem", lambda scheme: full)
    with pytest.raises(OSError, match="No space left"):
        place("memory://bucket/a").write_bytes(b"")
    assert waits == []


def test_without_fsspec_its_installation_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a command; a scheme that nobody knows is named."""
    with pytest.raises(ClusterError, match="nobody://: cannot be read here"):
        as_path("nobody://bucket/a").exists()
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ClusterError, match=r"abfs://: expected fsspec.*pip install 'genrebench\[remote\]'"):
        as_path("abfs://bucket/a").exists()
