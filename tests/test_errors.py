"""Errors: one line, and the path that it is about."""

import pickle
from pathlib import Path

from genrebench.errors import AudioError, GenrebenchError, WorkerError, escaped


def test_an_error_knows_its_path() -> None:
    """It stands in front of the message, printable, and can be asked for; both survive the way between processes."""
    for error in (AudioError("cannot be read", path="a\nb.wav"), AudioError("cannot be read", path=Path("a\nb.wav"))):
        for each in (error, pickle.loads(pickle.dumps(error))):
            assert str(each) == r"a\nb.wav: cannot be read"
            assert each.path == Path("a\nb.wav")


def test_an_error_need_not_have_a_path() -> None:
    """Then the message is all."""
    assert str(GenrebenchError("nothing works")) == "nothing works"
    assert GenrebenchError("nothing works").path is None
    assert WorkerError("ended", "its last words").path is None


def test_paths_are_made_printable() -> None:
    """Other scripts stay as they are; what would move the cursor is escaped."""
    assert escaped(Path("음악/ジャズ.wav")) == "음악/ジャズ.wav"
    assert escaped("a\nb\x1b[31m\udcff") == r"a\nb\x1b[31m\udcff"
