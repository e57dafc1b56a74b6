"""The operator's command line: `nemotron-operator run` watches a cluster."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from nemotron_operator import __version__
from nemotron_operator.constants import LEASE_NAME
from nemotron_operator.errors import OperatorError
from nemotron_operator.runtime.logs import LogFormat, LogLevel, configure_logs

EXIT_USAGE = 2
"""Exit code of a mistake in configuration or arguments: trying again cannot help."""

EXIT_LEADERSHIP_LOST = 1
"""Exit code after the Lease was lost: the process is started again and stands by."""

_log = logging.getLogger("nemotron_operator")

app = typer.Typer(
    name="nemotron-operator",
    help="Serve NVIDIA Nemotron models with vLLM on Kubernetes.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
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
    lease_name: Annotated[
        str, typer.Option(help="Name of the Lease: the same for those that serve the same namespaces.")
    ] = LEASE_NAME,
    log_level: Annotated[LogLevel, typer.Option(case_sensitive=False, help="What is told.")] = LogLevel.INFO,
    log_format: Annotated[
        LogFormat,
        typer.Option(envvar="NEMOTRON_OPERATOR_LOG_FORMAT", help="Lines for a person, or one JSON object a line."),
    ] = LogFormat.TEXT,
) -> None:
    """Watch NemotronDeployments and serve what they ask for, until told to stop."""
    from nemotron_operator.config import load_config
    from nemotron_operator.handlers.process import ProcessOptions, run_operator
    from nemotron_operator.runtime.election import LeadershipLostError

    configure_logs(log_level, log_format)
    options = ProcessOptions(
        kubeconfig=kubeconfig,
        context=context,
        namespaces=tuple(namespace or ()),
        http_host=http_host,
        http_port=http_port,
        lease_namespace=lease_namespace,
        lease_name=lease_name,
    )
    try:
        asyncio.run(run_operator(load_config(config), options))
    except OperatorError as error:
        _say_why_it_ends(error, log_format)
        raise typer.Exit(EXIT_USAGE) from error
    except LeadershipLostError as error:
        _say_why_it_ends(error, log_format)
        raise typer.Exit(EXIT_LEADERSHIP_LOST) from error
    _log.info("Stopped.")


def _say_why_it_ends(error: Exception, form: LogFormat) -> None:
    if form is LogFormat.JSON:
        _log.critical("%s", error)
    else:
        typer.echo(f"nemotron-operator: {error}", err=True)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
