"""Damaged files, some of `make fuzz`: every reader refuses them by name."""

import random
from pathlib import Path

import pytest

from experiments.reliability import fuzz
from genrebench.errors import GenrebenchError
from genrebench.system.files import read_file


@pytest.mark.parametrize("name", fuzz.READERS)
def test_damaged_files_are_refused_by_name(name: str) -> None:
    """Nothing that is not foreseen, no hang, no memory lost."""
    assert fuzz.run(name, cases=40 if name == "parity" else 120, seed=1) == []


def test_a_reader_that_trusts_its_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is not foreseen, one that names no file, and a hang."""

    def trusting(folder: Path) -> object:
        """Believe the file."""
        return (folder / "a.toml").read_text(encoding="utf-8")

    def nameless(folder: Path) -> object:
        """Name another file."""
        content = (folder / "a.toml").read_bytes()
        try:
            return content.decode()
        except ValueError:
            return read_file(Path("elsewhere"), expected="a thing", error=GenrebenchError, max_bytes=1)

    for read, message in ((trusting, "unforeseen UnicodeDecodeError"), (nameless, "elsewhere: expected a thing")):
        reader = fuzz.Reader(fuzz.READERS["experiment"].write, read, "a.toml")
        monkeypatch.setitem(fuzz.READERS, "careless", reader)
        wrong = fuzz.run("careless", cases=100, seed=1)
        assert wrong
        assert all(message in line for line in wrong)


def test_damage_repeats_with_its_seed() -> None:
    """And leaves few files as they were."""
    content = b'{"a": 1, "b": [2.5, "text"]}' * 20
    damaged = [fuzz.damage(content, random.Random(seed)) for seed in range(50)]
    assert damaged == [fuzz.damage(content, random.Random(seed)) for seed in range(50)]
    assert sum(each == content for each in damaged) < 5
