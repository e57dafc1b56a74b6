"""The command line of `nemoctl cache`: what is asked, as typer reads it. Everything heavy is imported late."""

from typing import Annotated

import typer

from nemotron_operator.cli.cluster_options import (
    AllNamespacesOption,
    ContextOption,
    KubeconfigOption,
    NamespaceOption,
    OutputOption,
)
from nemotron_operator.cli.output import OutputFormat
from nemotron_operator.cli.program import show_help

VERIFY_TIMEOUT_SECONDS = 3600
"""How long a verification is waited for where nobody says: 700 GB at 200 MB/s."""

app = typer.Typer(
    help="See, verify and remove the volumes that keep the models.",
    short_help="See, verify and remove model volumes.",
    rich_markup_mode=None,
)
app.callback(invoke_without_command=True)(show_help)


@app.command("ls", short_help="List the model volumes.")
def list_volumes(
    namespace: NamespaceOption = None,
    all_namespaces: AllNamespacesOption = False,  # noqa: FBT002 - a flag
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    output: OutputOption = OutputFormat.TABLE,
) -> None:
    """List the operator's model volumes: what is on each, how large it is, who uses it, when it was verified."""
    from nemotron_operator.cli.cache.listing import show_volumes
    from nemotron_operator.cli.cluster_access import ClusterTarget

    if all_namespaces and namespace is not None:
        raise typer.BadParameter("it does not go with --namespace", param_hint="'--all-namespaces'")
    show_volumes(ClusterTarget(namespace, all_namespaces, kubeconfig, context), output)


@app.command(short_help="Have every byte of a model read and checked.")
def verify(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    name: Annotated[str, typer.Argument(metavar="NAME", help="The NemotronDeployment whose model is verified.")],
    namespace: NamespaceOption = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the result, or only ask for it.")] = True,  # noqa: FBT002 - a flag
    timeout_seconds: Annotated[
        int, typer.Option("--timeout", min=1, metavar="SECONDS", help="How long the result is waited for.")
    ] = VERIFY_TIMEOUT_SECONDS,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
) -> None:
    """Have the operator read every byte of a deployment's model and hold it against its SHA-256.

    Exit code: 0 every file is what was downloaded; 1 one is damaged, or the time was up; 2 there is nothing to verify.
    """
    from nemotron_operator.cli.cache.verification import verify_model
    from nemotron_operator.cli.cluster_access import ClusterTarget

    target = ClusterTarget(namespace, kubeconfig=kubeconfig, context=context)
    raise typer.Exit(verify_model(name, target, timeout_seconds if wait else None))


@app.command("rm", short_help="Delete a model volume that nobody uses.")
def remove(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    claim: Annotated[str, typer.Argument(metavar="CLAIM", help="The volume's claim, as `nemoctl cache ls` lists it.")],
    namespace: NamespaceOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,  # noqa: FBT002 - a flag
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be deleted, and delete nothing.")] = False,  # noqa: FBT002 - a flag
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
) -> None:
    """Delete a volume of the operator's with the model on it. One that is in use, or of somebody else, is refused.

    Exit code: 0 deleted; 1 refused; 2 there is no such volume, or the cluster cannot be asked.
    """
    from nemotron_operator.cli.cache.removal import remove_volume
    from nemotron_operator.cli.cluster_access import ClusterTarget

    target = ClusterTarget(namespace, kubeconfig=kubeconfig, context=context)
    raise typer.Exit(remove_volume(claim, target, is_confirmed=yes, is_dry_run=dry_run))
