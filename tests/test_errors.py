"""The tree of exceptions."""

import inspect

from genrebench import errors


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
