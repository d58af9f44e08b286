"""The commands on recordings and outputs that are named by URLs: what a disk gets, and one line for what cannot be."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from genrebench.system import remote
from tests.cli.commands import refused, run
from tests.conftest import write_originals
from tests.google_storage import google_storage

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[str]:
    """Offer a store in memory with three recordings and a damaged one, which lie in ``dataset/``, too."""
    store = fsspec.filesystem("memory")
    store.store.clear()
    write_originals(tmp_path / "dataset", tracks=1)
    (tmp_path / "dataset" / "genres_original" / "disco" / "damaged.wav").write_bytes(b"RIFF no sound")
    for path in sorted((tmp_path / "dataset").rglob("*.wav")):
        store.pipe_file(f"/bucket/{path.relative_to(tmp_path)}", path.read_bytes())
    yield "memory://bucket"
    store.store.clear()


def test_doctor_finds_what_it_finds_on_a_disk(bucket: str, tmp_path: Path) -> None:
    """To the last digit of its JSON, a recording that cannot be read among them."""
    there, here = (run("doctor", place, "--json", "--jobs", 1) for place in (f"{bucket}/dataset", tmp_path / "dataset"))
    assert there.exit_code == here.exit_code == 1
    assert json.loads(there.stdout) == json.loads(here.stdout)
    assert "unreadable" in {each["kind"] for each in json.loads(there.stdout)["findings"]}


def test_doctor_says_what_it_cannot_examine(bucket: str) -> None:
    """Nothing there, and spectrograms without recordings."""
    refused(run("doctor", f"{bucket}/nothing"), "memory://bucket/nothing: expected recordings", status=2)
    fsspec.filesystem("memory").pipe_file("/bucket/trees/genres_mel_npz/disco/a-0.npz", b"")
    refused(run("doctor", f"{bucket}/trees"), "received a store's spectrograms; copy them here", status=2)


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.parquet"])
def test_infer_puts_a_file_there_whole(bucket: str, trained: Path, tmp_path: Path, name: str) -> None:
    """The rows of a file here, but for where the recordings are."""
    command = ("infer", f"{bucket}/dataset", "--model", trained / "results" / "small", "--device", "cpu", "--output")
    for place in (f"{bucket}/{name}", tmp_path / name):
        done = run(*command, place)
        assert done.exit_code == 1, done.output
        assert "3 recordings classified, 1 failed" in done.stdout
    assert fsspec.filesystem("memory").cat_file(f"/bucket/{name}") == (tmp_path / name).read_bytes()


@pytest.mark.slow
def test_doctor_and_infer_take_google_s_store(bucket: str, trained: Path, tmp_path: Path) -> None:
    """By gs://, from a server that answers each seventh request with 503."""
    model = ("--model", trained / "results" / "small", "--device", "cpu")
    with google_storage("music", fails_each=7) as google:
        for path in sorted((tmp_path / "dataset").rglob("*.wav")):
            google.pipe_file(f"music/{path.relative_to(tmp_path)}", path.read_bytes())
        there, here = (
            run("doctor", place, "--json", "--jobs", 1) for place in ("gs://music/dataset", tmp_path / "dataset")
        )
        assert there.exit_code == here.exit_code == 1
        assert json.loads(there.stdout) == json.loads(here.stdout)
        for place in ("gs://music/rows.csv", tmp_path / "rows.csv"):
            assert run("infer", "gs://music/dataset", *model, "--output", place).exit_code == 1
        assert google.cat_file("music/rows.csv") == (tmp_path / "rows.csv").read_bytes()
        assert google.counts.failures > 3


@pytest.mark.parametrize("options", [("rows.jsonl",), ("rows", "--format", "parquet")])
def test_what_is_added_to_row_by_row_is_refused_with_the_way_out(bucket: str, options: tuple[str, ...]) -> None:
    """Before anything is classified."""
    done = run("infer", f"{bucket}/dataset", "--output", f"{bucket}/{options[0]}", *options[1:])
    assert done.exit_code == 2, done.output
    said = f"--output {bucket}/{options[0]}: lines of JSON, and Parquet in parts, are added to row by row"
    assert said in done.stderr
    assert "give a place here and copy it afterwards, or a URL that ends with .parquet" in done.stderr


def test_the_cache_is_an_option_and_a_variable(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option has the last word; a value that is none is refused."""

    def reasons(*options: object) -> set[str]:
        """List why recordings of two MiB cannot be read."""
        found = json.loads(run("doctor", f"{bucket}/large", "--json", *options).stdout)
        return {each["detail"] for each in found["findings"] if each["kind"] == "unreadable"}

    for number in range(2):
        fsspec.filesystem("memory").pipe_file(f"/bucket/large/genres_original/g{number}/a.wav", bytes(2**21))
    monkeypatch.setenv(remote.LIMIT_VARIABLE, "1")
    too_large = {"cannot be read (2 MiB, of which GENREBENCH_CACHE_MIB allows 1)"}
    assert reasons("--jobs", 1) == too_large
    assert reasons("--jobs", 1, "--cache", 2) != too_large
    assert os.environ[remote.LIMIT_VARIABLE] == "2"
    monkeypatch.delenv(remote.LIMIT_VARIABLE)
    assert reasons("--jobs", 1) != too_large
    monkeypatch.setenv(remote.LIMIT_VARIABLE, "much")
    done = run("doctor", f"{bucket}/large")
    assert done.exit_code == 2
    assert "Invalid value for '--cache' (env var: 'GENREBENCH_CACHE_MIB')" in done.stderr
