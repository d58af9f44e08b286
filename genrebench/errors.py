"""The exceptions that genrebench raises on purpose.

- `GenrebenchError`

  - `ConfigError`: an option, a key of an experiment file, or a layer parameter is wrong.
  - `AudioError`: a recording cannot be decoded, or holds nothing that can be classified.
  - `DatasetError`: a dataset, a spectrogram tree or one of its files is not as it should be.
  - `ModelError`: a saved model is incomplete, or its parts do not fit together.
  - `BackendError`: a backend is unknown, broken, claimed twice, or cannot do what was asked.

    - `AnswerError`: what a backend answered has not the form that was promised.
    - `WorkerError`: a process that worked for this one failed; it has what that process wrote.
    - `GroupError`: of several processes that train together one has ended, or does not answer.

  - `ClusterError`: a cluster, or a store of objects, that should do something cannot.
  - `TrainingError`: a training run cannot go on.
  - `BenchError`: something that was to be timed failed.

Each message is one line that names the file or key, what was expected, what was received, and what to do.
"""

import os
import pathlib
import reprlib

# Longer messages are cut: nobody reads them, and what was given may have a million characters.
_LONGEST_MESSAGE = 1000
_QUOTE = reprlib.Repr()
_QUOTE.maxlevel, _QUOTE.maxlist, _QUOTE.maxtuple, _QUOTE.maxdict = 3, 8, 8, 8
_QUOTE.maxstring = _QUOTE.maxlong = _QUOTE.maxother = 80


def shown(value: object) -> str:
    """Quote what was received, for a message.

    Parameters
    ----------
    value : object
        Anything, of any size.

    Returns
    -------
    str
        Its `repr` on one line, cut in the middle if it is long.

    Examples
    --------
    >>> shown([1, "a"]), len(shown("a" * 10**6))
    ("[1, 'a']", 80)
    """
    try:
        return shortened(escaped(_QUOTE.repr(value)), 200)
    except ValueError:  # Python writes no numbers of more than 4,300 digits
        return "a number of thousands of digits"


def shortened(text: str, longest: int = _LONGEST_MESSAGE) -> str:
    """Leave out the middle of what is too long."""
    return text if len(text) <= longest else f"{text[: longest * 3 // 4]} ... {text[-longest // 5 :]}"


def escaped(path: str | os.PathLike[str]) -> str:
    """Format a path so that it fits on one line of a terminal.

    Parameters
    ----------
    path : str or PathLike
        Any path; file names may hold newlines, escape sequences or undecodable bytes.

    Returns
    -------
    str
        The path with everything that cannot be printed escaped.
    """
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in str(path))


class GenrebenchError(Exception):
    """Base class of every error that genrebench raises on purpose.

    Parameters
    ----------
    message : str
        One line.
    path : str or PathLike, optional
        The file or folder that it is about; the message then begins with it.

    Attributes
    ----------
    path : Path or None
        The file or folder that it is about.

    Examples
    --------
    >>> import genrebench as gb
    >>> try:
    ...     gb.load("results/absent")
    ... except gb.GenrebenchError as error:
    ...     print(error.path)
    results/absent/model.json
    """

    def __init__(self, message: str, *, path: str | os.PathLike[str] | None = None) -> None:
        """Keep the path, and put it in front of the message."""
        message = shortened(message)
        super().__init__(message if path is None else f"{escaped(path)}: {message}")
        self.path = None if path is None else pathlib.Path(path)


class ConfigError(GenrebenchError):
    """An option, a key of an experiment file, or a layer parameter is wrong."""


class AudioError(GenrebenchError):
    """A recording cannot be decoded, or holds nothing that can be classified."""


class DatasetError(GenrebenchError):
    """A dataset, a spectrogram tree or one of its files is not as it should be."""


class ModelError(GenrebenchError):
    """A saved model is incomplete, or its parts do not fit together."""


class BackendError(GenrebenchError):
    """A backend is unknown, broken, claimed twice, or cannot do what was asked."""


class AnswerError(BackendError):
    """What a backend answered has not the form that the protocol promises."""


class WorkerError(BackendError):
    """A process that worked for this one failed.

    Parameters
    ----------
    message : str
        One line.
    stderr : str
        All that it wrote to standard error; ``--debug`` shows it.
    """

    def __init__(self, message: str, stderr: str = "") -> None:
        """Keep both, and show both in a traceback."""
        super().__init__(message)
        self.stderr = stderr
        if stderr:
            self.add_note(f"The worker's standard error:\n{stderr}")


class GroupError(BackendError):
    """Of several processes that train together one has ended, or does not answer.

    Parameters
    ----------
    message : str
        One line.
    told : bool
        Whether the process that this is about tells what happened, so that others need not.
    """

    def __init__(self, message: str, *, told: bool = False) -> None:
        """Keep both."""
        super().__init__(message)
        self.told = told


class ClusterError(GenrebenchError):
    """A cluster, or a store of objects, that should do something cannot."""


class TrainingError(GenrebenchError):
    """A training run cannot go on."""


class BenchError(GenrebenchError):
    """Something that was to be timed failed."""
