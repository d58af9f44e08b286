"""``genrebench demo``: the whole way from audio to a printed genre on music that the program makes itself."""

from collections.abc import Sequence
from pathlib import Path

import click

from genrebench.audio.finding import find_recordings
from genrebench.audio.mel import MelConfig
from genrebench.audio.synthesis.render import GENRES, write_recordings
from genrebench.cli.classifying import print_genres
from genrebench.cli.options import PATH, examples
from genrebench.cli.output import echo
from genrebench.cli.preprocess import run_preprocessing
from genrebench.cli.train import run_training
from genrebench.errors import ConfigError
from genrebench.model.description import BUILTIN
from genrebench.model.model import Model
from genrebench.system.files import escaped
from genrebench.training.config import Experiment, SplitSettings
from genrebench.training.settings import AugmentSettings, TrainingSettings

# Four segments of three seconds, so that the network has its usual input of 128 x 130.
MEL = MelConfig(segments=4, track_duration=12.0)
TRACKS_PER_GENRE = 10
EPOCHS = 16
# Small batches, and as many crops as there are segments, make many steps: the running statistics of batch
# normalization, on which validation and inference rest, keep 99 % of their old value in each step and need several
# hundred to forget where they started.
BATCH_SIZE = 8
# The held-out recordings come from another seed, so that none of them stands in the dataset.
DATASET_SEED, HELD_OUT_SEED = 0, 1
_OWN_FILES = frozenset({"dataset", "held_out", "results"})


@click.command(
    help="Go the whole way on synthetic audio: make it, preprocess it, train on it, print the genre of held-out "
    "recordings. Takes about a minute and a half on two cores. Recordings of yours that are named are classified in "
    "the end, by the model that comes with genrebench.",
    epilog=examples("genrebench demo", "genrebench demo song.mp3 --folder /tmp/demo"),
)
@click.argument("recordings", metavar="[FILE_OR_FOLDER]...", type=PATH, nargs=-1)
@click.option("--folder", type=PATH, default=Path("genrebench-demo"), show_default=True, help="Where everything goes.")
def demo(recordings: tuple[Path, ...], folder: Path) -> None:
    """Run the demonstration."""
    run_demo(folder, recordings)


def run_demo(folder: Path, recordings: Sequence[Path] = ()) -> None:
    """Make music, preprocess it, train on it, and name the genre of recordings that training never saw.

    Parameters
    ----------
    folder : Path
        Where everything goes; a folder of an earlier demonstration is used again.
    recordings : sequence of Path
        Recordings, or folders of them, that are classified in the end by the model that comes with genrebench.

    Raises
    ------
    ConfigError
        If the folder holds something else.
    AudioError
        If one of the recordings is not there.
    """
    own = list(find_recordings(recordings))
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in _OWN_FILES) if folder.is_dir() else []
    if foreign or (folder.exists() and not folder.is_dir()):
        found = f"one that holds {escaped(foreign[0])}" if foreign else "a file"
        raise ConfigError(f"expected a new folder, received {found}; choose another --folder", path=folder)
    echo("This runs on audio that the program makes itself; its accuracy says nothing of music.")
    originals = folder / "dataset" / "genres_original"
    echo(
        f"\n[1/4] Making {TRACKS_PER_GENRE * len(GENRES)} recordings of {MEL.track_duration:g} s "
        f"in {escaped(originals)}"
    )
    write_recordings(originals, tracks_per_genre=TRACKS_PER_GENRE, duration=MEL.track_duration, seed=DATASET_SEED)
    held_out = write_recordings(
        folder / "held_out", tracks_per_genre=2, duration=MEL.track_duration, seed=HELD_OUT_SEED
    )
    echo("\n[2/4] Preprocessing: genres_original/ to genres_mel_npz/")
    run_preprocessing(folder / "dataset", MEL)
    echo("\n[3/4] Training the network with PyTorch")
    experiment = Experiment(
        name="demo",
        dataset=folder / "dataset",
        results=folder / "results",
        split=SplitSettings(validation=0.1, test=0.0),
        training=TrainingSettings(epochs=EPOCHS, batch_size=BATCH_SIZE),
        augment=AugmentSettings(crops=MEL.segments),
    )
    run_training(experiment, overwrite=True)
    echo("\n[4/4] Naming the genre of recordings that training never saw; their folder is right")
    predictions = print_genres(Model.load(experiment.folder), held_out, top_k=1)
    right = sum(prediction.genre == prediction.path.parent.name for prediction in predictions)
    echo(f"{right} of {len(predictions)} right")
    if own:
        echo("\nYour recordings, by the model that comes with genrebench (--model builtin)")
        print_genres(Model.load(BUILTIN), own, top_k=2)
    echo("\nNext, real music: GTZAN, or folders of your own, in dataset/genres_original/<genre>/:")
    echo("  genrebench preprocess --dataset dataset")
    echo("  genrebench train --backend torch --dataset dataset --name gtzan")
    echo("  genrebench infer song.mp3 --model results/gtzan")
