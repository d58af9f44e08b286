"""Archives that hold what Keras does not write, or more than they seem to."""

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from genrebench.errors import ModelError
from genrebench.reading.archive import read_archive
from tests.reading.files import layer, sequential, values, write_keras


def small(path: Path) -> Path:
    """Write a whole model."""
    config = sequential(layer("Dense", "dense", units=2), shape=(4,))
    return write_keras(path, config, {"layers/dense/vars/0": values(4, 2), "layers/dense/vars/1": values(2)})


def test_the_three_members_are_read(tmp_path: Path) -> None:
    """Assets are ignored, and so is what macOS adds."""
    path = small(tmp_path / "model.keras")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("assets/vocabulary.txt", "../../etc/passwd")
        archive.writestr("__MACOSX/._config.json", "")
    members = read_archive(path)
    assert set(members) == {"config.json", "metadata.json", "model.weights.h5"}
    assert json.loads(members["config.json"])["class_name"] == "Sequential"


def add(name: str, content: str | bytes = "x") -> Callable[[zipfile.ZipFile], None]:
    """Make a change that adds a member."""
    return lambda archive: archive.writestr(name, content)


def many(archive: zipfile.ZipFile) -> None:
    """Add a thousand members."""
    for number in range(1001):
        archive.writestr(f"assets/{number}", "")


CHANGES: dict[str, tuple[Callable[[zipfile.ZipFile], None], str]] = {
    "a member twice": (add("config.json"), "config.json twice"),
    "a way out": (add("../evil.json"), "expected names within the archive"),
    "a way out of assets": (add("assets/../../evil"), "expected names within the archive"),
    "a way out for Windows": (add("..\\evil"), "expected names within the archive"),
    "an absolute name": (add("/etc/cron.d/evil"), "expected names within the archive"),
    "a drive": (add("C:evil"), "expected names within the archive"),
    "another member": (add("run.py"), "received 'run.py'"),
    "PyTorch's pickle": (add("archive/data.pkl"), "torch.save"),
    "another archive": (add("model.weights.npz"), r"weights as \.npz"),
    "too many": (many, "at most 1000 members"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_what_keras_does_not_write_is_refused(
    change: Callable[[zipfile.ZipFile], None], message: str, tmp_path: Path
) -> None:
    """Nothing is unpacked, and each reason has its line."""
    path = small(tmp_path / "model.keras")
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")  # of zipfile, about the name that is there twice
        change(archive)
    with pytest.raises(ModelError, match=message):
        read_archive(path)
    assert [each.name for each in tmp_path.iterdir()] == ["model.keras"]


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """What is unpacked is counted while it is; what the archive says of its size is not believed."""
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("config.json", b" " * 40 * 2**20)
    assert path.stat().st_size < 100_000
    with pytest.raises(ModelError, match=r"config.json to unpack to at most 32 MiB"):
        read_archive(path)


def test_a_size_that_is_a_lie_is_noticed(tmp_path: Path) -> None:
    """A header that says ten bytes does not hide a megabyte."""
    path = tmp_path / "lie.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * 2**20)
    content = path.read_bytes()
    path.write_bytes(content.replace((2**20).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(ModelError, match="cannot be read"):
        read_archive(path)


def test_encryption_is_refused(tmp_path: Path) -> None:
    """There is no password to ask for."""
    path = small(tmp_path / "model.keras")
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02")
    content[place + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="expected no encryption"):
        read_archive(path)


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    """A zip is not yet a model."""
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(ModelError, match=r"expected config.json in the archive"):
        read_archive(tmp_path / "other.zip")
