"""The command line of `nemoctl bundle`: what is asked, as typer reads it. Everything heavy is imported late."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nemotron_operator.cli.cluster_options import (
    ContextOption,
    KubeconfigOption,
    NamespaceOption,
    OperatorConfigOption,
)
from nemotron_operator.cli.program import show_help

START_TIMEOUT_SECONDS = 600
"""How long the pod of an import may take to run where nobody says: a volume is made, an image is pulled."""


class AccessMode(StrEnum):
    """How the volume may be mounted."""

    READ_WRITE_ONCE = "ReadWriteOnce"
    READ_WRITE_MANY = "ReadWriteMany"
    READ_WRITE_ONCE_POD = "ReadWriteOncePod"


app = typer.Typer(
    help="Carry a model into a cluster without internet: export it where there is one, import it where there is none.",
    short_help="Carry a model into a cluster without internet.",
    rich_markup_mode=None,
)
app.callback(invoke_without_command=True)(show_help)


@app.command("export", short_help="Fetch a model into a directory.")
def export(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The directory of the bundle.")],
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="A model of the catalogue (`nemoctl models`).")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="A file with one NemotronDeployment.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(metavar="REV", help="Commit, branch or tag. Default: the resource's, the catalogue's.")
    ] = None,
    operator_config: OperatorConfigOption = None,
) -> None:
    """Fetch a model with its manifest, and write the list of images and the resource to apply beside it.

    HF_TOKEN, HF_ENDPOINT and HTTPS_PROXY are obeyed. What was interrupted goes on where it ended.

    Exit code: 0 the bundle is whole; 1 the resource is refused, or the model cannot be fetched; 2 something cannot be
    read or written.
    """
    from nemotron_operator.cli.bundle.export import ExportQuery, export_bundle

    if (model is None) == (file is None):
        raise typer.BadParameter("give one of --model NAME and --file FILE", param_hint="'--model' / '--file'")
    raise typer.Exit(export_bundle(ExportQuery(model, file, revision, output, operator_config)))


@app.command("import", short_help="Fill a volume with the model of a bundle.")
def import_(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    bundle: Annotated[Path, typer.Argument(metavar="DIR", help="The directory of the bundle.")],
    namespace: NamespaceOption = None,
    storage_class: Annotated[
        str | None, typer.Option(metavar="NAME", help="StorageClass of the volume. Default: the resource's.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="QUANTITY", help="Size of the volume. Default: the resource's.")
    ] = None,
    access_mode: Annotated[
        list[AccessMode] | None, typer.Option(help="Access mode of the volume, once for each. Default: the resource's.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Copy into a path of this machine, such as a mounted volume, instead."),
    ] = None,
    timeout_seconds: Annotated[
        int, typer.Option("--timeout", min=1, metavar="SECONDS", help="How long the pod may take to run.")
    ] = START_TIMEOUT_SECONDS,
    operator_config: OperatorConfigOption = None,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
) -> None:
    """Fill a volume with the model of a bundle, verify every byte, and leave it as the operator would.

    The volume is that of the bundle's resource, which then starts without any download. kubectl sends the files to a
    pod beside the volume; its image is downloaderImage of the operator's configuration.

    Exit code: 0 the model is there; 1 the resource is refused, or the volume does not take it; 2 something cannot be
    read or asked.
    """
    from nemotron_operator.cli.bundle.importing import ImportQuery, import_bundle
    from nemotron_operator.cli.cluster_access import ClusterTarget

    if directory is not None and (storage_class or size or access_mode or namespace):
        raise typer.BadParameter("it goes with no option of a volume in the cluster", param_hint="'--directory'")
    query = ImportQuery(
        bundle=bundle,
        directory=directory,
        storage_class=storage_class,
        size=size,
        access_modes=tuple(mode.value for mode in access_mode or ()),
        operator_config=operator_config,
        target=ClusterTarget(namespace, kubeconfig=kubeconfig, context=context),
        timeout_seconds=timeout_seconds,
    )
    raise typer.Exit(import_bundle(query))
