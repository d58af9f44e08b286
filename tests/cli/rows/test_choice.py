"""Which format and which place an option means."""

from pathlib import Path

import pytest

from genrebench.cli.rows.choice import format_name, is_folder
from genrebench.errors import ConfigError


@pytest.mark.parametrize(
    ("asked", "output", "name"),
    [
        (None, None, "text"),
        ("csv", None, "csv"),
        (None, "a.csv", "csv"),
        (None, "a.JSON", "json"),
        (None, "a.jsonl", "jsonl"),
        (None, "a.parquet", "parquet"),
        (None, "a.txt", "text"),
        ("audacity", "a.txt", "audacity"),
        ("audacity", "labels", "audacity"),
        ("json", "there.csv", "json"),
    ],
)
def test_the_name_says_the_format(asked: str | None, output: str | None, name: str, tmp_path: Path) -> None:
    """Unless it is asked for; a folder that is there is one, whatever it is called."""
    (tmp_path / "there.csv").mkdir()
    assert format_name(asked, tmp_path / output if output else None) == name


@pytest.mark.parametrize(
    ("asked", "output", "message"),
    [
        (
            None,
            "labels",
            "expected a name that ends with .*, or for a folder with a file for each recording a --format",
        ),
        ("json", "a.csv", r"a.csv: expected a name that ends with \.json, received \.csv; choose another"),
        (None, "a.wav", r"a.wav: expected a name that ends with \.txt, \.json, .*, received \.wav"),
        ("csv", "a.wav", r"a.wav: expected a name that ends with \.csv, received \.wav"),
    ],
)
def test_what_contradicts_itself_is_refused(asked: str | None, output: str, message: str, tmp_path: Path) -> None:
    """A recording is not overwritten because it was named as the output."""
    (tmp_path / "a.wav").touch()
    with pytest.raises(ConfigError, match=message):
        format_name(asked, tmp_path / output)


def test_a_new_name_without_a_known_suffix_is_a_folder(tmp_path: Path) -> None:
    """A file that is there is none."""
    (tmp_path / "file").touch()
    assert is_folder(tmp_path / "v1.2")
    assert is_folder(tmp_path)
    assert not is_folder(tmp_path / "file")
    assert not is_folder(tmp_path / "new.csv")
