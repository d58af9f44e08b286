"""What stands beside a spectrogram tree: how it was made, and from what.

Other people's loaders read the tree itself, so nothing but spectrograms may lie in it.
"""

import json
from pathlib import Path
from typing import Any

from genrebench.audio.mel import MelConfig
from genrebench.errors import ConfigError, DatasetError
from genrebench.system.files import escaped

MANIFEST_FORMAT = 1


def manifest_path(tree: Path) -> Path:
    """Name the manifest of a spectrogram tree.

    Parameters
    ----------
    tree : Path
        Folder of genre folders.

    Returns
    -------
    Path
        A file beside the tree, not in it.
    """
    return tree.with_name(f"{tree.name}.manifest.json")


def read_manifest(tree: Path) -> dict[str, Any] | None:
    """Read the manifest of a spectrogram tree.

    Parameters
    ----------
    tree : Path
        Folder of genre folders.

    Returns
    -------
    dict or None
        The manifest; None for a tree without one, which other programs may have written.

    Raises
    ------
    DatasetError
        If the file is not such a manifest.
    """
    path = manifest_path(tree)
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != MANIFEST_FORMAT:
            raise DatasetError(
                f"{escaped(path)}: expected manifest format {MANIFEST_FORMAT}, received {document['format']!r}; "
                "remove the tree and the manifest, then preprocess again"
            )
        MelConfig.from_json(document["settings"])
        if not all(
            isinstance(entry["segments"], int) and entry["segments"] > 0 for entry in document["tracks"].values()
        ):
            raise TypeError("a track without segments")
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ConfigError) as error:
        raise DatasetError(
            f"{escaped(path)}: expected a genrebench manifest ({error}); remove it and the tree, then preprocess again"
        ) from error
    return dict(document)
