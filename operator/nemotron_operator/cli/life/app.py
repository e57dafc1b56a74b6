"""The commands of a served model's life: what is asked, as typer reads it. Everything heavy is imported late."""

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

WAIT_TIMEOUT_SECONDS = 3600
"""How long a rollout is waited for where nobody says: three replicas of a large model, one after the other."""

app = typer.Typer(rich_markup_mode=None)
"""Its commands stand among those of the root."""

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The NemotronDeployment.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until it serves, and tell what happens meanwhile.")]
WaitForPodsOption = Annotated[bool, typer.Option("--wait", help="Wait until no pod holds a GPU.")]
TimeoutOption = Annotated[int, typer.Option("--timeout", min=1, metavar="SECONDS", help="How long --wait waits.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Tell what would change, and change nothing.")]


@app.command(short_help="Free the GPUs; weights and settings stay.")
def suspend(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    name: NameArgument,
    namespace: NamespaceOption = None,
    wait: WaitForPodsOption = False,  # noqa: FBT002 - a flag
    timeout_seconds: TimeoutOption = WAIT_TIMEOUT_SECONDS,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
) -> None:
    """Stop serving and free the GPUs (spec.suspend). The weights stay on their volume, the settings in the spec.

    Requests in flight end first.

    Exit code: 0 done; 1 --wait waited in vain; 2 there is no such deployment, or the cluster cannot be asked.
    """
    from nemotron_operator.cli.cluster_access import ClusterTarget
    from nemotron_operator.cli.life.suspension import suspend_model
    from nemotron_operator.cli.life.waiting import Wait

    target = ClusterTarget(namespace, kubeconfig=kubeconfig, context=context)
    raise typer.Exit(suspend_model(name, target, Wait(timeout_seconds) if wait else None))


@app.command(short_help="Serve again after suspend.")
def resume(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    name: NameArgument,
    namespace: NamespaceOption = None,
    wait: WaitOption = False,  # noqa: FBT002 - a flag
    timeout_seconds: TimeoutOption = WAIT_TIMEOUT_SECONDS,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
) -> None:
    """Serve again what `nemoctl suspend` stopped, with the pods that it had.

    Where GPUs are missing, the status says so.

    Exit code: 0 done; 1 --wait waited in vain; 2 there is no such deployment, or the cluster cannot be asked.
    """
    from nemotron_operator.cli.cluster_access import ClusterTarget
    from nemotron_operator.cli.life.suspension import resume_model
    from nemotron_operator.cli.life.waiting import Wait

    target = ClusterTarget(namespace, kubeconfig=kubeconfig, context=context)
    raise typer.Exit(resume_model(name, target, Wait(timeout_seconds) if wait else None))


@app.command(short_help="Make new pods of the same revision.")
def restart(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    name: NameArgument,
    namespace: NamespaceOption = None,
    wait: WaitOption = False,  # noqa: FBT002 - a flag
    timeout_seconds: TimeoutOption = WAIT_TIMEOUT_SECONDS,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
) -> None:
    """Replace every pod by a new one of the same kind, by the rollout strategy. A revision that failed is tried again.

    Exit code: 0 done; 1 nothing runs, or --wait waited in vain; 2 there is no such deployment, or the cluster cannot
    be asked.
    """
    from nemotron_operator.cli.cluster_access import ClusterTarget
    from nemotron_operator.cli.life.restarting import restart_model
    from nemotron_operator.cli.life.waiting import Wait

    target = ClusterTarget(namespace, kubeconfig=kubeconfig, context=context)
    raise typer.Exit(restart_model(name, target, Wait(timeout_seconds) if wait else None))


@app.command(short_help="Take the operator's new defaults.")
def adopt(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The NemotronDeployment. Default: list what waits.")
    ] = None,
    namespace: NamespaceOption = None,
    all_namespaces: AllNamespacesOption = False,  # noqa: FBT002 - a flag
    all_models: Annotated[bool, typer.Option("--all", help="Adopt all that waits, one after the other.")] = False,  # noqa: FBT002 - a flag
    wait: Annotated[
        bool | None,
        typer.Option("--wait/--no-wait", help="Wait until it serves. Default: only with --all, before the next one."),
    ] = None,
    timeout_seconds: TimeoutOption = WAIT_TIMEOUT_SECONDS,
    dry_run: DryRunOption = False,  # noqa: FBT002 - a flag
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
) -> None:
    """Take the pods that this operator renders where it differs from the one that rendered those that serve.

    An upgrade of the operator changes no pod by itself. Without NAME and --all: list what waits. Try one with
    `nemoctl adopt NAME --wait`, then take the rest with --all, which stops at the first that does not come to serve.

    Exit code: 0 done, or nothing waits; 1 one does not serve, or is left out; 2 there is no such deployment, or the
    cluster cannot be asked.
    """
    from nemotron_operator.cli.cluster_access import ClusterTarget
    from nemotron_operator.cli.life.adoption import adopt_all, adopt_one, list_waiting
    from nemotron_operator.cli.life.waiting import Wait

    if all_namespaces and (name is not None or namespace is not None):
        raise typer.BadParameter("it goes with neither NAME nor --namespace", param_hint="'--all-namespaces'")
    if all_models and name is not None:
        raise typer.BadParameter("it does not go with NAME", param_hint="'--all'")
    target = ClusterTarget(namespace, all_namespaces, kubeconfig, context)
    is_waited = all_models if wait is None else wait
    patience = Wait(timeout_seconds) if is_waited else None
    if name is not None:
        raise typer.Exit(adopt_one(name, target, patience, is_dry_run=dry_run))
    raise typer.Exit(adopt_all(target, patience) if all_models and not dry_run else list_waiting(target))


@app.command(short_help="List the revisions that are kept.")
def history(
    name: NameArgument,
    namespace: NamespaceOption = None,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    output: OutputOption = OutputFormat.TABLE,
) -> None:
    """List the revisions of a model's pods that are kept: when, by which operator, what changed, which served."""
    from nemotron_operator.cli.cluster_access import ClusterTarget
    from nemotron_operator.cli.life.history import show_history

    show_history(name, ClusterTarget(namespace, kubeconfig=kubeconfig, context=context), output)


@app.command(short_help="Bring back an earlier revision.")
def rollback(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    name: NameArgument,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="REVISION",
            help="Revision, the beginning of one, or its number, as `nemoctl history` lists them. Default: the last "
            "before this one that served.",
        ),
    ] = None,
    namespace: NamespaceOption = None,
    wait: WaitOption = False,  # noqa: FBT002 - a flag
    timeout_seconds: TimeoutOption = WAIT_TIMEOUT_SECONDS,
    dry_run: DryRunOption = False,  # noqa: FBT002 - a flag
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
) -> None:
    """Bring back the spec of an earlier revision, and the very pods that it had.

    spec.replicas, spec.autoscaling, spec.suspend, spec.rollout.strategy and spec.cache.size stay as they are now.

    Exit code: 0 done; 1 there is nothing to go back to, or --wait waited in vain; 2 there is no such deployment, or
    the cluster cannot be asked.
    """
    from nemotron_operator.cli.cluster_access import ClusterTarget
    from nemotron_operator.cli.life.rollback import roll_back
    from nemotron_operator.cli.life.waiting import Wait

    target = ClusterTarget(namespace, kubeconfig=kubeconfig, context=context)
    raise typer.Exit(roll_back(name, to, target, Wait(timeout_seconds) if wait else None, is_dry_run=dry_run))
