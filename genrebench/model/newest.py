"""The model that is taken where none is named: the newest run, or else the one that comes with the library."""

import contextlib
from pathlib import Path

from genrebench.errors import ModelError
from genrebench.model.description import BUILTIN
from genrebench.model.model import Model
from genrebench.model.storage import MODEL_FILE, read_document
from genrebench.system.files import StrPath


def newest_model(results: StrPath) -> Path:
    """Find the newest run in a folder that can take recordings; broken ones do not count.

    Returns
    -------
    Path
        Its folder; `BUILTIN` if there is none.
    """
    created = {}
    for path in Path(results).glob(f"*/{MODEL_FILE}"):
        with contextlib.suppress(ModelError):
            created[path.parent] = str(read_document(path.parent).get("created", ""))
    for folder in sorted(created, key=lambda folder: (created[folder], folder.name), reverse=True):
        with contextlib.suppress(ModelError):
            if Model.load(folder).mel is not None:
                return folder
    return Path(BUILTIN)
