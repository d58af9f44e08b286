"""The spectrogram tree: layout, resume, refusal to mix, failures, and how other people read it."""

import errno
import functools
import gc
import json
import os
import pickle
import shutil
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from natsort import natsorted

from genrebench.audio.mel import MelConfig, segment_spectrograms
from genrebench.audio.recordings import Recording
from genrebench.audio.synthesis.render import synthesize
from genrebench.data import preprocess as preprocessing
from genrebench.data.dataset import load_dataset
from genrebench.data.manifest import manifest_path, read_manifest
from genrebench.data.preprocess import PreprocessReport, TrackResult, preprocess
from genrebench.data.tree import write_track
from genrebench.errors import ConfigError, DatasetError
from genrebench.system.arrays import read_npz
from genrebench.system.executor import NOTHING, LocalProcesses, Needs
from tests.conftest import GENRES, SMALL, write_originals


def tree_bytes(tree: Path) -> dict[str, bytes]:
    """Read every file of a tree."""
    return {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Write a dataset of three genres with two recordings each."""
    write_originals(tmp_path / "dataset", tracks=2)
    return tmp_path / "dataset"


def run(dataset: Path) -> PreprocessReport:
    """Preprocess in this process with the small settings."""
    return preprocess(dataset, SMALL, jobs=1)


def test_tree_has_exactly_the_specified_layout(small_dataset: Path) -> None:
    """Genre folders with <track>-<i>.npz and nothing else; one array under spectrogram, of one shape."""
    tree = small_dataset / "genres_mel_npz"
    names = {f"{genre}/{genre}.{track:05d}-{i}.npz" for genre in GENRES for track in range(4) for i in range(4)}
    assert {path.relative_to(tree).as_posix() for path in tree.rglob("*") if not path.is_dir()} == names
    for name in names:
        with np.load(tree / name) as file:
            assert file.files == ["spectrogram"]
            assert file["spectrogram"].shape == SMALL.shape
            assert file["spectrogram"].dtype == np.float32


def test_nothing_but_tree_and_manifest_is_left(small_dataset: Path) -> None:
    """No staging folder stays behind."""
    assert {path.name for path in small_dataset.iterdir()} == {
        "genres_original",
        "genres_mel_npz",
        "genres_mel_npz.manifest.json",
    }


def test_a_plain_loader_reads_the_tree(small_dataset: Path) -> None:
    """The loader that others use: natural order of folders, np.load, stack, random_split 0.8/0.15/0.05."""
    torch = pytest.importorskip("torch")
    root = small_dataset / "genres_mel_npz"
    genres = natsorted(folder.name for folder in root.iterdir())
    arrays, labels = [], []
    for label, genre in enumerate(genres):
        for path in (root / genre).iterdir():
            arrays.append(np.load(path)["spectrogram"])
            labels.append(label)
    data = torch.utils.data.TensorDataset(torch.tensor(np.stack(arrays)), torch.tensor(labels))
    parts = torch.utils.data.random_split(data, [0.8, 0.15, 0.05], generator=torch.Generator().manual_seed(0))
    assert sum(map(len, parts)) == 3 * 4 * 4
    assert data[0][0].shape == SMALL.shape
    assert genres == list(GENRES)


def test_processes_give_what_one_process_gives(dataset: Path, tmp_path: Path) -> None:
    """Two processes and this one write the same bytes."""
    preprocess(dataset, SMALL, output=tmp_path / "a", jobs=1)
    preprocess(dataset, SMALL, output=tmp_path / "b", jobs=2)
    assert tree_bytes(tmp_path / "a") == tree_bytes(tmp_path / "b")


@dataclass
class Backwards:
    """An executor of somebody's: the last item first, here."""

    prepared: int = 0

    def run(
        self,
        function: Callable[[Any], Any],
        items: Sequence[Any],
        *,
        prepare: Callable[[], object],
        lost: Callable[[Any], Any] | None = None,
        needs: Needs = NOTHING,
    ) -> Generator[Any, None, None]:
        """Run a function on every item, after pickling as on its way to other machines."""
        self.prepared += 1
        for item in reversed(items):
            yield pickle.loads(pickle.dumps(functools.partial(function, item)))()


def test_work_goes_through_the_executor(dataset: Path, tmp_path: Path) -> None:
    """Whoever runs it, wherever, in whatever order: the tree is the same."""
    executor = Backwards()
    done = []
    preprocess(dataset, SMALL, output=tmp_path / "a", executor=executor, on_track=lambda *each: done.append(each[2]))
    assert executor.prepared == 1
    assert [each.recording.key for each in done] == [
        f"{each}/{each}.0000{i}" for each in reversed(GENRES) for i in (1, 0)
    ]
    assert tree_bytes(tmp_path / "a") == tree_bytes(preprocess(dataset, SMALL, jobs=1).tree)


def test_a_process_of_ours_does_not_collect_its_imports_over_and_over() -> None:
    """What is there when work begins is passed over from then on; in this process nothing is changed."""
    assert min(LocalProcesses(2).run(frozen, [0, 1], prepare=preprocessing._prepare_process)) > 10_000
    assert list(LocalProcesses(1).run(frozen, [0], prepare=preprocessing._prepare_process)) == [0]


def frozen(_: int) -> int:
    """Count what the garbage collector passes over."""
    return gc.get_freeze_count()


def test_a_second_run_skips_what_is_there(dataset: Path) -> None:
    """Nothing is written twice; the numbers still tell of the whole tree."""
    first = run(dataset)
    before = {path: path.stat().st_mtime_ns for path in first.tree.rglob("*.npz")}
    second = run(dataset)
    assert (first.written, first.skipped, first.segments) == (6, 0, 24)
    assert (second.written, second.skipped, second.segments) == (0, 6, 24)
    assert before == {path: path.stat().st_mtime_ns for path in second.tree.rglob("*.npz")}


def test_a_changed_or_damaged_track_is_done_again(dataset: Path) -> None:
    """A recording that is shorter now loses its old segments; a removed segment comes back."""
    tree = run(dataset).tree
    metal = dataset / "genres_original" / "metal" / "metal.00000.wav"
    soundfile.write(metal, synthesize("metal", seed=9, duration=1.0, sample_rate=8000), 8000)
    (tree / "disco" / "disco.00001-2.npz").unlink()
    report = run(dataset)
    assert (report.written, report.skipped, report.segments) == (2, 4, 22)
    assert sorted(path.name for path in (tree / "metal").glob("metal.00000-*")) == [
        "metal.00000-0.npz",
        "metal.00000-1.npz",
    ]
    assert (tree / "disco" / "disco.00001-2.npz").exists()


def test_a_stopped_run_keeps_whole_files_and_goes_on(dataset: Path) -> None:
    """Ctrl-C after three tracks: their segments count, and the next run does the other three."""

    def stop(done: int, total: int, result: TrackResult) -> None:
        """Press Ctrl-C after the third track."""
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preprocess(dataset, SMALL, jobs=1, on_track=stop)
    assert not (dataset / ".genres_mel_npz.partial").exists()
    for path in (dataset / "genres_mel_npz").rglob("*.npz"):
        assert read_npz(path, "spectrogram").shape == SMALL.shape
    report = run(dataset)
    assert (report.written, report.skipped) == (3, 3)


def test_two_runs_do_not_write_one_tree(dataset: Path) -> None:
    """The second is refused while the first is at work, and goes on where the first stopped."""

    def intrude(done: int, total: int, result: TrackResult) -> None:
        """Start a second run in the middle of the first."""
        with pytest.raises(DatasetError, match="another genrebench preprocess writes it now"):
            run(dataset)

    report = preprocess(dataset, SMALL, jobs=1, on_track=intrude)
    assert report.written == 6
    assert run(dataset).skipped == 6


def test_unfinished_files_lie_in_the_staging_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill while a track is written leaves nothing in the folder that others read."""
    tree, staging = tmp_path / "tree", tmp_path / "staging"
    tree.mkdir()
    staging.mkdir()
    monkeypatch.setattr(Path, "replace", lambda self, target: None)  # as if killed just before
    recording = Recording("metal", "metal.00000", tmp_path / "metal.00000.wav", "metal/metal.00000.wav")
    write_track([np.zeros(SMALL.shape, np.float32)], tree, recording.key, staging)
    assert not list(tree.iterdir())
    assert len(list(staging.iterdir())) == 1


def test_settings_are_never_mixed(dataset: Path, tmp_path: Path) -> None:
    """Other settings for the same tree are refused, and say which differ; another tree takes them."""
    tree = run(dataset).tree
    before = tree_bytes(dataset)
    other = MelConfig(sample_rate=8000, n_fft=512, hop_length=128, n_mels=32, segments=4, track_duration=2.0)
    with pytest.raises(DatasetError, match=r"found hop_length 256 instead of 128.*--output"):
        preprocess(dataset, other, jobs=1)
    assert tree_bytes(dataset) == before
    assert preprocess(dataset, other, output=tmp_path / "other", jobs=1).written == 6
    manifest_path(tree).unlink()
    with pytest.raises(DatasetError, match="holds other things, and no manifest beside it"):
        run(dataset)


def test_recordings_that_fail_are_reported_and_do_not_end_the_run(dataset: Path) -> None:
    """A damaged, an empty and a short file have reasons; hidden and other files are no recordings."""
    folder = dataset / "genres_original" / "metal"
    (folder / "metal.00002.wav").write_bytes(b"RIFF but not really")
    (folder / "metal.00003.wav").touch()
    soundfile.write(folder / "metal.00004.wav", np.ones(100, np.float32) / 2, 8000)
    (folder / "._metal.00000.wav").write_bytes(b"macOS")
    (folder / "notes.txt").write_text("no music")
    shutil.copy(folder / "metal.00000.wav", folder / "metal.00000.flac")
    report = run(dataset)
    assert (report.written, report.segments) == (6, 24)
    assert report.failures.keys() == {f"metal/metal.0000{i}.wav" for i in (2, 3, 4)} | {"metal/metal.00000.wav"}
    assert "cannot be decoded" in report.failures["metal/metal.00002.wav"]
    assert "empty file" in report.failures["metal/metal.00003.wav"]
    assert "at least" in report.failures["metal/metal.00004.wav"]
    assert "same track name" in report.failures["metal/metal.00000.wav"]
    manifest = read_manifest(report.tree)
    assert manifest is not None
    assert manifest.failures == report.failures
    assert len(list(report.tree.rglob("*.npz"))) == 24


def test_a_recording_that_goes_bad_loses_its_segments(dataset: Path) -> None:
    """A tree never holds segments of a file that cannot be decoded any more; a removed file's are named."""
    tree = run(dataset).tree
    (dataset / "genres_original" / "disco" / "disco.00000.wav").write_bytes(b"damaged")
    (dataset / "genres_original" / "disco" / "disco.00001.wav").unlink()
    report = run(dataset)
    assert {path.name for path in (tree / "disco").iterdir()} == {f"disco.00001-{i}.npz" for i in range(4)}
    assert report.orphans == ("disco/disco.00001",)


def test_a_genre_without_any_segment_leaves_no_folder(dataset: Path) -> None:
    """An empty folder would be a class of its own to other people's loaders."""
    for path in (dataset / "genres_original" / "disco").iterdir():
        path.write_bytes(b"damaged")
    report = run(dataset)
    assert {path.name for path in report.tree.iterdir()} == {"classical", "metal"}
    assert report.genres == ("classical", "metal")


def test_names_of_any_length_and_bytes_work(dataset: Path) -> None:
    """One that is not UTF-8, and one that leaves no room for a segment's number, whose track is shortened."""
    folder = dataset / "genres_original" / "metal"
    for name in (b"bad\xff.wav", b"L" * 251 + b".wav", b"L" * 250 + b"l.wav"):
        shutil.copy(folder / "metal.00000.wav", folder / os.fsdecode(name))
    report = run(dataset)
    assert (report.written, report.failures) == (9, {})
    assert run(dataset).skipped == 9
    assert len(load_dataset(dataset).tracks) == 36


def test_the_tree_keeps_apart_from_the_recordings(dataset: Path) -> None:
    """Never is one told to remove what holds the recordings."""
    for output in (dataset, dataset / "genres_original", dataset / "genres_original" / "metal" / "mel", dataset.parent):
        with pytest.raises(DatasetError, match="expected a folder apart from the recordings"):
            preprocess(dataset, SMALL, output=output, jobs=1)
    (dataset / "file").touch()
    with pytest.raises(DatasetError, match="received a file; choose another --output"):
        preprocess(dataset, SMALL, output=dataset / "file", jobs=1)


def test_names_of_any_script_work(dataset: Path) -> None:
    """Leading dashes, spaces, newlines, dots and other scripts in genre and track names."""
    folder = dataset / "genres_original" / "-Кри к"
    folder.mkdir()
    source = dataset / "genres_original" / "metal" / "metal.00000.wav"
    for name in ("-rf.wav", "a\nb.wav", "..wav.wav", "曲-3.wav"):
        shutil.copy(source, folder / name)
    report = run(dataset)
    assert report.failures == {}
    assert "曲-3-2.npz" in {path.name for path in (report.tree / folder.name).iterdir()}
    assert report.segments == 24 + 4 * 3


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda root: None, "expected a folder of genre folders, found none; put"),
        (lambda root: root.parent.rmdir(), "dataset: expected a folder of genre folders, found no such folder"),
        (lambda root: root.mkdir(), "expected genre folders"),
        (lambda root: (root / "blues").mkdir(parents=True), "expected recordings"),
        (lambda root: (root.parent.mkdir(exist_ok=True), root.touch()), "expected a folder of genre folders"),
    ],
)
def test_a_dataset_without_recordings_is_refused(tmp_path: Path, prepare, message: str) -> None:  # type: ignore[no-untyped-def]
    """Missing, empty, without files, or a file: one line, and nothing is written."""
    (tmp_path / "dataset").mkdir()
    prepare(tmp_path / "dataset" / "genres_original")
    with pytest.raises(DatasetError, match=message):
        run(tmp_path / "dataset")
    assert not (tmp_path / "dataset" / "genres_mel_npz").exists()


def test_settings_that_leave_a_band_empty_end_the_run(dataset: Path) -> None:
    """That is no recording's fault, so it is not reported a thousand times."""
    config = MelConfig(sample_rate=8000, n_fft=128, n_mels=128, hop_length=64, segments=4, track_duration=2.0)
    with pytest.raises(ConfigError, match="n_mels"):
        preprocess(dataset, config, jobs=2)
    assert {path.name for path in dataset.iterdir()} == {"genres_original"}


def test_a_recording_replaced_while_it_is_read_is_read_again(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest never pairs a new file with an old spectrogram; one that never rests fails alone."""
    path = dataset / "genres_original" / "disco" / "disco.00000.wav"
    other = (dataset / "genres_original" / "metal" / "metal.00001.wav").read_bytes()
    whole = segment_spectrograms
    times = 1

    def replacing(recording: Path, *arguments: Any, **options: Any) -> Any:
        """Replace the recording behind the reader's back, a given number of times."""
        nonlocal times
        yield from whole(recording, *arguments, **options)
        if recording == path and times:
            times -= 1
            path.write_bytes(other)
            os.utime(path, ns=(1, times))

    monkeypatch.setattr(preprocessing, "segment_spectrograms", replacing)
    tree = run(dataset).tree
    expected = read_npz(tree / "metal" / "metal.00001-2.npz", "spectrogram")
    np.testing.assert_array_equal(read_npz(tree / "disco" / "disco.00000-2.npz", "spectrogram"), expected)
    assert run(dataset).skipped == 6
    times = 99
    path.write_bytes((dataset / "genres_original" / "metal" / "metal.00000.wav").read_bytes())
    report = run(dataset)
    assert list(report.failures) == ["disco/disco.00000.wav"]
    assert "changes while it is read" in report.failures["disco/disco.00000.wav"]


def test_damaged_segment_files_are_made_again(dataset: Path) -> None:
    """Cut, changed in one bit with size and time kept, or removed: said with a number, and as they were."""
    tree = run(dataset).tree
    paths = [
        tree / "metal" / "metal.00000-0.npz",
        tree / "disco" / "disco.00001-3.npz",
        tree / "disco" / "disco.00000-1.npz",
    ]
    contents = [path.read_bytes() for path in paths]
    paths[0].write_bytes(contents[0][:100])
    status = paths[1].stat()
    paths[1].write_bytes(contents[1][:500] + bytes([contents[1][500] ^ 1]) + contents[1][501:])
    os.utime(paths[1], ns=(status.st_atime_ns, status.st_mtime_ns))
    paths[2].unlink()
    report = run(dataset)
    assert (report.repaired, report.written, report.skipped) == (3, 3, 3)
    assert [path.read_bytes() for path in paths] == contents


def test_a_recording_of_the_same_size_and_time_is_doubted_before_training(dataset: Path) -> None:
    """Until the next run has compared what is in it; a copy of the whole dataset is nothing to speak of."""
    run(dataset)
    shutil.copytree(dataset, dataset.with_name("copy"))
    assert load_dataset(dataset.with_name("copy")).notes == ()
    path = dataset / "genres_original" / "metal" / "metal.00000.wav"
    status = path.stat()
    path.write_bytes(path.read_bytes()[:-2] + b"ab")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    (note,) = load_dataset(dataset).notes
    assert note.startswith("since preprocessing, of the recordings 1 have perhaps been replaced, by others of the same")
    assert run(dataset).written == 1
    assert load_dataset(dataset).notes == ()


def test_tracks_without_a_recording_do_not_train(dataset: Path) -> None:
    """Moved, removed, a genre renamed: said with numbers, left out of the dataset, and removed where that is asked."""
    originals = dataset / "genres_original"
    tree = run(dataset).tree
    (originals / "metal").rename(originals / "heavy metal")
    (originals / "disco" / "disco.00000.wav").rename(originals / "classical" / "disco.00000.wav")
    (note,) = load_dataset(dataset).notes
    assert note.startswith("since preprocessing, of the recordings 3 have gone; run")
    report = run(dataset)
    assert report.orphans == ("disco/disco.00000", "metal/metal.00000", "metal/metal.00001")
    data = load_dataset(dataset)
    assert data.genres == ("classical", "disco", "heavy metal")
    assert len(data.labels) == 24
    (note,) = data.notes
    assert note.startswith("3 tracks are left out, since their recordings are gone, such as disco/disco.00000; ")
    (originals / "metal").mkdir()
    (originals / "heavy metal" / "metal.00001.wav").rename(originals / "metal" / "metal.00001.wav")
    assert run(dataset).skipped == 6  # it is back, and its spectrograms were kept
    report = preprocess(dataset, SMALL, jobs=1, prune=True)
    assert (report.pruned, report.orphans) == (3, ())
    assert len(list(tree.rglob("*.npz"))) == 24
    assert load_dataset(dataset).notes == ()


def test_an_interrupted_run_is_known_to_be_one(dataset: Path) -> None:
    """The manifest knows, and so does whoever loads the tree, until a run comes to its end."""

    def interrupt(done: int, total: int, result: TrackResult) -> None:
        """Press Ctrl-C after four tracks."""
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preprocess(dataset, SMALL, jobs=1, on_track=interrupt)
    (note,) = load_dataset(dataset).notes
    assert note.startswith("preprocessing did not come to its end: 4 of 6 recordings in 2 genres are there; run")
    run(dataset)
    assert load_dataset(dataset).notes == ()


def test_a_tree_without_its_manifest_is_said_to_be_one(dataset: Path) -> None:
    """Before anything is trained on it that could not take recordings afterwards."""
    tree = run(dataset).tree
    manifest_path(tree).unlink()
    (note,) = load_dataset(dataset).notes
    assert "genres_mel_npz.manifest.json is missing, so that the model will not be able to take recordings" in note


def test_tracks_of_an_earlier_version_are_made_again(dataset: Path) -> None:
    """It heard compressed recordings otherwise, and kept silent segments."""
    tree = run(dataset).tree
    document = json.loads(manifest_path(tree).read_text())
    for track in document["tracks"].values():
        for key in ("decoding", "digest", "notes"):
            del track[key]
    manifest_path(tree).write_text(json.dumps(document))
    assert load_dataset(dataset).notes == (
        "6 of 6 tracks were decoded by an earlier version; run genrebench preprocess again",
    )
    assert run(dataset).written == 6


def test_recordings_that_go_away_do_not_end_the_run(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between listing and reading, or while one is read."""
    whole = segment_spectrograms
    gone = dataset / "genres_original" / "disco" / "disco.00000.wav"

    def removing(recording: Path, *arguments: Any, **options: Any) -> Any:
        """Remove one recording while the first one is read."""
        gone.unlink(missing_ok=True)
        yield from whole(recording, *arguments, **options)

    monkeypatch.setattr(preprocessing, "segment_spectrograms", removing)
    report = run(dataset)
    assert report.written == 5
    assert "No such file" in report.failures["disco/disco.00000.wav"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_cannot_be_written_ends_the_run_in_a_line(
    dataset: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the file and --output; what is done is kept, and the next run goes on."""
    whole, left = Path.write_bytes, 6

    def failing(path: Path, content: bytes) -> int:
        """Write some files, then none."""
        nonlocal left
        left -= path.suffix == ".part" and "json" not in path.name
        if left < 0:
            raise OSError(number, os.strerror(number), str(path))
        return whole(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", failing)
        with pytest.raises(DatasetError, match=rf"-2\.part: cannot be written \({os.strerror(number)}\).*--output"):
            run(dataset)
    assert run(dataset).written >= 5


def test_plain_genre_folders_are_a_dataset(tmp_path: Path, dataset: Path) -> None:
    """Their spectrograms lie beside them, and are no genre of theirs; the folder of originals itself will do, too."""
    plain = tmp_path / "music"
    shutil.copytree(dataset / "genres_original", plain)
    assert run(plain).tree == plain / "genres_mel_npz"
    assert run(plain).skipped == 6
    assert load_dataset(plain).genres == GENRES
    assert run(dataset / "genres_original").tree == dataset / "genres_mel_npz"
    assert load_dataset(dataset / "genres_original").notes == ()


def test_silence_does_not_train(dataset: Path) -> None:
    """A silent beginning is passed over, however long; what is heard of a damaged recording is noted."""
    path = dataset / "genres_original" / "disco" / "disco.00000.wav"
    sound, rate = soundfile.read(path)
    soundfile.write(path, np.concatenate([np.zeros(3 * rate), sound]), rate)
    cut = dataset / "genres_original" / "disco" / "disco.00001.wav"
    cut.write_bytes(cut.read_bytes()[:18_000])
    report = run(dataset)
    assert report.segments == 5 * 4 + 2
    assert (load_dataset(dataset).spectrograms.max(axis=(1, 2)) == 0).all()
    assert report.remarks == {"disco/disco.00001.wav": ("ends at 1.1 s, though it says 2.0 s",)}
