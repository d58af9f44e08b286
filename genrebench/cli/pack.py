"""``genrebench pack``: spectrogram files as a few large ones."""

from pathlib import Path

import click

from genrebench.cli.options import COUNT, PATH, examples
from genrebench.errors import ConfigError

_MIB, _GIB = 2**20, 2**30


@click.command(
    help="Copy the spectrograms of DATASET into a few large files that are mapped into memory.\n\n"
    "Training reads from the copy what it needs, when it needs it, so that the data may be larger than memory; "
    "genrebench train takes a fresh copy by itself, and makes one where the data do not fit. A copy that is there is "
    "checked byte by byte, and made anew if it is damaged or the spectrograms have changed.",
    epilog=examples(
        "genrebench pack dataset",
        "genrebench pack dataset --output /fast/disk/packed",
        "genrebench train --dataset /fast/disk/packed --name first",
    ),
)
@click.argument("dataset", type=PATH)
@click.option("--output", type=PATH, help="Folder to write.  [default: DATASET/genres_mel_npz.packed]")
@click.option("--jobs", type=COUNT, help="Processes.  [default: one per core]")
def pack(dataset: Path, output: Path | None, jobs: int | None) -> None:
    """Pack a dataset."""
    from genrebench.cli.output import counted, echo
    from genrebench.cli.progress import display
    from genrebench.data.packed.header import is_pack
    from genrebench.data.packed.writing import pack as run
    from genrebench.system.files import escaped
    from genrebench.system.memory import keep_freed_memory

    if is_pack(dataset):
        raise ConfigError(
            "is a packed copy already, which train takes as it is; name what it was made of", path=dataset
        )
    keep_freed_memory()
    with display("packing", "tracks") as bar:

        def on_track(done: int, total: int) -> None:
            """Move the bar."""
            bar.update(completed=done, total=total)

        report = run(dataset, output=output, jobs=jobs, on_track=on_track, on_wait=bar.note)
        if report.written:
            bar.note(f"the copy was made, since {report.reason}")
    echo(
        f"{escaped(report.folder)}: {report.tracks} tracks, {report.segments} segments in {report.genres} genres, "
        f"{_size(report.size)} in {counted(report.shards, 'file')} of spectrograms"
        + ("" if report.written else "; was there, whole and fresh")
    )


def _size(count: int) -> str:
    """Format a number of bytes."""
    return f"{count / _GIB:,.1f} GiB" if count >= _GIB else f"{count / _MIB:,.1f} MiB"
