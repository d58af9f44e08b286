"""The tree of exceptions."""

import inspect
import pickle
from pathlib import Path

from genrebench import errors
from genrebench.errors import AudioError, GenrebenchError, WorkerError, escaped, shortened, shown


def test_the_tree_is_drawn_whole() -> None:
    """Every exception stands in the docstring, below its parent."""
    drawn = [
        (line.index("-") // 2, line.split("`")[1])
        for line in inspect.getdoc(errors).splitlines()  # type: ignore[union-attr]
        if line.lstrip().startswith("- `")
    ]
    kinds = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind)}
    assert [name for _, name in drawn] == list(kinds)
    path: list[str] = []
    for depth, name in drawn:
        path[depth:] = [name]
        assert kinds[name].__bases__ == (kinds[path[-2]] if depth else Exception,)


def test_a_worker_s_words_are_kept() -> None:
    """They show in a traceback, and not in the message."""
    error = errors.WorkerError("worker: broken", "Traceback of the worker")
    assert (str(error), error.stderr) == ("worker: broken", "Traceback of the worker")
    assert "Traceback of the worker" in error.__notes__[0]
    assert not hasattr(errors.WorkerError("worker: broken"), "__notes__")


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


def test_values_are_quoted_at_a_sensible_length() -> None:
    """Short ones whole, long ones by their ends, numbers that Python does not write, lists without end."""
    for value in (0, -0.0, "a", ["a", 1], {"kind": "Dense", "units": 3}, None, (3, 0)):
        assert shown(value) == repr(value)
    endless: list[object] = []
    endless.append(endless)
    long: list[object] = [
        "x" * 10**6,
        10**5000,
        [[[[[[1]]]]]] * 1000,
        dict.fromkeys(range(1000), "y" * 500),
        b"z" * 9999,
        endless,
    ]
    for each in long:
        assert len(shown(each)) <= 210
    assert shown("\x1b[31m\n") == r"'\x1b[31m\n'"


def test_no_message_is_endless() -> None:
    """Its beginning and its end are kept, and all of the path."""
    error = GenrebenchError("expected" + "x" * 10**6 + "end", path="p" * 500)
    assert str(error).startswith("p" * 500 + ": expected")
    assert str(error).endswith("end")
    assert len(str(error)) < 1600
    assert shortened("short") == "short"
