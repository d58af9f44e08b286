"""Compare ways from a Keras file to PyTorch: which files each opens, whether what comes out is right, by how much not.

    python experiments/porting/compare_tools.py FOLDER --work WORK --keras2 tf215/bin/python --keras3 k315/bin/python \
        --onnx2torch o2t/bin/python --onnx2pytorch o2t/bin/python > comparison.md

FOLDER holds Keras files. Every tool has an interpreter of its own, which is named by an option, as their requirements
exclude each other; a tool without one is left out. What is right is what Keras itself computes in float64, version 2
where it opens the file, else version 3. All tools compute in float32, in which an error of some 1e-6 is rounding; the
error is the largest difference of an output, divided by the largest value.

The steps in other interpreters are this same file, with ``--step``: one process for all files, since each framework
takes long to load. What was done is not done again: remove it from WORK for that.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

WRONG = 1e-4
SECONDS = 3600


def truth(model: Path, work: Path) -> None:
    """Compute with Keras in float64, on inputs that are drawn once."""
    from tensorflow import keras

    loaded = keras.models.load_model(model, compile=False)
    document = loaded.to_json().replace('"float32"', '"float64"')
    exact = keras.models.model_from_json(document)
    exact.set_weights([np.asarray(each, "float64") for each in loaded.get_weights()])
    chance = np.random.default_rng(0)
    given = [chance.normal(size=[4, *(length or 7 for length in each.shape[1:])]) for each in exact.inputs]
    given = [each.astype("float32") for each in given]
    found = exact.predict([each.astype("float64") for each in given] if len(given) > 1 else given[0], verbose=0)
    save(work / "truth.npz", [np.asarray(each) for each in (found if isinstance(found, list) else [found])], given)


def save(path: Path, outputs: list, given: list = ()) -> None:
    """Write arrays in order."""
    arrays = {f"output_{number}": each for number, each in enumerate(outputs)}
    np.savez(path, **arrays, **{f"input_{number}": each for number, each in enumerate(given)})


def load(path: Path, what: str) -> list:
    """Read arrays in order."""
    with np.load(path) as arrays:
        return [arrays[f"{what}_{number}"] for number in range(sum(name.startswith(what) for name in arrays))]


def to_onnx(model: Path, work: Path) -> None:
    """Write ONNX by tf2onnx, as Keras 3 does, or from Keras 2."""
    import keras

    loaded = keras.models.load_model(model, compile=False)
    if keras.__version__.startswith("3"):
        loaded.predict(load(work / "truth.npz", "input")[0], verbose=0)  # what was never called is not exported
        loaded.export(str(work / "model.onnx"), format="onnx", verbose=False)
        return
    import tensorflow as tf
    import tf2onnx

    signature = [
        tf.TensorSpec([None, *each.shape[1:]], each.dtype, name=f"x{n}") for n, each in enumerate(loaded.inputs)
    ]
    tf2onnx.convert.from_keras(loaded, signature, opset=13, output_path=str(work / "model.onnx"))


def run_module(module: object, work: Path, tool: str) -> None:
    """Run a PyTorch module in evaluation mode."""
    import torch

    with torch.no_grad():
        found = module(*(torch.from_numpy(each) for each in load(work / "truth.npz", "input")))
    found = list(found.values()) if isinstance(found, dict) else found
    save(work / f"{tool}.npz", [each.numpy() for each in (found if isinstance(found, (list, tuple)) else [found])])


def onnx2torch(_: Path, work: Path) -> None:
    """Convert ONNX by onnx2torch."""
    import onnx2torch

    run_module(onnx2torch.convert(str(work / "model.onnx")).eval(), work, "onnx2torch")


def onnx2pytorch(_: Path, work: Path) -> None:
    """Convert ONNX by onnx2pytorch."""
    import onnx
    import onnx2pytorch

    run_module(onnx2pytorch.ConvertModel(onnx.load(str(work / "model.onnx"))).eval(), work, "onnx2pytorch")


def onnx2tf(_: Path, work: Path) -> None:
    """Convert ONNX by onnx2tf, which writes PyTorch source."""
    import importlib.util

    import onnx2tf as tool

    tool.convert(
        input_onnx_file_path=str(work / "model.onnx"),
        output_folder_path=str(work / "onnx2tf"),
        batch_size=4,
        tflite_backend="flatbuffer_direct",
        flatbuffer_direct_output_pytorch=True,
        non_verbose=True,
    )
    place = next((work / "onnx2tf").rglob("__init__.py")).parent
    name = f"converted_{''.join(filter(str.isalnum, work.name))}"
    spec = importlib.util.spec_from_file_location(name, place / "__init__.py", submodule_search_locations=[str(place)])
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)
    run_module(package.load_model().eval(), work, "onnx2tf")


def keras_torch(model: Path, work: Path) -> None:
    """Export a PyTorch program by Keras 3 on PyTorch."""
    import keras
    import torch

    loaded = keras.models.load_model(model, compile=False)
    loaded.export(str(work / "model.pt2"), format="torch", verbose=False)
    program = torch.export.load(str(work / "model.pt2")).module()

    def one_by_one(*given: torch.Tensor) -> list:
        """Run samples one by one, as many as the program takes; it takes a list from models that were given one."""
        made = []
        for number in range(len(given[0])):
            sample = [each[number : number + 1] for each in given]
            try:
                found = program(*sample)
            except (TypeError, ValueError):
                found = program(sample)
            made.append(found if isinstance(found, (list, tuple)) else [found])
        return [torch.cat(parts) for parts in zip(*made, strict=True)]

    run_module(one_by_one, work, "keras_torch")


def genrebench(model: Path, work: Path) -> None:
    """Port by genrebench, and run the source that it writes; what is right is found out here, so without its proof."""
    import importlib.util

    folder = work / "port"
    command = [
        sys.executable,
        "-m",
        "genrebench",
        "port",
        str(model),
        "--output",
        str(folder),
        "--no-proof",
        "--overwrite",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])
    spec = importlib.util.spec_from_file_location("network", folder / "network.py")
    assert spec is not None
    assert spec.loader is not None
    network = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(network)
    run_module(network.load(str(folder / "weights.safetensors")).eval(), work, "genrebench")


STEPS = {each.__name__: each for each in (truth, to_onnx, onnx2torch, onnx2pytorch, onnx2tf, keras_torch, genrebench)}
# What a tool is called, the option that names its interpreter, and whether it begins with ONNX.
TOOLS = [
    ("`genrebench port`", "genrebench", False),
    ("tf2onnx, onnx2torch", "onnx2torch", True),
    ("tf2onnx, onnx2pytorch", "onnx2pytorch", True),
    ("tf2onnx, onnx2tf to PyTorch", "onnx2tf", True),
    ("Keras' own export to PyTorch", "keras_torch", False),
]


def models_of(folder: Path) -> list[Path]:
    """List the Keras files below a folder."""
    return sorted(each for each in folder.rglob("*") if each.suffix in {".h5", ".hdf5", ".keras"})


def do(name: str, folder: Path, work: Path) -> None:
    """Do a step for every file, in this process, and write down why it failed where it did."""
    for model in models_of(folder):
        place = work / model.stem
        place.mkdir(parents=True, exist_ok=True)
        said = place / f"{name}.json"
        if said.exists() and not json.loads(said.read_text())["why"]:
            continue
        began, why = time.perf_counter(), ""
        try:
            STEPS[name](model, place)
        except Exception as error:  # whatever a tool says
            why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        said.write_text(json.dumps({"why": why, "seconds": round(time.perf_counter() - began, 1)}))
        print(f"{model.name}: {name}: {why or 'done'}", file=sys.stderr, flush=True)


def start(interpreter: str, name: str, folder: Path, work: Path) -> None:
    """Do a step in an interpreter, before which may stand settings of its environment."""
    *settings, program = interpreter.split()
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "TF_ENABLE_ONEDNN_OPTS": "0"}
    environment |= dict(each.split("=", 1) for each in settings)
    environment["KERAS_BACKEND"] = "torch" if name == "keras_torch" else "tensorflow"
    command = [program, __file__, str(folder), "--step", name, "--work", str(work)]
    subprocess.run(command, env=environment, timeout=SECONDS, check=False)


def compared(place: Path, tool: str) -> float:
    """Compare outputs with the truth."""
    expected, found = (load(place / f"{name}.npz", "output") for name in ("truth", tool))
    if [each.shape for each in expected] != [each.shape for each in found]:
        return float("inf")
    return max(
        float(np.abs(each - other).max() / np.abs(other).max()) for each, other in zip(found, expected, strict=True)
    )


def failure(place: Path, tool: str, by_onnx: bool) -> str:
    """Say why a tool gave nothing; empty if it gave something."""
    for name in ("to_onnx", tool) if by_onnx else (tool,):
        said = place / f"{name}.json"
        why = json.loads(said.read_text())["why"] if said.exists() else "ended without an answer"
        if why:
            return f"{name}: {why}"
    return ""


def table(folder: Path, work: Path, tools: list[tuple[str, str, bool]]) -> str:
    """Write the table in Markdown: a row for each file, a column for each tool; and why files are not opened."""
    lines = [f"| file | {' | '.join(name for name, _, _ in tools)} |", "| --- |" + " --- |" * len(tools)]
    reasons = []
    for model in models_of(folder):
        cells = []
        for name, tool, by_onnx in tools:
            why = failure(work / model.stem, tool, by_onnx)
            if why:
                cells.append("failed")
                reasons.append(f"- {model.name}, {name}: {why}")
                continue
            error = compared(work / model.stem, tool)
            cells.append(f"{'right' if error < WRONG else '**wrong**'}, {error:.0e}")
        lines.append(f"| {model.name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *reasons])


def main() -> int:
    """Try every tool on every file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="a folder for what is in between")
    parser.add_argument("--step", choices=sorted(STEPS))
    for name in ("keras2", "keras3", *(tool for _, tool, _ in TOOLS)):
        parser.add_argument(f"--{name.replace('_', '-')}", default="", help="NAME=VALUE ... INTERPRETER")
    options = parser.parse_args()
    if options.step:
        do(options.step, options.folder, options.work)
        return 0
    tools = [each for each in TOOLS if getattr(options, each[1])]
    for name in ("truth", "to_onnx"):
        # The second one is asked for what the first one did not open.
        for interpreter in (options.keras2, options.keras3):
            if interpreter:
                start(interpreter, name, options.folder, options.work)
    for _, tool, _ in tools:
        start(getattr(options, tool), tool, options.folder, options.work)
    print(table(options.folder, options.work, tools))
    return 0


if __name__ == "__main__":
    sys.exit(main())
