"""One run at a time writes a spectrogram tree, on this machine, on a shared disk, or in a store of objects."""

import json
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import Timeout

from genrebench.errors import DatasetError
from genrebench.system.files import parse_json
from genrebench.system.locks import locked
from genrebench.system.remote import RemotePath

# A store of objects knows no process's end: a run gives a sign of life so often, and is dead after so long without one.
_SIGN_SECONDS, DEAD_SECONDS = 30.0, 300.0


@contextmanager
def written_alone(tree: Path) -> Iterator[Path]:
    """Keep other runs from writing a tree.

    Yields
    ------
    Path
        Folder for unfinished files, on the tree's file system but outside the tree, which is this run's alone. A store
        of objects needs none: there it is the tree.

    Raises
    ------
    DatasetError
        If another run writes it, or nothing can be written there.
    """
    if isinstance(tree, RemotePath):
        with _mark(tree):
            yield tree
        return
    staging = tree.with_name(f".{tree.name}.partial")
    with ExitStack() as held:
        try:
            held.enter_context(locked(staging / "lock", of=tree))
        except Timeout as error:
            raise DatasetError("another genrebench preprocess writes it now; wait for its end", path=tree) from error
        except OSError as error:
            raise _no_place(tree, error) from error
        try:
            yield _own_folder(staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _own_folder(staging: Path) -> Path:
    """Make a folder that is this run's alone: what works for one that was killed finds its own gone, and ends."""
    for old in staging.iterdir():
        if old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
    folder = staging / secrets.token_hex(8)
    folder.mkdir()
    return folder


@contextmanager
def _mark(tree: RemotePath) -> Iterator[None]:
    """Have an object beside the tree that says that a run writes it, and when that last gave a sign of life."""
    mark: RemotePath = tree.with_name(f"{tree.name}.lock")
    run = secrets.token_hex(8)
    try:
        try:
            mark.create(_sign(run))
        except FileExistsError:
            if (silent := _silence(mark)) < DEAD_SECONDS:
                raise DatasetError(
                    f"another genrebench preprocess writes it now ({silent:.0f} s ago); wait for its end, or, if it "
                    f"was killed, {DEAD_SECONDS:.0f} s",
                    path=str(tree),
                ) from None
            mark.write_bytes(_sign(run))
    except OSError as error:
        raise _no_place(tree, error) from error
    ended = threading.Event()

    def live() -> None:
        """Give signs of life."""
        while not ended.wait(_SIGN_SECONDS):
            with suppress(OSError):  # the store does not answer now
                mark.write_bytes(_sign(run))

    thread = threading.Thread(target=live, name="genrebench-lock", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(OSError):
            mark.unlink(missing_ok=True)


def _sign(run: str) -> bytes:
    """Say who lives, and that it does."""
    return json.dumps({"run": run, "time": time.time()}).encode()


def _silence(mark: RemotePath) -> float:
    """Measure the seconds since the last sign of life; what cannot be read is none."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return max(0.0, time.time() - float(parse_json(mark.read_bytes())["time"]))
    return DEAD_SECONDS


def _no_place(tree: Path, error: OSError) -> DatasetError:
    """Say that nothing can be written there."""
    return DatasetError(
        f"expected a place to write the spectrograms to ({error.strerror}); choose another --output", path=str(tree)
    )
