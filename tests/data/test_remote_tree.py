"""Preprocessing from a store of objects into one: the bytes of one machine, the same resume, and one run at a time."""

import errno
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genrebench.data import lock
from genrebench.data.preprocess import preprocess
from genrebench.errors import DatasetError
from genrebench.system import remote
from genrebench.system.remote import as_path
from tests.conftest import SMALL, write_originals
from tests.data.test_preprocess import tree_bytes
from tests.google_storage import google_storage
from tests.system.test_remote import Unsteady, place

fsspec = pytest.importorskip("fsspec")
DATASET, TREE = "memory://bucket/music", "memory://bucket/mel"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    """Offer a store in memory with six recordings and one that is none, which lie in ``dataset/``, too."""
    write_originals(tmp_path / "dataset", tracks=2)
    (tmp_path / "dataset" / "genres_original" / "disco" / "damaged.wav").write_bytes(b"RIFF no sound")
    found = fsspec.filesystem("memory")
    found.store.clear()
    found.pseudo_dirs[:] = [""]
    found.put(str(tmp_path / "dataset" / "genres_original"), "/bucket/music/genres_original", recursive=True)
    yield found
    found.store.clear()


def content(store: Any) -> dict[str, bytes]:
    """Read every object of the tree."""
    return {name.removeprefix("/bucket/mel/"): store.cat_file(name) for name in store.find("/bucket/mel")}


def test_a_store_gets_what_a_disk_gets(store: Any, tmp_path: Path) -> None:
    """The tree, the tracks of the manifest and the failure, which has its URL; nothing else is left."""
    here = preprocess(tmp_path / "dataset", SMALL, output=tmp_path / "mel", jobs=1)
    there = preprocess(DATASET, SMALL, output=TREE, jobs=1)
    assert content(store) == tree_bytes(here.tree)
    assert (there.written, there.segments, there.genres) == (here.written, here.segments, here.genres)
    assert there.failures == {
        source: reason.replace(str(tmp_path / "dataset"), DATASET) for source, reason in here.failures.items()
    }
    ours, others = (json.loads(report.manifest.read_bytes())["tracks"] for report in (here, there))
    assert {key: track["digest"] for key, track in ours.items()} == {k: track["digest"] for k, track in others.items()}
    assert {path.name for path in as_path("memory://bucket").iterdir()} == {"music", "mel", "mel.manifest.json"}


def test_a_second_run_does_what_is_missing(store: Any) -> None:
    """Tracks whose objects are there are skipped; one that lost one is made again."""
    preprocess(DATASET, SMALL, output=TREE, jobs=1)
    whole = content(store)
    store.rm_file("/bucket/mel/metal/metal.00001-2.npz")
    report = preprocess(DATASET, SMALL, output=TREE, jobs=1)
    assert (report.skipped, report.written, report.repaired) == (5, 1, 1)
    assert content(store) == whole
    store.rm("/bucket/music/genres_original/disco", recursive=True)
    assert len(preprocess(DATASET, SMALL, output=TREE, jobs=1, prune=True).genres) == 2
    assert {name.partition("/")[0] for name in content(store)} == {"classical", "metal"}


def test_a_store_that_fails_now_and_then_loses_nothing(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each third call fails, and each is asked again."""
    unsteady = Unsteady(store, lambda: OSError(errno.EBUSY, "503 Slow Down"))
    monkeypatch.setattr(remote, "_filesystem", lambda scheme: unsteady)
    monkeypatch.setattr(remote, "pause", lambda seconds: None)
    report = preprocess(DATASET, SMALL, output=TREE, jobs=1)
    assert (report.written, list(report.failures)) == (6, ["disco/damaged.wav"])
    assert unsteady.calls > 60
    assert content(store) == tree_bytes(preprocess(tmp_path / "dataset", SMALL, output=tmp_path / "mel", jobs=1).tree)


def test_one_run_at_a_time_writes_a_tree(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is refused, unless the first has given no sign of life for long: it was killed."""
    mark = as_path(f"{TREE}.lock")
    mark.write_bytes(lock._sign("another"))
    with pytest.raises(DatasetError, match=r"mel: another genrebench preprocess writes it now \(0 s ago\)"):
        preprocess(DATASET, SMALL, output=TREE, jobs=1)
    monkeypatch.setattr(lock, "DEAD_SECONDS", 0.0)
    assert preprocess(DATASET, SMALL, output=TREE, jobs=1).written == 6
    assert not mark.exists()


def test_a_run_gives_signs_of_life(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it lasts."""
    monkeypatch.setattr(lock, "_SIGN_SECONDS", 0.01)
    mark, given = as_path(f"{TREE}.lock"), threading.Event()

    def sign(run: str) -> bytes:
        """Note that there was a sign."""
        given.set()
        return b"{}"

    with lock.written_alone(as_path(TREE)):
        monkeypatch.setattr(lock, "_sign", sign)
        assert given.wait(30)
    assert not mark.exists()


def test_a_tree_lies_apart_from_the_recordings(store: Any) -> None:
    """In a store, too."""
    with pytest.raises(DatasetError, match="apart from the recordings"):
        preprocess(DATASET, SMALL, output=f"{DATASET}/genres_original/mel", jobs=1)
    with pytest.raises(DatasetError, match=r"expected recordings .* found none"):
        preprocess("memory://bucket/absent", SMALL, output=TREE, jobs=1)


@pytest.mark.slow
def test_a_server_of_objects_does_it(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By s3://, against a server of the protocol on this machine."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", f"http://{host}:{port}")
        monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": f"http://{host}:{port}"})
        remote._filesystem.cache_clear()
        s3 = fsspec.filesystem("s3", use_listings_cache=False)
        s3.mkdir("music")
        s3.put(str(tmp_path / "dataset" / "genres_original"), "music/genres_original", recursive=True)
        report = preprocess("s3://music", SMALL, output="s3://music/mel", jobs=1)
        assert report.written == 6
        here = tree_bytes(preprocess(tmp_path / "dataset", SMALL, output=tmp_path / "mel", jobs=1).tree)
        assert {name.removeprefix("music/mel/"): s3.cat_file(name) for name in s3.find("music/mel")} == here
        assert preprocess("s3://music", SMALL, output="s3://music/mel", jobs=1).skipped == 6
    finally:
        remote._filesystem.cache_clear()
        server.stop()


@pytest.mark.slow
def test_google_s_store_does_it_and_may_fail_now_and_then(store: Any, tmp_path: Path) -> None:
    """By gs://, against a server that answers each seventh request with 503; another run at the time is refused."""
    here = tree_bytes(preprocess(tmp_path / "dataset", SMALL, output=tmp_path / "mel", jobs=1).tree)
    with google_storage("music", fails_each=7) as google:
        for path in sorted((tmp_path / "dataset").rglob("*.wav")):
            google.pipe_file(f"music/{path.relative_to(tmp_path / 'dataset')}", path.read_bytes())
        report = preprocess("gs://music", SMALL, output="gs://music/mel", jobs=1)
        assert (report.written, list(report.failures)) == (6, ["disco/damaged.wav"])
        assert {name.removeprefix("music/mel/"): google.cat_file(name) for name in google.find("music/mel")} == here
        assert preprocess("gs://music", SMALL, output="gs://music/mel", jobs=1).skipped == 6
        place("gs://music/mel.lock").create(lock._sign("another"))
        with pytest.raises(DatasetError, match="another genrebench preprocess writes it now"):
            preprocess("gs://music", SMALL, output="gs://music/mel", jobs=1)
        assert google.counts.failures == google.counts.requests // 7 > 10
