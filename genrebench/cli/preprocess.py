"""``genrebench preprocess``: recordings to spectrograms."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrebench.audio.mel import MelConfig
from genrebench.cli.options import COUNT, PLACE, cluster_option, examples, fetch_option
from genrebench.errors import ConfigError

if TYPE_CHECKING:
    from genrebench.audio.recordings import Recording
    from genrebench.data.preprocess import PreprocessReport

# Kept short: a report of a thousand failures helps nobody, and the manifest has them all.
_FAILURES_SHOWN = 20


@click.command(
    help="Turn dataset/genres_original/<genre>/<track>.wav into dataset/genres_mel_npz/<genre>/<track>-<i>.npz.\n\n"
    "GTZAN's genres/ and Kaggle's Data/genres_original/ are taken as they are, and so is any folder of genre folders, "
    "with albums in them or not; what was taken is said first. "
    "Each track gives --segments Mel spectrograms in dB, each an .npz with the key 'spectrogram'. wav, au, flac, ogg, "
    "mp3, m4a, opus, wma and others of any sample rate and number of channels are read, and the sound of videos. "
    "What is there is skipped; a run that was stopped goes on. The status is 1 if a recording failed.",
    epilog=examples(
        "genrebench preprocess --dataset dataset",
        "genrebench preprocess --dataset music --output music/coarse --n-mels 64 --hop-length 1024",
        "genrebench preprocess --dataset /shared/music --cluster tcp://host:8786",
        "genrebench preprocess --dataset s3://bucket/music --output s3://bucket/mel",
    ),
)
@click.option(
    "--dataset",
    type=PLACE,
    default=Path("dataset"),
    show_default=True,
    help="Folder of genre folders, or that holds it, or its URL, such as s3://bucket/music.",
)
@click.option("--output", type=PLACE, help="Tree to write.  [default: DATASET/genres_mel_npz]")
@click.option("--segments", default=MelConfig.segments, show_default=True, help="Segments that a track is split into.")
@click.option(
    "--track-duration", default=MelConfig.track_duration, show_default=True, help="Seconds used of each track."
)
@click.option("--sample-rate", default=MelConfig.sample_rate, show_default=True, help="Samples per second.")
@click.option("--n-fft", default=MelConfig.n_fft, show_default=True, help="Samples in an FFT window.")
@click.option("--hop-length", default=MelConfig.hop_length, show_default=True, help="Samples between two frames.")
@click.option("--n-mels", default=MelConfig.n_mels, show_default=True, help="Mel bands.")
@click.option("--jobs", type=COUNT, help="Processes.  [default: one per core]")
@cluster_option
@fetch_option
@click.option("--prune", is_flag=True, help="Remove the spectrograms of recordings that are gone.")
@click.option("--verify", is_flag=True, help="Read every recording to see whether it was replaced by another.")
def preprocess(
    dataset: Path,
    output: Path | None,
    jobs: int | None,
    cluster: str | None,
    prune: bool,
    verify: bool,
    **settings: Any,
) -> None:
    """Preprocess a dataset."""
    options: dict[str, Any] = {"jobs": jobs, "cluster": cluster, "prune": prune, "verify": verify}
    report = run_preprocessing(dataset, MelConfig(**settings), output=output, **options)
    if report.failures:
        raise click.exceptions.Exit(1)


def run_preprocessing(
    dataset: Path,
    config: MelConfig,
    *,
    output: Path | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    prune: bool = False,
    verify: bool = False,
) -> "PreprocessReport":
    """Preprocess a dataset, show the progress and report the outcome.

    Raises
    ------
    ConfigError
        If nothing could be processed.
    """
    from genrebench.audio.recordings import describe_recordings
    from genrebench.cli.progress import display
    from genrebench.data.preprocess import TrackResult
    from genrebench.data.preprocess import preprocess as run
    from genrebench.system.cluster.choice import executor_for
    from genrebench.system.files import escaped
    from genrebench.system.memory import keep_freed_memory

    keep_freed_memory()
    note_what_does_not_fit(config)
    with display("preprocessing", "tracks", rate=True) as bar:

        def on_track(done: int, total: int, result: TrackResult) -> None:
            """Move the bar."""
            bar.update(completed=done, total=total, status=escaped(result.recording.key))

        def on_found(place: Path, recordings: "list[Recording]") -> None:
            """Say what was taken."""
            bar.on_the_way(f"{escaped(place)}: {describe_recordings(recordings)}")

        executor = executor_for(jobs, cluster, bar.note)
        options: dict[str, Any] = {"output": output, "prune": prune, "verify": verify, "executor": executor}
        report = run(dataset, config, **options, on_found=on_found, on_track=on_track)
    _tell(report, config)
    if not report.written and not report.skipped:
        raise ConfigError("no recording could be processed; see the reasons above")
    return report


def _tell(report: "PreprocessReport", config: MelConfig) -> None:
    """Report the outcome: what there is now, remarks, and failures last."""
    from genrebench.cli.output import echo, echo_err, note
    from genrebench.system.files import escaped

    shape = " x ".join(map(str, config.shape))
    echo(
        f"{escaped(report.tree)}: {report.written} tracks written, {report.skipped} already there; "
        f"{report.segments} segments of {shape} in {len(report.genres)} genres"
    )
    for remark in report.notes:
        note(remark)
    if report.repaired:
        note(f"the spectrograms of {report.repaired} tracks were damaged or missing, and were made again")
    if report.orphans:
        note(
            f"{len(report.orphans)} tracks in the tree have no recording any more, such as {report.orphans[0]}; "
            "training leaves them out, and --prune removes them"
        )
    if report.pruned:
        note(f"{report.pruned} tracks without a recording were removed")
    for source, remarks in list(report.remarks.items())[:_FAILURES_SHOWN]:
        note(f"{source}: {'; '.join(remarks)}")
    if len(report.remarks) > _FAILURES_SHOWN:
        note(f"{len(report.remarks) - _FAILURES_SHOWN} more have remarks; {report.manifest} has them")
    for source, reason in list(report.failures.items())[:_FAILURES_SHOWN]:
        echo_err(f"Failed: {reason}" if escaped(source) in reason else f"Failed: {escaped(source)}: {reason}")
    if report.failures:
        where = f"; {escaped(report.manifest)} lists them" if report.manifest.exists() else ""
        echo_err(f"{len(report.failures)} recordings failed and were left out{where}")


def note_what_does_not_fit(config: MelConfig) -> None:
    """Say before anything is computed that the network of ``genrebench train`` cannot take such spectrograms."""
    from genrebench.cli.output import note
    from genrebench.network.genre_cnn import genre_cnn

    try:
        genre_cnn(config.shape, 2)
    except ConfigError as error:
        note(f"genrebench train's own network cannot take these spectrograms ({error}); it needs others")
