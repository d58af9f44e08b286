"""The model that is taken where none is named: the newest run, or else the one that comes with the library."""

import contextlib
from pathlib import Path

from genrebench.errors import ModelError
from genrebench.model.description import BUILTIN
from genrebench.model.model import Model
from genrebench.model.storage import MODEL_FILE, read_document
from genrebench.system.files import StrPath


def newest_model(results: StrPath) -> Path:
    """Find the newest run in a folder that can take recordings.

    Broken ones do not count, and neither do examples: runs that came with the folder, as in a clone of the project,
    whose ``model.json`` says so.

    Returns
    -------
    Path
        Its folder; `BUILTIN` if there is none.
    """
    created = {}
    for path in Path(results).glob(f"*/{MODEL_FILE}"):
        with contextlib.suppress(ModelError):
            document = read_document(path.parent)
            if not document.get("example"):
                created[path.parent] = str(document.get("created", ""))
    for folder in sorted(created, key=lambda folder: (created[folder], folder.name), reverse=True):
        with contextlib.suppress(ModelError):
            if Model.load(folder).mel is not None:
                return folder
    return Path(BUILTIN)
