"""Files that are whole or absent, and files that are not to be trusted."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from genrebench.errors import ConfigError
from genrebench.system import files
from genrebench.system.files import (
    parse_json,
    read_file,
    read_json,
    read_toml,
    sha256,
    sha256_of_file,
    unfinished_files,
    write_atomically,
    write_json,
    writing_atomically,
)
from genrebench.system.remote import as_path


def test_a_failed_write_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk is full half-way, the reader still sees the old file."""
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(descriptor: int) -> None:
        """Have no room."""
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space") as failure:
        write_atomically(path, b"new content")
    assert failure.value.filename == str(path)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


def test_an_interrupted_write_leaves_nothing_unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is no error of the disk, and passes through."""

    def interrupt(descriptor: int) -> None:
        """Be interrupted."""
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"content")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_written_piece_by_piece_appears_whole(tmp_path: Path) -> None:
    """When the context ends; what goes wrong with another file meanwhile keeps that file's name."""
    path = tmp_path / "file"
    with writing_atomically(path) as file:
        file.write(b"a")
        assert not path.exists()
        file.write(b"b")
    assert path.read_bytes() == b"ab"
    with pytest.raises(FileNotFoundError) as failure, writing_atomically(path):
        (tmp_path / "absent").open()
    assert str(failure.value.filename) == str(tmp_path / "absent")
    with pytest.raises(FileNotFoundError) as failure, writing_atomically(tmp_path / "absent" / "file"):
        pass
    assert failure.value.filename == str(tmp_path / "absent" / "file")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"ab"


def test_written_files_have_the_usual_permissions(tmp_path: Path) -> None:
    """Other users can read what a plain open() would let them read."""
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "file", b"")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_json_with_nan_is_refused(tmp_path: Path) -> None:
    """NaN is not JSON; other programs would choke on it."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "file.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


def test_what_is_written_is_on_the_disk_before_it_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content before the name is given, then the folder that has the name; unless it is written all the time."""
    path, synced = tmp_path / "file", []

    def note(descriptor: int) -> None:
        """Note what is put on the disk, and whether the name was given by then."""
        if not path.exists():
            assert os.fstat(descriptor).st_size == len(b"content")
        synced.append(("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file", path.exists()))

    monkeypatch.setattr(os, "fsync", note)
    write_atomically(path, b"content")
    assert synced == [("file", False), ("folder", True)]
    write_atomically(path, b"content", durable=False)
    assert len(synced) == 2
    path.unlink()
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(("json", path.exists())))
    write_json(path, {})
    assert synced[2:] == [("json", False), ("json", True)]


@pytest.mark.parametrize("name", ["x" * 255, "\u00e4" * 127, "x" * 251 + ".npz"])
def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path, name: str) -> None:
    """What it is called until it is whole does not depend on it."""
    write_atomically(tmp_path / name, b"content")
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_disk_that_goes_away_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be removed any more does not hide what went wrong."""

    def gone(*_: object, **__: object) -> None:
        """Have no disk any more."""
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", gone)
    monkeypatch.setattr(Path, "unlink", gone)
    with pytest.raises(OSError, match="Input/output error") as failure:
        write_atomically(tmp_path / "file", b"content")
    assert failure.value.filename == str(tmp_path / "file")


def make_socket(path: Path) -> None:
    """Leave a socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))  # Unix limits the length


def make_giant(path: Path) -> None:
    """Make a file of 8 GiB that takes no room."""
    with path.open("wb") as file:
        file.truncate(8 * 2**30)


NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: None, "cannot be read .No such file"),
    "folder": (lambda path: path.mkdir(), "received a folder"),
    "pipe": (os.mkfifo, "received a pipe"),
    "socket": (make_socket, "received a socket"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "received a device"),
    "empty device": (lambda path: path.symlink_to("/dev/null"), "received a device"),
    "loop": (lambda path: path.symlink_to(path.name), "cannot be read .Too many levels"),
    "giant": (make_giant, "of at most 1 MiB, received 8,192 MiB"),
    "a byte too many": (lambda path: path.write_bytes(bytes(2**20 + 1)), "of at most 1 MiB, received 1,048,577 bytes"),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_of_its_kind_is_refused_unread(tmp_path: Path, kind: str) -> None:
    """No reader waits for a pipe, or fills the memory; the message names the file and what it is."""
    make, message = NO_FILES[kind]
    make(tmp_path / "a")
    with pytest.raises(ConfigError, match=f"^{tmp_path}/a: expected a thing.*{message}"):
        read_file(tmp_path / "a", expected="a thing", error=ConfigError, max_bytes=2**20)


def test_a_path_that_no_system_has_is_refused() -> None:
    """A zero byte, which a document can hold; the message has it, escaped."""
    with pytest.raises(ConfigError, match=r"^a\\x00b: expected a thing, cannot be read"):
        read_file(Path("a\0b"), expected="a thing", error=ConfigError, max_bytes=1)


def test_a_file_that_is_larger_than_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is read."""
    monkeypatch.setattr("genrebench.system.memory.available_memory", lambda: 2**30)
    make_giant(tmp_path / "a")
    with pytest.raises(ConfigError, match=r"cannot be read \(8\.0 GiB are needed, 1\.0 GiB are free\)"):
        read_file(tmp_path / "a", expected="a thing", error=ConfigError, max_bytes=2**40)


def test_a_file_without_an_end_is_read_as_far_as_it_says(tmp_path: Path) -> None:
    """Linux' own files have no size."""
    (tmp_path / "a").symlink_to("/proc/self/maps")
    assert read_file(tmp_path / "a", expected="a thing", error=ConfigError, max_bytes=2**20) == b""


def test_an_object_of_a_store_is_read_as_a_file_is() -> None:
    """Whole, and not beyond the limit."""
    fsspec = pytest.importorskip("fsspec")
    path = as_path("memory://files/a")
    fsspec.filesystem("memory").pipe("files/a", b"content")
    assert read_file(path, expected="a thing", error=ConfigError, max_bytes=7) == b"content"
    with pytest.raises(ConfigError, match="memory://files/a: expected a thing of at most 6 bytes, received 7 bytes"):
        read_file(path, expected="a thing", error=ConfigError, max_bytes=6)
    fsspec.filesystem("memory").rm("files", recursive=True)


NO_JSON = {
    b"": "Expecting value",
    b"{": "Expecting property name",
    b'{"a": 1, "b": 2, "a": 3}': "the key 'a' stands twice",
    b'[{"b": {"a": 1, "a": 1}}]': "the key 'a' stands twice",
    b"[NaN]": "NaN is no JSON",
    b"-Infinity": "-Infinity is no JSON",
    b"1e999": "the number 1e999 is beyond float64",
    b"[-" + b"9" * 5000 + b"]": "a number of 5001 digits",
    b"[" * 65 + b"]" * 65: "nested more than 64 deep",
    b"[" * 100_000: "nested more than 64 deep",
    b'{"a":' * 2000 + b"1" + b"}" * 2000: "nested more than 64 deep",
    '"\u00e9"'.encode("utf-16"): "received UTF-16; save it as UTF-8",
    '"\u00e9"'.encode("utf-32"): "received UTF-32; save it as UTF-8",
    '"a"'.encode("utf-16-be"): "received zero bytes",
    b'[\n"caf\xe9"]': "byte 0xe9 in line 2 is no UTF-8",
}


@pytest.mark.parametrize("content", NO_JSON, ids=lambda content: repr(content[:20]))
def test_what_is_no_json_of_ours_is_refused(tmp_path: Path, content: bytes) -> None:
    """One short line that names the file, whatever is in it."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ConfigError, match=f"expected the JSON of a thing .*{NO_JSON[content]}") as refusal:
        read_json(tmp_path / "a", expected="a thing", error=ConfigError)
    assert refusal.value.path == tmp_path / "a"
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_json_of_every_allowed_form_is_read(tmp_path: Path) -> None:
    """With a byte-order mark, 64 deep, with names that are no UTF-8, and with the largest numbers."""
    document = {"a": [1.7e308, -(2**63), "\udcff", "["], "b": True}
    for _ in range(62):
        document = {"a": document}
    write_json(tmp_path / "a", document)
    (tmp_path / "b").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "a").read_bytes())
    for name in ("a", "b"):
        assert read_json(tmp_path / name, expected="a thing", error=ConfigError) == document


@pytest.mark.parametrize(("content", "value"), [(b"3", 3), (b"null", None), (b"true", True), (b'"a"', "a")])
def test_a_value_alone_is_json(content: bytes, value: object) -> None:
    """Whoever reads it says what else it should have been."""
    assert parse_json(content) == value


def test_json_that_takes_more_memory_than_there_is_is_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists take twenty times the memory of their text, and tables more."""

    def none_left(size: int) -> None:
        """Have 100 kB."""
        if size > 100_000:
            raise MemoryError("0.5 MB are needed, 0.1 MB are free")

    monkeypatch.setattr(files, "require_memory", none_left)
    # Each is too much only if its brackets, commas and braces are all counted.
    for content in (b"[" + b"[],\n" * 200 + b"[]]", b"[" + b"{},\n" * 200 + b"{}]", b"[" + b"1,\n" * 390 + b"1]"):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(ConfigError, match=r"expected a thing that fits into memory; 0\.5 MB are needed"):
            read_json(tmp_path / "a", expected="a thing", error=ConfigError)


NO_TOML = {
    b"a = ": "Invalid value",
    b"a = 1\na = 2": "Cannot overwrite a value",
    b'a = "C:\\Users"': "write paths with /, or in single quotes",
    b"a = " + b"9" * 5000: "a number of thousands of digits",
    b"a = " + b"[" * 3000 + b"]" * 3000: "nested more than 64 deep",
    b"a = " + b"[" * 65 + b"]" * 65: "nested more than 64 deep",
    "a = 1".encode("utf-16"): "received UTF-16",
    "a = 1".encode("utf-16-le"): "received zero bytes",
    b'a = "caf\xe9"': "byte 0xe9 in line 1 is no UTF-8",
}


@pytest.mark.parametrize("content", NO_TOML, ids=lambda content: repr(content[:20]))
def test_what_is_no_toml_of_ours_is_refused(tmp_path: Path, content: bytes) -> None:
    """One line that names the file and what to do."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ConfigError, match=f"{tmp_path}/a: expected TOML of a thing .*{NO_TOML[content]}"):
        read_toml(tmp_path / "a", expected="a thing", error=ConfigError)


def test_toml_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """Editors on Windows put one in front."""
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfa = 'C:\\x'")
    assert read_toml(tmp_path / "a", expected="a thing", error=ConfigError) == {"a": "C:\\x"}


def test_a_hash_is_that_of_all_pieces() -> None:
    """The standard's own example, in three pieces."""
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256([b"a", b"", b"bc"]) == expected


def test_a_hash_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    """Of one that is read in parts, and of an empty one."""
    for content in (b"", b"abc" * 200_000):
        (tmp_path / "a").write_bytes(content)
        assert sha256_of_file(tmp_path / "a") == sha256([content])


def test_what_is_wrong_with_a_document_is_told_exactly() -> None:
    """The first key that stands twice, the line, and the first number that is too long."""
    for content, message in {
        b'{"a": 1, "b": 2, "b": 3, "a": 4}': "the key 'b' stands twice",
        b'{\n\n"a": "\xff"}': "byte 0xff in line 3 is no UTF-8",
        b"9" * 41: "a number of 41 digits",
    }.items():
        with pytest.raises(ValueError, match=message):
            parse_json(content)
    assert parse_json(b"9" * 40) == 10**40 - 1


def test_what_a_killed_process_left_of_a_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name that an unfinished file has, and nothing else."""
    seen: list[list[Path]] = []
    replace = Path.replace

    def note(path: Path, target: Path) -> Path:
        """Look beside the file just before it takes its place."""
        seen.append(unfinished_files(tmp_path))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", note)
    (tmp_path / "mine.part").touch()
    write_atomically(tmp_path / "a", b"content")
    assert [len(each) for each in seen] == [1]
    assert unfinished_files(tmp_path) == []
