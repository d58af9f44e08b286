"""Which format a packed copy of spectrograms has: random segments and whole passes from each, from cache and from disk.

    pip install zarr pyarrow
    python experiments/packed_formats.py --folder /tmp/formats --segments 8000

Segments are as preprocessing makes them, 128 x 130 in float32. Training asks for 64 of them at random, for whole passes
in order, and for nothing else.
"""

import os
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

SHAPE = (128, 130)
# Segments in a shard, and in a row group of Parquet.
SHARD, GROUP = 2000, 16
BATCH, BATCHES = 64, 60

Take = Callable[[NDArray[np.int64]], NDArray[np.float32]]


def npy_shards(folder: Path, data: NDArray[np.float32]) -> Callable[[], Take]:
    """Write shards of plain ``.npy``, which are memory-mapped."""
    for start in range(0, len(data), SHARD):
        np.save(folder / f"{start}.npy", data[start : start + SHARD])

    def opened() -> Take:
        """Map the shards."""
        shards = [np.load(folder / f"{start}.npy", mmap_mode="r") for start in range(0, len(data), SHARD)]
        return lambda rows: np.stack([shards[row // SHARD][row % SHARD] for row in rows.tolist()])

    return opened


def zarr_array(folder: Path, data: NDArray[np.float32], **options: object) -> Callable[[], Take]:
    """Write a Zarr array with a chunk for each segment, in shards of a file each."""
    import zarr

    shape = {"shape": data.shape, "chunks": (1, *SHAPE), "shards": (SHARD, *SHAPE), "dtype": data.dtype}
    array = zarr.create_array(str(folder / "array"), **shape, **options)
    array[:] = data

    def opened() -> Take:
        """Open the array."""
        found = zarr.open_array(str(folder / "array"), mode="r")
        return lambda rows: np.asarray(found.oindex[np.sort(rows)])

    return opened


def arrow_file(folder: Path, data: NDArray[np.float32]) -> Callable[[], Take]:
    """Write an Arrow file without compression, which is memory-mapped."""
    import pyarrow as pa

    size = int(np.prod(SHAPE))
    schema = pa.schema([("spectrogram", pa.list_(pa.float32(), size))])
    with pa.OSFile(str(folder / "data.arrow"), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for start in range(0, len(data), SHARD):
            values = pa.array(data[start : start + SHARD].reshape(-1))
            lists = pa.FixedSizeListArray.from_arrays(values, size)
            writer.write_batch(pa.record_batch([lists], schema=schema))

    def opened() -> Take:
        """Map the file; each batch of records becomes an array without a copy."""
        reader = pa.ipc.open_file(pa.memory_map(str(folder / "data.arrow")))
        columns = [reader.get_batch(number).column(0) for number in range(reader.num_record_batches)]
        shards = [each.flatten().to_numpy().reshape(-1, *SHAPE) for each in columns]
        return lambda rows: np.stack([shards[row // SHARD][row % SHARD] for row in rows.tolist()])

    return opened


def parquet_file(folder: Path, data: NDArray[np.float32], compression: str) -> Callable[[], Take]:
    """Write a Parquet file, of which whole row groups are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = int(np.prod(SHAPE))
    lists = pa.FixedSizeListArray.from_arrays(pa.array(data.reshape(-1)), size)
    table = pa.table({"spectrogram": lists})
    pq.write_table(table, folder / "data.parquet", row_group_size=GROUP, compression=compression, use_dictionary=False)

    def opened() -> Take:
        """Open the file."""
        file = pq.ParquetFile(folder / "data.parquet", memory_map=True)

        def take(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            """Read the row groups that hold the rows."""
            groups = np.unique(rows // GROUP)
            column = file.read_row_groups(groups.tolist()).column(0).combine_chunks()
            values = column.flatten().to_numpy().reshape(-1, *SHAPE)
            return np.asarray(values[np.searchsorted(groups, rows // GROUP) * GROUP + rows % GROUP])

        return take

    return opened


CANDIDATES: dict[str, Callable[[Path, NDArray[np.float32]], Callable[[], Take]]] = {
    ".npy shards": npy_shards,
    "Arrow file": arrow_file,
    "Zarr, no compression": lambda folder, data: zarr_array(folder, data, compressors=None),
    "Zarr, zstd": zarr_array,
    "Parquet, no compression": lambda folder, data: parquet_file(folder, data, "none"),
    "Parquet, zstd": lambda folder, data: parquet_file(folder, data, "zstd"),
}


def forget(folder: Path) -> None:
    """Have the system drop what it keeps of the files."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def milliseconds(take: Take, batches: NDArray[np.int64]) -> float:
    """Time batches; the median of them."""
    found = []
    for rows in batches:
        start = time.perf_counter()
        take(rows)
        found.append(time.perf_counter() - start)
    return 1000 * statistics.median(found)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--segments", default=8000, show_default=True)
def main(folder: Path, segments: int) -> None:
    """Write, read and time each format, and print a table."""
    rng = np.random.default_rng(0)
    data = rng.normal(-40, 15, (segments, *SHAPE)).astype(np.float32)
    batches, cold = (rng.permuted(np.tile(np.arange(segments), (BATCHES, 1)), axis=1)[:, :BATCH] for _ in range(2))
    gigabytes = data.nbytes / 1e9
    print("| format | GB | write, s/GB | batch from cache, ms | batch from disk, ms | pass in order, s/GB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, make in CANDIDATES.items():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        start = time.perf_counter()
        opened = make(folder, data)
        written = (time.perf_counter() - start) / gigabytes
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9
        forget(folder)
        from_disk = milliseconds(opened(), cold[:20])
        take = opened()
        start = time.perf_counter()
        for first in range(0, segments - BATCH + 1, BATCH):
            found = take(np.arange(first, first + BATCH))
            assert found[-1, 0, 0] == data[first + BATCH - 1, 0, 0]
        in_order = (time.perf_counter() - start) / gigabytes
        from_cache = milliseconds(take, batches)
        figures = (f"{size:.2f}", *(f"{each:.1f}" for each in (written, from_cache, from_disk, in_order)))
        print(f"| {name} | {' | '.join(figures)} |", flush=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
