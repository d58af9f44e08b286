"""The manifest of a run: begun, or gone on with, and on disk whatever happens."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from natsort import natsorted

from genrebench.audio.mel import MelConfig
from genrebench.data.lock import written_alone
from genrebench.data.manifest import Manifest, manifest_path, read_manifest, write_manifest
from genrebench.errors import DatasetError
from genrebench.system.files import escaped

_SECONDS_BETWEEN_MANIFESTS = 2.0


def manifest_to_continue(tree: Path, config: MelConfig) -> Manifest:
    """Read the manifest that a run goes on with, or begin one; other, or unknown, settings are refused."""
    manifest = read_manifest(tree)
    if manifest is None:
        if tree.exists() and any(tree.iterdir()):
            raise DatasetError(
                "expected a new folder, received one that holds other things, and no manifest beside it; "
                "choose another --output",
                path=tree,
            )
        return Manifest.begin(config)
    if manifest.fingerprint != config.fingerprint():
        there = ", ".join(manifest.settings.differences(config)) or "another version's spectrograms"
        raise DatasetError(
            f"expected spectrograms of the same settings, found {there}; choose another --output, or remove "
            f"{escaped(tree)} and its manifest first",
            path=tree,
        )
    return manifest


@contextmanager
def saving(manifest: Manifest, tree: Path, genres: set[str]) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Keep the manifest on disk up to date, whatever happens, and offer a folder for unfinished files.

    Parameters
    ----------
    tree : Path
        The spectrogram tree, which no other process may write meanwhile.
    genres : set of str
        Its genre folders, which are created, and removed again if they stay empty.

    Yields
    ------
    Path
        Folder for unfinished files, on the tree's file system but outside the tree.
    callable
        To be called after a change; it writes the manifest every few seconds.
    """
    last = time.monotonic()

    def save() -> None:
        """Write the manifest if it was not written just now."""
        nonlocal last
        if time.monotonic() - last > _SECONDS_BETWEEN_MANIFESTS:
            write_manifest(tree, manifest)
            last = time.monotonic()

    with written_alone(tree) as staging:
        try:
            for folder in (tree, *(tree / genre for genre in genres)):
                folder.mkdir(parents=True, exist_ok=True)
            write_manifest(tree, manifest)
            yield staging, save
            _finish(manifest, tree)
        except OSError as error:
            with contextlib.suppress(OSError):
                _finish(manifest, tree)
            raise _cannot_write(error, tree) from error
        except BaseException:
            _finish(manifest, tree)
            raise


def _finish(manifest: Manifest, tree: Path) -> None:
    """Remove what stayed empty, and write the manifest, in order."""
    folders = [path for path in tree.iterdir() if path.is_dir()] if tree.is_dir() else []
    for folder in (*folders, tree):
        if folder.is_dir() and not any(folder.iterdir()):  # would be a genre to other people's loaders
            folder.rmdir()
    if tree.exists():
        manifest.tracks = dict(natsorted(manifest.tracks.items()))
        write_manifest(tree, manifest)
    else:  # settings of a run that made nothing must not bind the next one
        manifest_path(tree).unlink(missing_ok=True)


def _cannot_write(error: OSError, tree: Path) -> DatasetError:
    """Say which file could not be written, and what to do."""
    return DatasetError(
        f"cannot be written ({error.strerror}); what is done is kept: make room, or choose another --output, and run "
        "it again",
        path=error.filename or tree,
    )
