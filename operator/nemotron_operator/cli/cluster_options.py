"""Options that commands share, as typer reads them: cluster, namespace, configuration, form of the answer."""

from pathlib import Path
from typing import Annotated

import typer

from nemotron_operator.cli.output import OutputFormat

OperatorConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--operator-config",
        envvar="NEMOTRON_OPERATOR_CONFIG",
        help="The operator's configuration, a YAML file. Default: the shipped one.",
    ),
]
OutputOption = Annotated[
    OutputFormat,
    typer.Option("--output", "-o", help="A page to read, a line for each, or one document for programs."),
]
NamespaceOption = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace. Default: that of the kubeconfig's context.")
]
AllNamespacesOption = Annotated[bool, typer.Option("--all-namespaces", "-A", help="Look into every namespace.")]
KubeconfigOption = Annotated[
    Path | None, typer.Option(help="Kubeconfig file. Default: $KUBECONFIG, else ~/.kube/config.")
]
ContextOption = Annotated[str | None, typer.Option(help="Context of the kubeconfig. Default: its current one.")]
