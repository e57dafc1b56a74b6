"""The command line of `nemoctl batch`: what is asked, as typer reads it. Everything heavy is imported late."""

from pathlib import Path
from typing import Annotated

import typer

from nemotron_operator.cli.cluster_options import (
    ContextOption,
    KubeconfigOption,
    NamespaceOption,
    OperatorConfigOption,
)

START_TIMEOUT_SECONDS = 600
"""How long the pod that carries requests and results may take to run: a volume is made, an image is pulled."""

CONCURRENCY = 64
"""How many requests may be under way at a server where nobody says."""

app = typer.Typer(rich_markup_mode=None)
"""Its command stands among those of the root."""


@app.command(short_help="Answer a file of prompts as a Job.")
def batch(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    name: Annotated[str, typer.Argument(metavar="NAME", help="The NemotronDeployment.")],
    input_: Annotated[
        Path, typer.Option("--input", "-i", metavar="FILE", help="A JSON object a line: prompt, messages, or requests.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where the results go, a line each.")],
    through_server: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--through-server", help="Send to what serves, in its spare capacity: no GPU of its own.")
    ] = False,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1024, metavar="N", help="With --through-server: most requests at a time.")
    ] = CONCURRENCY,
    system_prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Before lines that have none; '' for none. Default: the card's.")
    ] = None,
    storage_class: Annotated[
        str | None, typer.Option(metavar="CLASS", help="StorageClass of the batch's volume. Default: the cluster's.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="QUANTITY", help="Size of that volume. Default: by the number of lines.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Make the Job, and do not wait for it.")] = False,  # noqa: FBT002 - a flag
    keep: Annotated[bool, typer.Option("--keep", help="Leave Job and volume when the results are here.")] = False,  # noqa: FBT002 - a flag
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output file.")] = False,  # noqa: FBT002 - a flag
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the objects, and make none.")] = False,  # noqa: FBT002 - a flag
    timeout_seconds: Annotated[
        int, typer.Option("--timeout", min=1, metavar="SECONDS", help="How long the pod for the files may take to run.")
    ] = START_TIMEOUT_SECONDS,
    namespace: NamespaceOption = None,
    operator_config: OperatorConfigOption = None,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
) -> None:
    """Answer a file of prompts with a model, as a Job that outlives its pods and this command.

    A line is {"prompt": "..."}, {"messages": [...]}, or OpenAI's batch format (custom_id, method, url, body). The Job
    runs vLLM's run-batch with the weights and flags of the model that serves, on GPUs of its own. The results come in
    the order of the lines. The same command again comes back to a batch that runs.

    Exit code: 0 every line is answered; 1 some failed, or the Job did; 2 something cannot be read or asked.
    """
    from nemotron_operator.cli.batch.running import BatchQuery, run_batch
    from nemotron_operator.cli.cluster_access import ClusterTarget

    query = BatchQuery(
        name=name,
        input=input_,
        output=output,
        is_through_server=through_server,
        concurrency=concurrency,
        system_prompt=system_prompt,
        storage_class=storage_class,
        size=size,
        keeps=keep,
        is_detached=detach,
        overwrites=force,
        is_dry_run=dry_run,
        operator_config=operator_config,
        target=ClusterTarget(namespace, kubeconfig=kubeconfig, context=context),
        timeout_seconds=timeout_seconds,
    )
    raise typer.Exit(run_batch(query))
