"""The exceptions that genrebench raises on purpose.

All of them derive from `GenrebenchError`, and each message is one line that names the file or key, what was
expected, what was received, and what to do:

- `ConfigError`: an option, a key of an experiment file, or a layer parameter is wrong.
- `AudioError`: a recording cannot be decoded, or holds nothing that can be classified.
- `DatasetError`: a dataset, a spectrogram tree or one of its files is not as it should be.
- `ModelError`: a saved model is incomplete, or its parts do not fit together.
- `BackendError`: a backend is unknown, broken, claimed twice, or cannot do what was asked.
- `TrainingError`: a training run cannot go on.
"""


class GenrebenchError(Exception):
    """Base class of every error that genrebench raises on purpose."""


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


class TrainingError(GenrebenchError):
    """A training run cannot go on."""


class WorkerError(BackendError):
    """A worker failed; `stderr` has what it wrote to standard error.

    Parameters
    ----------
    message : str
        One line.
    stderr : str
        All that the worker wrote to standard error.
    """

    def __init__(self, message: str, stderr: str = "") -> None:
        """Keep both; a traceback, which ``--debug`` shows, has them both."""
        super().__init__(message)
        self.stderr = stderr
        if stderr:
            self.add_note(f"The worker's standard error:\n{stderr}")


class BenchError(GenrebenchError):
    """A contender failed."""
