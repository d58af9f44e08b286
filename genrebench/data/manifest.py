"""What stands beside a spectrogram tree: how it was made, and from what.

Other people's loaders read the tree itself, so nothing but spectrograms may lie in it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from genrebench.audio.mel import MelConfig
from genrebench.errors import ConfigError, DatasetError
from genrebench.system.environment import versions
from genrebench.system.files import escaped, read_json, write_json
from genrebench.system.validation import Text, explain

MANIFEST_FORMAT: Final = 1
# Enough for some million tracks.
_MAX_BYTES = 2**30


def _mel_config(value: Any) -> Any:
    """Read settings, in which nothing may be left to defaults."""
    return MelConfig.from_json(value) if isinstance(value, Mapping) else value


class Track(BaseModel):
    """One track of the tree, and the state of the file that it was made from.

    Attributes
    ----------
    source : str
        ``<genre>/<file>`` in ``genres_original/``.
    size : int
        Bytes of the file.
    modified_ns : int
        Time of its last change, in nanoseconds since 1970.
    segments : int
        Number of its spectrograms.
    decoding : int
        The `genrebench.audio.decode.DECODING` that it was decoded by.
    digest : str
        SHA-256 of all its segment files, one after the other; empty where an earlier version made them.
    notes : tuple of str
        What is wrong with the recording although it was heard.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    source: Text
    size: int
    modified_ns: int
    segments: int = Field(gt=0)
    decoding: int = 1
    digest: str = ""
    notes: Annotated[tuple[Text, ...], Field(strict=False)] = ()


class Manifest(BaseModel):
    """How a spectrogram tree was made.

    Attributes
    ----------
    format : int
        Version of the file's format.
    settings : MelConfig
        Settings of its spectrograms.
    fingerprint : str
        Hash of settings and definition when they were made.
    shape : tuple of int
        (n_mels, frames) of every spectrogram.
    versions : dict of str to str
        Software that made the first of them.
    tracks : dict of str to Track
        Whole tracks by ``<genre>/<track>``.
    failures : dict of str to str
        Why a recording of the last run failed, by ``<genre>/<file>``.
    originals : str
        The folder of genre folders, as seen from the folder that the tree is in.
    recordings : int
        How many the last run found.
    complete : bool
        Whether the last run came to its end.
    gone : list of str
        Tracks whose recording the last run did not find any more.
    """

    format: Literal[1] = MANIFEST_FORMAT
    settings: Annotated[MelConfig, BeforeValidator(_mel_config)]
    fingerprint: str
    shape: tuple[int, int]
    versions: dict[str, str]
    tracks: dict[Text, Track] = {}
    failures: dict[Text, Text] = {}
    originals: Text = ""
    recordings: int = 0
    complete: bool = True
    gone: list[Text] = []

    @classmethod
    def begin(cls, config: MelConfig) -> "Manifest":
        """Describe a tree in which nothing is yet."""
        return cls(
            format=MANIFEST_FORMAT,
            settings=config,
            fingerprint=config.fingerprint(),
            shape=config.shape,
            versions=versions(("genrebench", "av", "librosa", "numpy", "soundfile", "soxr")),
            tracks={},
            failures={},
        )

    @property
    def listed(self) -> dict[str, Track]:
        """Look up the tracks whose recording is there."""
        gone = set(self.gone)
        return {key: track for key, track in self.tracks.items() if key not in gone}


def manifest_path(tree: Path) -> Path:
    """Name the manifest of a spectrogram tree: a file beside the tree, not in it."""
    return tree.with_name(f"{tree.name}.manifest.json")


def read_manifest(tree: Path) -> Manifest | None:
    """Read the manifest of a spectrogram tree; None for a tree without one, which other programs may have written.

    Raises
    ------
    DatasetError
        If the file is not such a manifest.
    """
    path = manifest_path(tree)
    if not path.exists():
        return None
    try:
        document = read_json(path, expected="a genrebench manifest", error=DatasetError, max_bytes=_MAX_BYTES)
        if isinstance(document, dict) and document.get("format") != MANIFEST_FORMAT:
            received = document.get("format")
            raise DatasetError(f"expected manifest format {MANIFEST_FORMAT}, received {received!r}", path=path)
        return Manifest.model_validate(document)
    except (DatasetError, ConfigError, ValidationError) as error:
        problem = str(error)
        if not isinstance(error, DatasetError):
            reason = explain(error) if isinstance(error, ValidationError) else error
            problem = f"{escaped(path)}: expected a genrebench manifest ({reason})"
        raise DatasetError(f"{problem}; remove it and the tree, then preprocess again") from error


def write_manifest(tree: Path, manifest: Manifest) -> None:
    """Write the manifest of a spectrogram tree atomically."""
    write_json(manifest_path(tree), manifest.model_dump(exclude_unset=True))
