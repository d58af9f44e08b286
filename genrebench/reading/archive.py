"""A ``.keras`` archive, read without trusting it: nothing is written to disk, no size is believed before it is read."""

import zipfile
import zlib
from pathlib import Path

from genrebench.errors import ModelError, escaped
from genrebench.reading.limits import MAX_MEMBERS, MAX_RATIO, MAX_TEXT_BYTES, MAX_WEIGHT_BYTES, MIB

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_CHUNK = 2**20
_IGNORED = ("assets/", "__MACOSX/", ".DS_Store")
_OTHERS = {
    "data.pkl": "a file of PyTorch's torch.save",
    "model.weights.npz": "weights as .npz, which only early Keras 2.12 wrote; save the model again with Keras 2.13",
    "word/document.xml": "a document",
    "saved_model.pb": "a TensorFlow SavedModel; load it with TensorFlow and save the model as .keras",
}


def read_archive(path: Path) -> dict[str, bytes]:
    """Read the three members of a ``.keras`` archive.

    Returns
    -------
    dict of str to bytes
        The members by name; the weights may be absent.

    Raises
    ------
    ModelError
        If the archive cannot be read, or holds what Keras does not write.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _checked(archive)
            return {
                name: _content(archive, members[name], MAX_WEIGHT_BYTES if name == WEIGHTS else MAX_TEXT_BYTES)
                for name in (CONFIG, METADATA, WEIGHTS)
                if name in members
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise ModelError(f"expected a .keras archive, cannot be read ({error})") from error


def _checked(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """List the members, of which Keras writes three and a folder of assets."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise ModelError(f"expected at most {MAX_MEMBERS} members, received {len(infos)}")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename
        if name in members:
            raise ModelError(f"expected each member once, received {escaped(name)} twice")
        if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or name[1:2] == ":":
            raise ModelError(f"expected names within the archive, received {escaped(name)!r}")
        if info.flag_bits & 1:
            raise ModelError(f"expected no encryption, received {escaped(name)} encrypted")
        members[name] = info
    for name, what in _OTHERS.items():
        if any(each == name or each.endswith(f"/{name}") for each in members):
            raise ModelError(f"expected a Keras model, received {what}")
    if CONFIG not in members:
        raise ModelError(f"expected {CONFIG} in the archive, as in every .keras file, found none")
    known = (CONFIG, METADATA, WEIGHTS)
    strange = [each for each in members if each not in known and not each.startswith(_IGNORED)]
    if strange:
        raise ModelError(f"expected only {', '.join(known)} and assets/, received {escaped(strange[0])!r}")
    return members


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """Read a member, as much as it may be."""
    most = min(limit, MAX_RATIO * info.compress_size + _CHUNK)
    content = bytearray()
    with archive.open(info) as member:
        while chunk := member.read(_CHUNK):
            content += chunk
            if len(content) > most:
                raise ModelError(
                    f"expected {info.filename} to unpack to at most {max(1, most // MIB)} MiB, received more"
                )
    return bytes(content)
