"""What a packed copy says of itself, and by what it is known to be that of a tree as it is now."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from natsort import natsorted
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from genrebench.audio.mel import MelConfig
from genrebench.audio.recordings import PACKED
from genrebench.data.duplicates import Duplicate
from genrebench.data.manifest import Manifest, read_manifest
from genrebench.errors import ConfigError, DatasetError
from genrebench.system.files import read_json
from genrebench.system.validation import Text, explain

# Where spectrograms are while one works with them: what was asked for.
ReadFrom = Literal["auto", "memory", "packed"]
HEADER_FILE: Final = "pack.json"
TRACKS_FILE: Final = "tracks.npy"
STATISTICS_FILE: Final = "statistics.npy"
# Moves with what a packed copy holds: one of another number is made again.
PACK_FORMAT: Final = 1
# Duplicates are listed in the header; a million tracks have some thousands.
_MAX_BYTES = 2**30


def _mel_config(value: Any) -> Any:
    """Read settings, in which nothing may be left to defaults."""
    return MelConfig.from_json(value) if isinstance(value, Mapping) else value


def _duplicate(value: Any) -> Any:
    """Read a pair of tracks."""
    if isinstance(value, list) and list(map(type, value)) == [str, str, float, int]:
        return Duplicate(*value)
    return value


class Shard(BaseModel):
    """One file of spectrograms.

    Attributes
    ----------
    segments, tracks : int
        How many it holds; a track's segments are in one file.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    segments: int = Field(gt=0)
    tracks: int = Field(gt=0)


class Header(BaseModel):
    """The document of a packed copy.

    Attributes
    ----------
    format : int
        `PACK_FORMAT`.
    key : str
        What the tree was when it was packed; see `tree_key`.
    tree : str
        The tree, as seen from the packed copy.
    mel : MelConfig, optional
        Settings of the spectrograms; None for a tree that another program wrote.
    fingerprint : str, optional
        Hash of settings and definition when they were made.
    shape : tuple of int
        (n_mels, frames) of every spectrogram.
    genres : list of str
        Names of the genres in natural order.
    notes : list of str
        What should be known of the tree before one trains on it.
    shards : list of Shard
        Its files in order.
    longest_name : int
        Bytes of the longest name of a track.
    tracks_sha256, statistics_sha256 : str
        Hashes of the table of tracks, and of their statistics.
    duplicates : list of Duplicate
        Pairs of tracks that are one recording.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", arbitrary_types_allowed=True)

    format: Literal[1] = PACK_FORMAT
    key: str
    tree: Text
    mel: Annotated[MelConfig | None, BeforeValidator(_mel_config)]
    fingerprint: str | None
    shape: Annotated[tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]], Field(strict=False)]
    genres: list[Text] = Field(min_length=2)
    notes: list[Text]
    shards: list[Shard] = Field(min_length=1)
    longest_name: int = Field(gt=0, lt=2**16)
    tracks_sha256: str
    statistics_sha256: str
    duplicates: list[Annotated[Duplicate, BeforeValidator(_duplicate)]]

    def to_json(self) -> dict[str, Any]:
        """Describe it in plain JSON types, with a hash by which a change is noticed."""
        duplicates = [[each.first, each.second, each.different, each.shift] for each in self.duplicates]
        found = {**self.model_dump(mode="json", exclude={"duplicates"}), "duplicates": duplicates}
        return {**found, "sha256": _document_sha256(found)}

    @property
    def segments(self) -> int:
        """Count the segments of all shards."""
        return sum(shard.segments for shard in self.shards)

    @property
    def tracks(self) -> int:
        """Count the tracks of all shards."""
        return sum(shard.tracks for shard in self.shards)


def shard_file(number: int) -> str:
    """Name the file of a shard's spectrograms."""
    return f"spectrograms-{number:05d}.npy"


def track_type(longest: int) -> np.dtype[Any]:
    """Describe a row of the table of tracks: name in the file system's bytes, genre, segments, hash of its values."""
    return np.dtype([("name", f"S{longest}"), ("label", "<i4"), ("segments", "<i4"), ("sha256", "u1", (32,))])


def default_pack(tree: Path) -> Path:
    """Name the packed copy of a spectrogram tree: a folder beside it."""
    return tree.with_name(f"{tree.name}{PACKED}")


def is_pack(folder: Path) -> bool:
    """Return whether a folder holds a packed copy, be it whole or not."""
    return (folder / HEADER_FILE).is_file()


def read_header(folder: Path) -> Header:
    """Read the document of a packed copy.

    Raises
    ------
    DatasetError
        If it cannot be read, or is of another version.
    """
    path, expected = folder / HEADER_FILE, "the header of a packed copy"
    try:
        document = read_json(path, expected=expected, error=DatasetError, max_bytes=_MAX_BYTES)
        if not isinstance(document, dict) or document.pop("sha256", None) != _document_sha256(document):
            raise DatasetError(f"expected {expected}, received one that was changed", path=path)
        header = Header.model_validate(document)
        if header.mel and header.fingerprint != header.mel.fingerprint():
            raise DatasetError(
                "expected spectrograms as this version makes them, received another version's", path=path
            )
    except (ConfigError, DatasetError) as error:
        raise DatasetError(f"{error}; run genrebench pack again") from error
    except ValidationError as error:
        raise DatasetError(f"expected {expected} ({explain(error)}); run genrebench pack again", path=path) from error
    return header


def _document_sha256(document: Mapping[str, Any]) -> str:
    """Hash a document but for its own hash."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def tree_key(tree: Path) -> str:
    """Describe a tree so that a change is noticed, but not that it was moved or copied.

    That is by what its manifest says of spectrograms: how they were made, the digest of each track's segments, and what
    is missing. Without a manifest, or with an earlier version's without digests, it is by sizes and times of the files.

    Raises
    ------
    DatasetError
        If it cannot be read.
    """
    manifest = read_manifest(tree)
    if manifest and all(track.digest for track in manifest.tracks.values()):
        return f"tracks {_manifest_sha256(manifest)}"
    return f"files {_files_sha256(tree, manifest)}"


def _manifest_sha256(manifest: Manifest) -> str:
    """Hash what a manifest says of spectrograms, track by track, so that no text of all of them is in memory."""
    made = [manifest.fingerprint, manifest.shape, sorted(manifest.versions.items())]
    there = manifest.complete or manifest.recordings
    digest = hashlib.sha256(json.dumps([made, there, sorted(manifest.gone)]).encode())
    for name in sorted(manifest.tracks):
        track = manifest.tracks[name]
        digest.update(json.dumps([name, track.segments, track.decoding, track.digest]).encode())
    return digest.hexdigest()


def _files_sha256(tree: Path, manifest: Manifest | None) -> str:
    """Hash names, sizes and times of the files of a tree, and the manifest if there is one."""
    digest = hashlib.sha256(_manifest_sha256(manifest).encode() if manifest else b"")
    try:
        for folder in natsorted(each for each in tree.iterdir() if each.is_dir()):
            with os.scandir(folder) as found:
                for entry in sorted(found, key=lambda each: os.fsencode(each.name)):
                    status = entry.stat()
                    facts = f"/{status.st_size}/{status.st_mtime_ns}/{folder.name}\n"
                    digest.update(os.fsencode(entry.name) + os.fsencode(facts))
    except OSError as error:
        raise DatasetError(
            f"expected a spectrogram tree, cannot be read ({error.strerror})", path=error.filename or tree
        ) from error
    return digest.hexdigest()
