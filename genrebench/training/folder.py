"""The folder of a training run, kept whole at any moment: a reader finds the last saved state or nothing."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from genrebench.errors import ConfigError, TrainingError
from genrebench.model.storage import LAST_WEIGHTS_FILE, MODEL_FILE, WEIGHTS_FILE
from genrebench.system.files import escaped, unfinished_files
from genrebench.system.folders import publish_folder, recover_folder
from genrebench.system.locks import is_held, locked
from genrebench.training.config import EXPERIMENT_FILE, Experiment, unpublished
from genrebench.training.origin import refuse_other_settings
from genrebench.training.resume import CHECKPOINT_FILE, CHECKPOINT_FILES, Checkpoint, newest_checkpoint

LOG_FILE = "log.csv"
CURVES_FILE = "curves.png"
REPORT_FILE = "report.html"
CARD_FILE = "README.md"
TENSORBOARD_FOLDER = "tensorboard"
RUN_FILES = (
    EXPERIMENT_FILE,
    LOG_FILE,
    CURVES_FILE,
    REPORT_FILE,
    WEIGHTS_FILE,
    LAST_WEIGHTS_FILE,
    CHECKPOINT_FILE,
    MODEL_FILE,
)


class RunDirectory:
    """The folder of a run; an earlier run that lies there stays until the new one has weights to save.

    Parameters
    ----------
    path : Path
        The folder; a link to one is followed.
    """

    def __init__(self, path: Path) -> None:
        """Write nothing yet."""
        self.path = path
        self._place = path.resolve()
        self.staging = unpublished(path)
        self._own: tuple[int, int] | None = None

    @property
    def published(self) -> bool:
        """Return whether the run lies in its place."""
        return self._own is not None and _identity(self._place) == self._own

    @property
    def current(self) -> Path:
        """Name the folder that files are written to now.

        Raises
        ------
        TrainingError
            If the folder that the run was writing to is no longer there.
        """
        if self.published:
            return self.path
        if self._own is None or _identity(self.staging) != self._own:
            raise TrainingError("expected the folder of this run, found it removed or replaced", path=self.path)
        return self.staging

    def recover(self) -> None:
        """Finish what a process left that ended while it put a run in its place."""
        recover_folder(self._place)

    @property
    def begun(self) -> bool:
        """Return whether a run was begun that never came to lie in its place."""
        return (self.staging / EXPERIMENT_FILE).exists()

    @property
    def holds_run(self) -> bool:
        """Return whether a run lies in the place."""
        return any((self.path / name).exists() for name in RUN_FILES)

    def begin(self) -> None:
        """Begin in a folder beside the run's own.

        Raises
        ------
        ConfigError
            If what lies in the run's place cannot be replaced as a whole.
        """
        if self._place.exists() and (not self._place.is_dir() or self._place.is_mount()):
            what = "a file system of its own" if self._place.is_dir() else "something else"
            raise ConfigError(f"expected a folder, received {what}; choose another --name", path=self.path)
        self.discard()
        self.staging.mkdir(parents=True)
        self._own = _identity(self.staging)

    def go_on(self) -> None:
        """Go on in the run's own folder."""
        self._own = _identity(self._place)
        for path in unfinished_files(self._place):
            path.unlink(missing_ok=True)

    def publish(self) -> None:
        """Put what was written so far in its place; an earlier run is replaced as a whole, other files stay."""
        if not self.published:
            replaced = {
                *RUN_FILES,
                *CHECKPOINT_FILES,
                TENSORBOARD_FOLDER,
                *(path.name for path in unfinished_files(self._place)),
            }
            publish_folder(self.current, self._place, replaced=replaced)

    def discard(self) -> None:
        """Remove what was written and never published."""
        shutil.rmtree(self.staging, ignore_errors=True)


def where_to_go_on(run: RunDirectory, experiment: Experiment) -> Checkpoint | None:
    """Read the checkpoint that a run goes on from; None if it was stopped before the first.

    Raises
    ------
    ConfigError
        If there is no run, it has no checkpoint, or other settings.
    """
    where = escaped(experiment.folder)
    if not run.holds_run:
        if not run.begun:
            raise ConfigError(f"{where}: expected a run to go on with, found none; leave out --resume")
        return None
    if run.begun:
        raise ConfigError(
            f"{where}: a run that was to replace this one was stopped before its first epoch was over; repeat it with "
            f"--overwrite, or remove {escaped(run.staging)} to go on with this one"
        )
    saved = newest_checkpoint(experiment.folder)
    if saved is None:
        raise ConfigError(f"{where}: expected a run with a checkpoint, found none; train anew with --overwrite")
    refuse_other_settings(saved.origin, experiment, done=saved.epoch)
    return saved


def _identity(path: Path) -> tuple[int, int] | None:
    """Tell a folder from another of the same name; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_reserved(folder: Path) -> bool:
    """Return whether a process trains into a folder now."""
    return is_held(_lock_file(folder))


@contextmanager
def reserved(folder: Path) -> Iterator[None]:
    """Keep a run's name for this process.

    The system gives the name back when the process ends, however that happens.

    Raises
    ------
    ConfigError
        If another process trains into the folder.
    """
    try:
        with locked(_lock_file(folder), of=folder):
            yield
    except Timeout as error:
        raise ConfigError(
            "another genrebench train writes it now; wait for its end, or choose another --name", path=folder
        ) from error


def _lock_file(folder: Path) -> Path:
    """Name the lock of a folder: the same folder has the same lock, whatever path leads to it."""
    place = folder.resolve()
    return place.with_name(f".{place.name}.lock")
