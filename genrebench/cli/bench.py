"""``genrebench bench``: how fast it is, beside plain ways of doing the same."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genrebench.cli.options import COUNT, PATH, check_output, examples

if TYPE_CHECKING:
    from genrebench.bench.results import BenchReport

_SUITES = ("training", "preprocess", "inference", "startup")
_PIPE_WIDTH = 160


@click.command(
    short_help="Measure how fast it is, beside plain ways of doing the same.",
    help="Measure training, preprocessing, inference and start-up beside plain ways of doing the same, and beside what "
    "the machine allows.\n\n"
    "Every contender runs in processes of its own, in turns, so that whatever else the machine does befalls all "
    "alike. Quote ratios, not seconds. The status is 1 if something could not be measured; a bar that is missed leaves "
    "it 0. bench.json, bench.md, bench.png and cost.png are written into --output.",
    epilog=examples(
        "genrebench bench",
        "genrebench bench training --backend torch --backend mine",
        "genrebench bench preprocess --dataset dataset --rounds 5",
        "genrebench bench training --device cuda --output results/bench-cuda",
    ),
)
@click.argument("suite", type=click.Choice([*_SUITES, "all"]), default="all")
@click.option(
    "--backend",
    "backends",
    multiple=True,
    help="Whose training is timed; repeat for several.  [default: all that train]",
)
@click.option(
    "--dataset", type=PATH, help="Folder with genres_original/ to take recordings from.  [default: synthetic ones]"
)
@click.option("--device", default="cpu", show_default=True, help="Where training is timed; bars are about the CPU.")
@click.option("--rounds", type=COUNT, default=3, show_default=True, help="How often each contender runs.")
@click.option("--output", type=PATH, default=Path("results/bench"), show_default=True, help="Folder of the report.")
def bench(
    suite: str, *, backends: tuple[str, ...], dataset: Path | None, device: str, rounds: int, output: Path
) -> None:
    """Run benchmarks.

    Parameters
    ----------
    backends : tuple of str
        Backends whose training is timed.
    dataset : Path, optional
        Where recordings are taken from.
    rounds : int
        How often each contender runs.
    """
    from rich.console import Console

    from genrebench.bench.rendering import show_suite
    from genrebench.bench.run import run_bench
    from genrebench.cli.output import echo_err

    check_output(output)
    words = ["genrebench", "bench", suite, *(word for name in backends for word in ("--backend", name))]
    words += ["--dataset", dataset.name or "."] if dataset else []
    words += ["--device", device] if device != "cpu" else []
    words += ["--rounds", str(rounds)] if rounds != 3 else []
    console = Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH)
    with console.status("starting") as status:
        for report in run_bench(
            _SUITES if suite == "all" else (suite,),
            backends=backends,
            dataset=dataset,
            rounds=rounds,
            device=device,
            command=shlex.join(words),
            on_run=status.update,
        ):
            show_suite(*list(report.suites.items())[-1], console)
            names = _write(output, report)
    console.print(f"\n{sum(bar.holds for bar in report.bars)} of {len(report.bars)} bars hold; {report.seconds:.0f} s")
    echo_err(f"{output}: {', '.join(names)}")
    if any(found.failed for found in report.suites.values()):
        raise click.exceptions.Exit(1)


def _write(folder: Path, report: "BenchReport") -> list[str]:
    """Write all files of a report, and remove those of an earlier one that this one does not have."""
    from genrebench.bench.rendering import bars_picture, cost_picture, markdown
    from genrebench.bench.results import save_bench
    from genrebench.system.files import write_atomically

    files = {
        "bench.md": markdown(report).encode(),
        "bench.png": bars_picture(report) if report.bars else None,
        "cost.png": cost_picture(report),
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_bench(folder / "bench.json", report)
    for name, content in files.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)
        else:
            write_atomically(folder / name, content)
    return ["bench.json", *(name for name, content in files.items() if content is not None)]
