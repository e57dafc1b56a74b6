"""The options of `nemoctl plan`, as typer reads them, and what they mean once read."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import typer

ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Plan a model of the catalogue instead of FILEs.")
]
ModelConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="PATH",
        help="Plan any Hugging Face config.json instead of FILEs: a file, a directory that holds one, or - for a pipe.",
    ),
]
AcceleratorOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Accelerator profile. Default: the configuration's."),
]
TensorOption = Annotated[
    int | None,
    typer.Option(
        "--tensor-parallel-size",
        "-tp",
        metavar="GPUS",
        help="GPUs that share the weights. Default: the fewest that fit.",
    ),
]
PipelineOption = Annotated[
    int | None,
    typer.Option("--pipeline-parallel-size", "-pp", metavar="STAGES", help="Stages of layers. Default: 1."),
]
MaxModelLenOption = Annotated[
    str | None,
    typer.Option(metavar="TOKENS", help="Context: tokens, or auto. Default: the model's."),
]
UtilizationOption = Annotated[
    str | None,
    typer.Option(
        "--gpu-memory-utilization", metavar="PERCENT", help="Share of each GPU. Default: the configuration's."
    ),
]
KvCacheDtypeOption = Annotated[
    str | None,
    typer.Option(metavar="FORMAT", help="auto, bfloat16 or fp8. Default: auto."),
]
MaxNumSeqsOption = Annotated[int | None, typer.Option(metavar="SEQUENCES", help="Batch. Default: the accelerator's.")]
MaxNumBatchedTokensOption = Annotated[
    int | None, typer.Option(metavar="TOKENS", help="Step. Default: the accelerator's.")
]
VllmVersionOption = Annotated[
    str | None,
    typer.Option(metavar="VERSION", help="Plan as this vLLM. Default: the configuration's."),
]
ReplicasOption = Annotated[int | None, typer.Option(metavar="COUNT", help="Engines. Default: 1.")]

NodesOption = Annotated[
    int | None, typer.Option(min=0, metavar="COUNT", help="Tell whether so many empty nodes hold it.")
]
ClusterOption = Annotated[bool, typer.Option("--cluster", help="Tell what is free in the cluster now.")]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="End with 1 also when it fits only if no estimate is at its worst.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Plan every model of the catalogue on every accelerator.")]
HtmlOption = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Write a page with pictures too, one file that needs no network.")
]


@dataclass(frozen=True, slots=True)
class ModelQuestion:
    """One model and its settings, from the command line instead of a file; None is not said."""

    model: str | None = None
    config: str | None = None
    """Path of a config.json, of a directory that holds one, or `-`."""
    accelerator: str | None = None
    tensor_parallel_size: int | None = None
    pipeline_parallel_size: int | None = None
    max_model_len: str | None = None
    gpu_memory_utilization: str | None = None
    kv_cache_dtype: str | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    vllm_version: str | None = None
    replicas: int | None = None

    def list_settings(self) -> list[str]:
        """List the options beside --model and --config that were given."""
        said = [each.name for each in fields(self) if getattr(self, each.name) is not None]
        return [f"--{name.replace('_', '-')}" for name in said if name not in {"model", "config"}]


@dataclass(frozen=True, slots=True)
class NodeQuestion:
    """Which node pool is looked at."""

    nodes: int | None = None
    """So many empty nodes."""
    is_cluster: bool = False
    kubeconfig: Path | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class PlanQuery:
    """All that `nemoctl plan` is asked."""

    paths: tuple[Path, ...] = ()
    question: ModelQuestion = ModelQuestion()
    pool: NodeQuestion = NodeQuestion()
    operator_config: Path | None = None
    namespace: str = "default"
    is_strict: bool = False
    html: Path | None = None
    is_all: bool = False
    """Whether the whole catalogue is planned instead."""
