"""``genrebench bench``: how fast it is, beside plain ways of doing the same."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrebench.bench.request import SUITES, BenchRequest
from genrebench.cli.completion import complete_backends, complete_devices
from genrebench.cli.options import COUNT, PATH, RUN, Word, check_output, examples, typed_command

if TYPE_CHECKING:
    from genrebench.bench.results import BenchReport

# Not results/bench, which holds this repository's recorded run.
_OUTPUT = Path("bench-report")


@click.command(
    help="Measure training, preprocessing, inference, start-up and scaling beside plain ways of doing the same, and "
    "beside what the machine allows.\n\n"
    "Every candidate runs in processes of its own, in turns, so that whatever else the machine does affects all "
    "equally. Quote ratios, not seconds. The status is 1 if something could not be measured; a target that is missed "
    "leaves it 0. bench.json, bench.md, bench.png and cost.png are written into --output.",
    epilog=examples(
        "genrebench bench",
        "genrebench bench training --backend torch --backend mine",
        "genrebench bench training --architecture mine.json",
        "genrebench bench preprocess --dataset dataset --rounds 5",
        "genrebench bench inference --model results/gtzan",
        "genrebench bench training --device cuda --output results/bench-cuda",
        "genrebench bench scale --output results/scale",
    ),
)
@click.argument("suite", type=click.Choice([*SUITES, "all"]), default="all")
@click.option(
    "--backend",
    "backends",
    multiple=True,
    shell_complete=complete_backends,
    help="Whose training is timed; repeat for several.  [default: all that train]",
)
@click.option(
    "--dataset", type=PATH, help="Folder with genres_original/ to take recordings from.  [default: synthetic ones]"
)
@click.option(
    "--architecture",
    type=PATH,
    help="Network in JSON, or a model.json, whose training is timed; targets are about the default.  "
    "[default: the genre network]",
)
@click.option(
    "--model",
    type=RUN,
    help="Folder of a model, or its name in results/, or builtin, whose inference is timed, beside no plain loop.  "
    "[default: one with initial weights]",
)
@click.option(
    "--device",
    type=Word(),
    default=BenchRequest.device,
    show_default=True,
    shell_complete=complete_devices,
    help="Where training is timed; targets are about the CPU.",
)
@click.option(
    "--rounds", type=COUNT, default=BenchRequest.rounds, show_default=True, help="How often each candidate runs."
)
@click.option("--output", type=PATH, default=_OUTPUT, show_default=True, help="Folder of the report.")
@click.pass_context
def bench(context: click.Context, /, *, suite: str, output: Path, **options: Any) -> None:
    """Run benchmarks."""
    from rich.console import Console

    from genrebench.bench.rendering import suite_document
    from genrebench.bench.run import run_bench
    from genrebench.cli.output import echo_err
    from genrebench.report.terminal import show

    check_output(output)
    if options["model"] is not None:
        _check_model(suite, options["model"])
    request = BenchRequest(suites=SUITES if suite == "all" else (suite,), **options)  # type: ignore[arg-type]
    command = typed_command(context, without={"output"})
    console = Console()
    with console.status("starting") as status:
        for report in run_bench(request, command=command, on_run=status.update):
            show(suite_document(*list(report.suites.items())[-1]), console)
            names = _write(output, report)
    met = sum(target.met for target in report.targets)
    console.print(f"\n{met} of {len(report.targets)} targets met; {report.seconds:.0f} s")
    echo_err(f"{output}: {', '.join(names)}")
    if any(found.failed for found in report.suites.values()):
        raise click.exceptions.Exit(1)


def _check_model(suite: str, path: Path) -> None:
    """Refuse a model that is none, or that no suite asks, before anything is timed."""
    from genrebench.errors import ConfigError
    from genrebench.model.model import Model

    if suite not in ("inference", "scale", "all"):
        raise ConfigError(f"--model: expected the suite inference, scale or all, which classify, received {suite}")
    Model.load(path)


def _write(folder: Path, report: "BenchReport") -> list[str]:
    """Write all files of a report, and remove those of an earlier one that this one does not have."""
    from genrebench.bench.rendering import bench_document, cost_picture, targets_picture
    from genrebench.bench.results import save_bench
    from genrebench.report.markdown import markdown
    from genrebench.system.files import write_atomically

    files = {
        "bench.md": markdown(bench_document(report)).encode(),
        "bench.png": targets_picture(report) if report.targets else None,
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
