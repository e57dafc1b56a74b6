"""The operator's command line: `nemotron-operator run` watches a cluster."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from nemotron_operator import __version__
from nemotron_operator.errors import OperatorError

EXIT_USAGE = 2
"""Exit code of a mistake in configuration or arguments: trying again cannot help."""

EXIT_LEADERSHIP_LOST = 1
"""Exit code after the Lease was lost: the process is started again and stands by."""

app = typer.Typer(
    name="nemotron-operator",
    help="Serve NVIDIA Nemotron models with vLLM on Kubernetes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Keep `run` a subcommand."""


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def run(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    kubeconfig: Annotated[
        Path | None, typer.Option(envvar="KUBECONFIG", help="Kubeconfig file. In a pod: its service account.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    config: Annotated[
        Path | None, typer.Option(envvar="NEMOTRON_OPERATOR_CONFIG", help="The operator's configuration, a YAML file.")
    ] = None,
    namespace: Annotated[list[str] | None, typer.Option(help="Namespace to serve; repeatable. Default: all.")] = None,
    http_host: Annotated[str, typer.Option(help="Address of /healthz, /readyz and /metrics.")] = "0.0.0.0",  # noqa: S104 - probes come from the node
    http_port: Annotated[int, typer.Option(help="Port of /healthz, /readyz and /metrics; 0 takes a free one.")] = 8080,
    lease_namespace: Annotated[
        str | None, typer.Option(help="Elect a leader with a Lease in this namespace. Default: the only replica.")
    ] = None,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Watch NemotronDeployments and serve what they ask for, until told to stop."""
    from nemotron_operator.config import load_config
    from nemotron_operator.handlers.process import ProcessOptions, run_operator
    from nemotron_operator.runtime.election import LeadershipLostError

    _configure_logging(log_level)
    options = ProcessOptions(
        kubeconfig=kubeconfig,
        context=context,
        namespaces=tuple(namespace or ()),
        http_host=http_host,
        http_port=http_port,
        lease_namespace=lease_namespace,
    )
    try:
        asyncio.run(run_operator(load_config(config), options))
    except OperatorError as error:
        typer.echo(f"nemotron-operator: {error}", err=True)
        raise typer.Exit(EXIT_USAGE) from error
    except LeadershipLostError as error:
        typer.echo(f"nemotron-operator: {error}", err=True)
        raise typer.Exit(EXIT_LEADERSHIP_LOST) from error


def _configure_logging(level: str) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    # Kopf logs each event that it hands over, and each step of its own start.
    for name in ("kopf", "kopf.objects", "kopf.activities"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
