"""What training from a packed copy costs beside memory: time of batches and steps in turn, and memory that it takes.

    python experiments/packed_training.py --folder /tmp/packed --tracks 400

The data are noise, packed without compression so that they are made quickly: as many tracks as are asked for, and four
times as many. Memory is what the process has for itself (RssAnon), without the files that it maps, which the system
drops when others need the room.
"""

import itertools
import json
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from genrebench.audio.mel import MelConfig
from genrebench.backend.protocol import Trainable
from genrebench.backend.registry import load_backend
from genrebench.data.packed.writing import pack
from genrebench.network.adam import Adam
from genrebench.network.architecture import Architecture
from genrebench.network.genre_cnn import genre_cnn
from genrebench.network.layers import Conv2D, Dense, GlobalAveragePooling2D
from genrebench.system.files import write_json
from genrebench.training import Experiment, train
from genrebench.training.augment import Augmenter
from genrebench.training.state import TrainingData, consecutive, load_training_data

GENRES, SEGMENTS, BATCH = 10, 10, 64
SHAPE = MelConfig().shape
PLAIN = {"augment.crops": 0, "augment.gain": 0.0, "augment.mixup": 0.0}


def make_tree(tree: Path, tracks: int) -> Path:
    """Write a tree of noise with differences of loudness between bands and tracks."""
    rng = np.random.default_rng(0)
    for track in range(tracks):
        folder = tree / f"genre{track % GENRES}"
        folder.mkdir(parents=True, exist_ok=True)
        level = rng.uniform(-60, -20, (SHAPE[0], 1))
        for segment in range(SEGMENTS):
            spectrogram = (level + rng.normal(0, 8, SHAPE)).astype(np.float32)
            np.savez(folder / f"track.{track:06d}-{segment}.npz", spectrogram=spectrogram)
    return tree


def experiment(tree: Path, read_from: str, **settings: Any) -> Experiment:
    """Describe a run."""
    told = Experiment(name="run", device="cpu", dataset=tree, results=tree.parent / f"results-{read_from}")
    return told.override({"read_from": read_from, "training.epochs": 1, **settings})


def batches(told: Experiment, data: TrainingData, order: np.ndarray) -> Any:
    """Make the batches of an epoch, as training does, but in this thread."""
    if not told.augment.on:
        return ((data.inputs.take(order[i : i + BATCH], axis=0), None) for i in range(0, len(order), BATCH))
    runs = consecutive(data.split.train, data.dataset.tracks)
    augmenter = Augmenter(told.augment, data.inputs, data.dataset.labels, runs, GENRES)
    return augmenter.batches(order, BATCH, np.random.default_rng(1))


def compare(tree: Path, settings: dict[str, Any], rounds: int) -> dict[str, float]:
    """Time batches, and steps of the genre network on them, from memory and from the copy in turn.

    Returns
    -------
    dict
        Milliseconds of processor time: the median of each, and the median of the differences in relation to a step.
    """
    told = {each: experiment(tree, each, **settings) for each in ("memory", "packed")}
    data = {each: load_training_data(told[each]) for each in told}
    order = np.random.default_rng(0).permutation(data["memory"].split.train)[: BATCH * rounds]
    architecture = genre_cnn(SHAPE, GENRES)
    _, backend = load_backend("torch")
    network = backend.build(architecture, architecture.initial_weights(0), dtype="float32", device="cpu")
    assert isinstance(network, Trainable)
    network.start_training(Adam(), seed=0)
    labels = data["memory"].dataset.labels
    made: dict[str, list[float]] = {"memory": [], "packed": []}
    steps = []
    sources = {each: iter(batches(told[each], data[each], order)) for each in told}
    for number in range(rounds):
        turn = ["memory", "packed"] if number % 2 else ["packed", "memory"]
        found = {}
        for each in turn:
            start = time.thread_time()
            x, y = next(sources[each])
            made[each].append(1000 * (time.thread_time() - start))
            found[each] = x
        assert found["memory"].tobytes() == found["packed"].tobytes()
        start = time.process_time()
        network.train_step(found["memory"], labels[order[number * BATCH :][:BATCH]] if y is None else y)
        steps.append(1000 * (time.process_time() - start))
    medians = {each: statistics.median(times[1:]) for each, times in made.items()}
    step = statistics.median(steps[1:])
    more = statistics.median(np.subtract(made["packed"], made["memory"])[1:])
    return {**medians, "step": step, "slower_percent": 100 * more / (medians["memory"] + step)}


def anonymous_megabytes() -> float:
    """Read what this process has for itself."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def watched(tree: Path, read_from: str, settings: dict[str, Any]) -> dict[str, float]:
    """Train a small network, and look at the memory every few milliseconds."""
    architecture = Architecture(
        (*SHAPE, 1), (Conv2D(4, (5, 5), strides=(4, 4), activation="relu"), GlobalAveragePooling2D(), Dense(GENRES))
    )
    write_json(tree.parent / "small.json", architecture.to_json())
    told = experiment(tree, read_from, architecture=str(tree.parent / "small.json"), **settings)
    load_backend("torch")
    before, most, ended = anonymous_megabytes(), 0.0, threading.Event()

    def watch() -> None:
        """Keep the most."""
        nonlocal most
        while not ended.wait(0.005):
            most = max(most, anonymous_megabytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.process_time()
    train(told, overwrite=True)
    ended.set()
    watcher.join()
    return {"before": before, "most": most, "seconds": time.process_time() - start}


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--tracks", default=400, show_default=True)
@click.option("--rounds", default=20, show_default=True)
@click.option("--watch", nargs=3, type=str, hidden=True)
def main(folder: Path, tracks: int, rounds: int, watch: tuple[str, str, str] | None) -> None:
    """Make the data, measure, and print two tables."""
    if watch:
        print(json.dumps(watched(Path(watch[0]), watch[1], json.loads(watch[2]))))
        return
    trees = {times: folder / f"{times}x" / "tree" for times in (1, 4)}
    for times, tree in trees.items():
        if not tree.exists():
            make_tree(tree, times * tracks)
        start = time.process_time()
        report = pack(tree, jobs=1)
        print(f"{times}x: {report.size / 1e9:.2f} GB in {report.shards} shards, {time.process_time() - start:.0f} s")
    print("\n| batches | from memory, ms | packed, ms | a step, ms | slower, % |\n| --- | --- | --- | --- | --- |")
    for name, settings in {"the recipe's crops": {}, "segments": PLAIN}.items():
        found = compare(trees[1], settings, rounds)
        print(f"| {name} | {' | '.join(f'{each:.1f}' for each in found.values())} |", flush=True)
    print("\n| read from | data | before, MB | at most, MB | s |\n| --- | --- | --- | --- | --- |")
    ways: dict[str, dict[str, Any]] = {"recipe": {}, "overlap 0.5, global": {"training.overlap": 0.5}}
    ways["overlap 0.5, global"]["training.standardization"] = "global"
    for (way, settings), read_from, (times, tree) in itertools.product(
        ways.items(), ("packed", "memory"), trees.items()
    ):
        command = [sys.executable, __file__, "--folder", str(folder)]
        command += ["--watch", str(tree), read_from, json.dumps(settings)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        print(f"| {read_from}, {way} | {times}x | {' | '.join(f'{each:.0f}' for each in found.values())} |", flush=True)


if __name__ == "__main__":
    main()
