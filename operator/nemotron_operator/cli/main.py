"""The command line `nemoctl`, also `kubectl nemo`: plan and render offline, see the catalogue and the cluster.

Everything heavy is imported by the command that needs it.
"""

import atexit
import gc
import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from nemotron_operator import __version__
from nemotron_operator.api import descriptions
from nemotron_operator.cli.batch.app import app as batch_app
from nemotron_operator.cli.bundle.app import app as bundle_app
from nemotron_operator.cli.cache.app import app as cache_app
from nemotron_operator.cli.cluster_options import (
    AllNamespacesOption,
    ContextOption,
    KubeconfigOption,
    NamespaceOption,
    OperatorConfigOption,
    OutputOption,
)
from nemotron_operator.cli.life.app import app as life_app
from nemotron_operator.cli.messages import PROGRAM
from nemotron_operator.cli.output import ManifestFormat, OutputFormat
from nemotron_operator.cli.plan import options as ask
from nemotron_operator.cli.program import Program, show_help

PLUGIN_PREFIX = "kubectl-"
"""How the program's file is called when kubectl runs it."""

OBJECTS_BEFORE_COLLECTION = 200_000
"""New objects before Python looks for garbage: importing makes many, and none of them is."""

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
OptionalFiles = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE", help="YAML or JSON files with NemotronDeployments; - reads a pipe."),
]
FileNamespaceOption = Annotated[
    str, typer.Option("--namespace", "-n", help="Namespace of the deployments that name none.")
]


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version_: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,  # noqa: FBT002 - a flag
) -> None:
    if version_:
        version()
        raise typer.Exit
    show_help(context)


@app.command(short_help="Tell whether models fit.")
def plan(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    files: OptionalFiles = None,
    model: ask.ModelOption = None,
    config: ask.ModelConfigOption = None,
    accelerator: ask.AcceleratorOption = None,
    tensor_parallel_size: ask.TensorOption = None,
    pipeline_parallel_size: ask.PipelineOption = None,
    max_model_len: ask.MaxModelLenOption = None,
    gpu_memory_utilization: ask.UtilizationOption = None,
    kv_cache_dtype: ask.KvCacheDtypeOption = None,
    max_num_seqs: ask.MaxNumSeqsOption = None,
    max_num_batched_tokens: ask.MaxNumBatchedTokensOption = None,
    vllm_version: ask.VllmVersionOption = None,
    replicas: ask.ReplicasOption = None,
    nodes: ask.NodesOption = None,
    cluster: ask.ClusterOption = False,  # noqa: FBT002 - a flag
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    operator_config: OperatorConfigOption = None,
    namespace: FileNamespaceOption = "default",
    strict: ask.StrictOption = False,  # noqa: FBT002 - a flag
    all_models: ask.AllOption = False,  # noqa: FBT002 - a flag
    html: ask.HtmlOption = None,
    output: OutputOption = OutputFormat.TABLE,
) -> None:
    """Tell whether models fit, on how many GPUs, with how much context. No cluster is asked without --cluster.

    What is planned: the deployments of FILEs, one --model of the catalogue, or any Hugging Face config.json (--config).
    With --model and --config go the options from --accelerator to --replicas; with FILEs their specs say all that.

    Exit code: 0 all fit; 1 one does not fit or is invalid; 2 something cannot be read.

    With -o json one deployment is an object, several are a list.
    """
    question = ask.ModelQuestion(
        model=model,
        config=config,
        accelerator=accelerator,
        tensor_parallel_size=tensor_parallel_size,
        pipeline_parallel_size=pipeline_parallel_size,
        max_model_len=max_model_len,
        gpu_memory_utilization=gpu_memory_utilization,
        kv_cache_dtype=kv_cache_dtype,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        vllm_version=vllm_version,
        replicas=replicas,
    )
    pool = ask.NodeQuestion(nodes, cluster, kubeconfig, context)
    query = ask.PlanQuery(tuple(files or ()), question, pool, operator_config, namespace, strict, html, all_models)
    from nemotron_operator.cli.plan.command import answer_plan

    raise typer.Exit(answer_plan(query, output))


@app.command(short_help="Show the objects that would be applied.")
def render(
    files: Files,
    operator_config: OperatorConfigOption = None,
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

    raise typer.Exit(render_files(files, RenderOptions(operator_config, namespace, commit), output))


@app.command(short_help="List the catalogue.")
def models(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One model in full. Default: all.")] = None,
    operator_config: OperatorConfigOption = None,
    output: OutputOption = OutputFormat.TABLE,
) -> None:
    """List the catalogue: size, context, licence, and the fewest GPUs on each accelerator."""
    from nemotron_operator.cli.models.command import show_models

    show_models(name, operator_config, output)


@app.command(short_help="Show what the cluster says of deployments.")
def status(  # noqa: PLR0913, PLR0917 - typer makes an option of each
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One deployment. Default: all.")] = None,
    namespace: NamespaceOption = None,
    all_namespaces: AllNamespacesOption = False,  # noqa: FBT002 - a flag
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    output: OutputOption = OutputFormat.TABLE,
) -> None:
    """Show what the cluster says of one deployment, or of all: conditions, plan, cache, endpoint."""
    from nemotron_operator.cli.cluster_access import ClusterTarget
    from nemotron_operator.cli.status import StatusQuery, show_status

    if all_namespaces and (name is not None or namespace is not None):
        raise typer.BadParameter("it goes with neither NAME nor --namespace", param_hint="'--all-namespaces'")
    show_status(StatusQuery(name, ClusterTarget(namespace, all_namespaces, kubeconfig, context)), output)


app.add_typer(life_app)
app.add_typer(batch_app)
app.add_typer(cache_app, name="cache")
app.add_typer(bundle_app, name="bundle")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"{PROGRAM} {__version__}")


def _start_fast() -> None:
    """Leave out what a process that gives one answer does not need; together a third of its time."""
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    atexit.register(gc.freeze)  # the process ends, so nobody needs the memory that a last look for garbage would find
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    descriptions.are_wanted = False


def main() -> None:
    """Run the command line."""
    _start_fast()
    is_plugin = Path(sys.argv[0]).name.startswith(PLUGIN_PREFIX)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal of another encoding gets question marks
    app(prog_name="kubectl nemo" if is_plugin else PROGRAM)
