"""The command line `nemoctl`, also `kubectl nemo`: plan and render offline, see the catalogue and the cluster.

Everything heavy is imported by the command that needs it.
"""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from nemotron_operator import __version__
from nemotron_operator.cli.messages import PROGRAM
from nemotron_operator.cli.output import ManifestFormat, OutputFormat
from nemotron_operator.cli.program import EXIT_UNREADABLE, Program

PLUGIN_PREFIX = "kubectl-"
"""How the program's file is called when kubectl runs it."""

app = typer.Typer(
    name=PROGRAM,
    cls=Program,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Plan, render and watch NemotronDeployments: NVIDIA Nemotron models, served by vLLM on Kubernetes.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE", help="YAML or JSON files with NemotronDeployments; - reads a pipe.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "--operator-config",
        envvar="NEMOTRON_OPERATOR_CONFIG",
        help="The operator's configuration, a YAML file. Default: the shipped one.",
    ),
]
FileNamespaceOption = Annotated[
    str, typer.Option("--namespace", "-n", help="Namespace of the deployments that name none.")
]

OutputOption = Annotated[
    OutputFormat,
    typer.Option("--output", "-o", help="A page to read, a line for each, or one document for programs."),
]


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(EXIT_UNREADABLE)


@app.command(short_help="Tell whether deployments fit.")
def plan(
    files: Files,
    config: ConfigOption = None,
    namespace: FileNamespaceOption = "default",
    output: OutputOption = OutputFormat.TABLE,
) -> None:
    """Tell whether deployments fit, on how many GPUs, with how much context. No cluster is asked.

    Exit code: 0 all fit; 1 one does not fit or is invalid; 2 a file or the configuration cannot be read.

    With -o json one deployment is an object, several are a list.
    """
    from nemotron_operator.cli.plan import plan_files

    raise typer.Exit(plan_files(files, config, namespace, output))


@app.command(short_help="Show the objects that would be applied.")
def render(
    files: Files,
    config: ConfigOption = None,
    namespace: FileNamespaceOption = "default",
    commit: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT",
            help="Commit (40 hexadecimal digits) that the download is assumed to have fetched. Default: the "
            "revision, if it is a commit; else the objects before the download, without the Deployment.",
        ),
    ] = None,
    output: Annotated[
        ManifestFormat, typer.Option("--output", "-o", help="A document for each object, or one List.")
    ] = ManifestFormat.YAML,
) -> None:
    """Show the objects that the operator would apply, for review. No cluster is asked.

    The objects belong to the deployment by its uid, which only the API server knows: where the file has none, zeros
    stand for it. Let the operator apply the objects: the garbage collector deletes what names an owner of zeros. The
    volume is shown as it is made, without the record that a finished download leaves on it.

    Exit code: 0 all rendered; 1 one does not fit or is invalid; 2 a file or the configuration cannot be read.
    """
    from nemotron_operator.cli.render import RenderOptions, render_files

    raise typer.Exit(render_files(files, RenderOptions(config, namespace, commit), output))


@app.command(short_help="List the catalogue.")
def models(
    config: ConfigOption = None,
    output: OutputOption = OutputFormat.TABLE,
) -> None:
    """List the catalogue: size, context, licence, and the fewest GPUs on each accelerator."""
    from nemotron_operator.cli.models import list_models

    list_models(config, output)


@app.command(short_help="Show what the cluster says of deployments.")
def status(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One deployment. Default: all.")] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Namespace. Default: that of the kubeconfig's context.")
    ] = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Look into every namespace.")] = False,  # noqa: FBT002 - a flag
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Kubeconfig file. Default: $KUBECONFIG, else ~/.kube/config.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig. Default: its current one.")] = None,
    output: OutputOption = OutputFormat.TABLE,
) -> None:
    """Show what the cluster says of one deployment, or of all: conditions, plan, cache, endpoint."""
    from nemotron_operator.cli.status import StatusQuery, show_status

    if all_namespaces and (name is not None or namespace is not None):
        raise typer.BadParameter("it goes with neither NAME nor --namespace", param_hint="'--all-namespaces'")
    show_status(StatusQuery(name, namespace, all_namespaces, kubeconfig, context), output)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"{PROGRAM} {__version__}")


def main() -> None:
    """Run the command line."""
    is_plugin = Path(sys.argv[0]).name.startswith(PLUGIN_PREFIX)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal of another encoding gets question marks
    app(prog_name="kubectl nemo" if is_plugin else PROGRAM)
