"""Compare ways from a Keras file to PyTorch: which files each opens, whether what comes out is right, by how much not.

    python experiments/porting/compare_tools.py FOLDER --work WORK --keras2 tf215/bin/python --keras3 k315/bin/python \
        --onnx2torch o2t/bin/python --onnx2pytorch o2t/bin/python > comparison.md

FOLDER holds Keras files. Every tool has an interpreter of its own, which is named by an option, as their requirements
exclude each other; a tool without one is left out. What is right is what Keras itself computes in float64, version 2
where it opens the file, else version 3. All tools compute in float32, in which an error of some 1e-6 is rounding; the
error is the largest difference of an output, divided by the largest value.

The steps in other interpreters are this same file, with ``--step``.
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
SECONDS = 600


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
    from tensorflow import keras

    loaded = keras.models.load_model(model, compile=False)
    if keras.__version__.startswith("3"):
        loaded.export(str(work / "model.onnx"), format="onnx", verbose=False)
        return
    import tensorflow as tf
    import tf2onnx

    signature = [
        tf.TensorSpec([None, *each.shape[1:]], each.dtype, name=f"x{n}") for n, each in enumerate(loaded.inputs)
    ]
    tf2onnx.convert.from_keras(loaded, signature, opset=13, output_path=str(work / "model.onnx"))


def run_module(module: object, work: Path) -> None:
    """Run a PyTorch module in evaluation mode."""
    import torch

    with torch.no_grad():
        found = module(*(torch.from_numpy(each) for each in load(work / "truth.npz", "input")))
    found = list(found.values()) if isinstance(found, dict) else found
    save(work / "found.npz", [each.numpy() for each in (found if isinstance(found, (list, tuple)) else [found])])


def onnx2torch(_: Path, work: Path) -> None:
    """Convert ONNX by onnx2torch."""
    import onnx2torch

    run_module(onnx2torch.convert(str(work / "model.onnx")).eval(), work)


def onnx2pytorch(_: Path, work: Path) -> None:
    """Convert ONNX by onnx2pytorch."""
    import onnx
    import onnx2pytorch

    run_module(onnx2pytorch.ConvertModel(onnx.load(str(work / "model.onnx"))).eval(), work)


def onnx2tf(_: Path, work: Path) -> None:
    """Convert ONNX by onnx2tf, which writes PyTorch source."""
    import importlib.util

    import onnx2tf as tool

    tool.convert(
        input_onnx_file_path=str(work / "model.onnx"),
        output_folder_path=str(work / "onnx2tf"),
        tflite_backend="flatbuffer_direct",
        flatbuffer_direct_output_pytorch=True,
        non_verbose=True,
    )
    place = next((work / "onnx2tf").rglob("__init__.py")).parent
    spec = importlib.util.spec_from_file_location(
        "converted", place / "__init__.py", submodule_search_locations=[str(place)]
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules["converted"] = package
    spec.loader.exec_module(package)
    run_module(package.load_model().eval(), work)


def keras_torch(model: Path, work: Path) -> None:
    """Export a PyTorch program by Keras 3 on PyTorch."""
    import keras
    import torch

    loaded = keras.models.load_model(model, compile=False)
    batch = torch.export.Dim("batch", min=1, max=64)
    loaded.export(str(work / "model.pt2"), format="torch", verbose=False, dynamic_shapes={0: batch})
    run_module(torch.export.load(str(work / "model.pt2")).module(), work)


def genrebench(model: Path, work: Path) -> None:
    """Port by genrebench, and run the source that it writes."""
    import importlib.util

    folder = work / "port"
    command = [sys.executable, "-m", "genrebench", "port", str(model), "--output", str(folder), "--overwrite"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])
    spec = importlib.util.spec_from_file_location("network", folder / "network.py")
    assert spec is not None
    assert spec.loader is not None
    network = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(network)
    run_module(network.load(str(folder / "weights.safetensors")).eval(), work)


STEPS = {each.__name__: each for each in (truth, to_onnx, onnx2torch, onnx2pytorch, onnx2tf, keras_torch, genrebench)}
# What a tool is called, the option that names its interpreter, its steps.
TOOLS = [
    ("`genrebench port`", "genrebench", ("genrebench",)),
    ("tf2onnx, onnx2torch", "onnx2torch", ("to_onnx", "onnx2torch")),
    ("tf2onnx, onnx2pytorch", "onnx2pytorch", ("to_onnx", "onnx2pytorch")),
    ("tf2onnx, onnx2tf to PyTorch", "onnx2tf", ("to_onnx", "onnx2tf")),
    ("Keras' own export to PyTorch", "keras_torch", ("keras_torch",)),
]


def step(interpreter: str, name: str, model: Path, work: Path) -> str:
    """Do a step in an interpreter.

    Returns
    -------
    str
        Why it failed; empty if it did not.
    """
    words = interpreter.split()
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "TF_ENABLE_ONEDNN_OPTS": "0"}
    environment |= dict(each.split("=", 1) for each in words[:-1])
    environment["KERAS_BACKEND"] = "torch" if name == "keras_torch" else "tensorflow"
    command = [words[-1], __file__, "--step", name, str(model), "--work", str(work)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"took more than {SECONDS} s"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith((" ", "\t"))]
    faults = [line for line in lines if "Error" in line or "Exception" in line]
    return (faults or lines or ["?"])[-1][:300]


def compared(work: Path) -> float:
    """Compare outputs with the truth."""
    expected, found = (load(work / f"{name}.npz", "output") for name in ("truth", "found"))
    if [each.shape for each in expected] != [each.shape for each in found]:
        return float("inf")
    return max(
        float(np.abs(each - other).max() / np.abs(other).max()) for each, other in zip(found, expected, strict=True)
    )


def attempt(steps: tuple, options: argparse.Namespace, tool: str, model: Path, work: Path) -> dict:
    """Try a tool on a file."""
    (work / "found.npz").unlink(missing_ok=True)
    began, why = time.perf_counter(), ""
    for name in steps:
        if name == "to_onnx":
            if not (work / "model.onnx").exists():
                why = step(options.keras2, name, model, work)
                why = step(options.keras3, name, model, work) if why and options.keras3 else why
        else:
            why = step(getattr(options, tool), name, model, work)
        if why:
            return {"opens": False, "why": why}
    return {"opens": True, "error": compared(work), "seconds": round(time.perf_counter() - began, 1)}


def table(results: dict) -> str:
    """Write the table in Markdown: a row for each file, three cells in one for each tool."""
    tools = [name for name, option, _ in TOOLS if any(option in found for found in results.values())]
    lines = ["| file | " + " | ".join(tools) + " |", "| --- |" + " --- |" * len(tools)]
    for file, found in results.items():
        cells = []
        for _, option, _ in TOOLS:
            each = found.get(option)
            if each is None:
                continue
            if not each["opens"]:
                cells.append("refused")
            elif each["error"] < WRONG:
                cells.append(f"right, {each['error']:.0e}")
            else:
                cells.append(f"wrong, {each['error']:.0e}")
        lines.append(f"| {file} | " + " | ".join(cells) + " |")
    reasons = [
        f"- {file}, {name}: {found[option]['why']}"
        for file, found in results.items()
        for name, option, _ in TOOLS
        if option in found and not found[option]["opens"]
    ]
    return "\n".join([*lines, "", *reasons])


def main() -> int:
    """Try every tool on every file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="a folder for what is in between")
    parser.add_argument("--step", choices=sorted(STEPS))
    for name in ("keras2", "keras3", *(option for _, option, _ in TOOLS)):
        parser.add_argument(f"--{name.replace('_', '-')}", default="", help="NAME=VALUE ... INTERPRETER")
    parser.add_argument("--json", type=Path, help="results so far, which are kept and added to")
    options = parser.parse_args()
    if options.step:
        STEPS[options.step](options.path, options.work)
        return 0
    results = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    for model in sorted(each for each in options.path.rglob("*") if each.suffix in {".h5", ".hdf5", ".keras"}):
        work = options.work / model.stem
        work.mkdir(parents=True, exist_ok=True)
        found = results.setdefault(model.name, {})
        if not (work / "truth.npz").exists():
            why = step(options.keras2, "truth", model, work)
            why = step(options.keras3, "truth", model, work) if why else why
            if why:
                print(f"{model.name}: Keras itself: {why}", file=sys.stderr)
                continue
        for _, tool, steps in TOOLS:
            if getattr(options, tool) and tool not in found:
                found[tool] = attempt(steps, options, tool, model, work)
                print(f"{model.name}: {tool}: {found[tool]}", file=sys.stderr)
        if options.json:
            options.json.write_text(json.dumps(results, indent=1))
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
