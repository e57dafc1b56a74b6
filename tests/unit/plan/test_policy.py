import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotron_operator.api.conditions import Reason
from nemotron_operator.catalog.entry import WeightBytes
from nemotron_operator.config import AcceleratorProfile, OperatorConfig, load_config
from nemotron_operator.plan.facts import CachedModel, ClaimFact, Facts, ForeignObject, ServingFact
from nemotron_operator.plan.lookups import list_lookups
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.policy import (
    CHECKS,
    FIT_CHECKS,
    SIZED_CHECKS,
    find_sized_violation,
    find_violation,
)
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.serving_plan import Rejection, ServingPlan
from nemotron_operator.plan.sizing import choose_sizing, size_replica
from nemotron_operator.units import GIB
from tests.support.fixtures.deployments import (
    BF16,
    FP8,
    NANO,
    NANO_4B,
    REMOVED,
    SUPER_49B,
    DeploymentBuilder,
    a_deployment,
)
from tests.support.fixtures.plans import (
    CATALOG,
    CONFIG,
    config_with_default_profile,
    config_with_model,
    config_with_profile,
    plan,
    plan_or_refuse,
    refuse,
    resolve,
)
from tests.support.fixtures.requests import one_profile_configs, sizing_requests
from tests.support.fixtures.storage import a_class

FOREIGN = Facts(foreign_objects=(ForeignObject("Service", "nemotron", "Helm"),))
CLAIM = ClaimFact(80 * 1024**3, None, ("ReadWriteOnce",))
READ_ONLY_CLAIM = ClaimFact(80 * GIB, None, ("ReadOnlyMany",))
ONE_POD_CLAIM = ClaimFact(80 * GIB, None, ("ReadWriteOncePod",))
(SHARED,) = list_lookups(a_deployment().parsed, CATALOG).claim_names
AN_IMAGE = a_deployment().with_weights_in_image("registry.example.com/models/nemotron:1")
WITHOUT_GPUS = load_config(Path(__file__).parents[3] / "examples" / "operator" / "cpu-development.yaml")
WITH_IMAGES = CONFIG.model_copy(update={"allowed_model_image_prefixes": ("registry.example.com/models/",)})

ON_TWO_NODES = a_deployment().with_tensor(8).with_pipeline(2).having("cache.accessModes", ["ReadWriteMany"])


@dataclass(frozen=True)
class Refused:
    """One row: what is asked for, and which refusal it gets."""

    check: str
    deployment: DeploymentBuilder
    reason: Reason
    words: Sequence[str]
    facts: Facts = field(default_factory=Facts)
    config: OperatorConfig = CONFIG

    @property
    def id(self) -> str:
        return f"{self.check}: {self.words[0]}"


WITH_ADAPTER = a_deployment().having("model.adapters", [{"name": "a", "huggingFace": {"repository": "my-org/lora"}}])
(ADAPTER_JOB,) = list_lookups(WITH_ADAPTER.parsed, CATALOG).adapter_job_names
LARGE_ADAPTER = CachedModel("my-org/lora", "a" * 40, 1, 2, "5d" * 32, "2026-11-24T08:00:00Z", adapter_rank=64)

REFUSED = [
    Refused(
        "adapters_have_names_of_their_own",
        a_deployment().having("model.servedNames", ["a"]).having("model.adapters", [{"name": "a", "path": "x"}]),
        Reason.ADAPTER_NOT_ALLOWED,
        ["spec.model.adapters[0].name: 'a' is a name of the model itself"],
    ),
    Refused(
        "adapters_are_set_once",
        a_deployment().having("model.adapters", [{"name": "a", "path": "x"}]).with_extra_args("--max-lora-rank=64"),
        Reason.ADAPTER_NOT_ALLOWED,
        ["spec.engine.extraArgs: '--max-lora-rank' is set by spec.engine.lora.maxRank"],
    ),
    Refused(
        "adapters_have_small_ranks",
        WITH_ADAPTER,
        Reason.ADAPTER_NOT_ALLOWED,
        ["spec.engine.lora.maxRank: 16 is less than the rank 64 of adapter 'a'. Set maxRank: 64"],
        facts=Facts(cached_adapters={ADAPTER_JOB: LARGE_ADAPTER}),
    ),
    Refused(
        "adapters_have_a_volume",
        WITH_ADAPTER.with_provided_weights("mine", "llama"),
        Reason.ADAPTER_NOT_ALLOWED,
        ["spec.model.adapters[0]: 'a' is to be downloaded, and the volume can only be read", "path"],
        facts=Facts(claims={"mine": READ_ONLY_CLAIM}),
    ),
    Refused(
        "model_is_known",
        a_deployment().with_model("nvidia/Llama-3.1-Nemotron-70B-Instruct"),
        Reason.UNKNOWN_MODEL,
        ["spec.model: 'nvidia/Llama-3.1-Nemotron-70B-Instruct' is not in the catalogue", f"Closest: {BF16}"],
    ),
    Refused(
        "model_is_known",
        a_deployment().having("model.name", REMOVED).with_private_repository("org/copy", "hub", "token"),
        Reason.UNKNOWN_MODEL,
        [
            "spec.model: 'org/copy' is not in the catalogue",
            "`nemoctl models` lists all. For a private copy of a known model set model.name to the known name",
        ],
    ),
    Refused(
        "model_is_known",
        a_deployment().having("model.name", REMOVED).with_provided_weights("team-models", "a"),
        Reason.UNKNOWN_MODEL,
        ["spec.model.name is needed beside source.persistentVolumeClaim", "`nemoctl models` lists those it knows."],
    ),
    Refused(
        "accelerator_is_known",
        a_deployment().with_accelerator("H300"),
        Reason.UNKNOWN_ACCELERATOR,
        ["spec.accelerator: 'H300'", *CONFIG.accelerators],
    ),
    Refused(
        "image_is_allowed",
        a_deployment().having("engine.image", "docker.io/me/vllm:mine"),
        Reason.IMAGE_NOT_ALLOWED,
        ["spec.engine.image: 'docker.io/me/vllm:mine'", "vllm/vllm-openai", "allowedImagePrefixes"],
    ),
    Refused(
        "remote_code_is_allowed",
        a_deployment().having("model.trustRemoteCode", value=True),
        Reason.REMOTE_CODE_NOT_ALLOWED,
        ["spec.model.trustRemoteCode", "allowTrustRemoteCode"],
    ),
    Refused(
        "geometry_is_known",
        a_deployment(),
        Reason.GEOMETRY_UNKNOWN,
        [
            f"spec.model: the geometry of {FP8} is not known to this catalogue",
            "Its weights are between 60 and 80 GiB",
            "models[].config",
        ],
        config=config_with_model(
            FP8, config=None, known_weight_bytes=WeightBytes(low=60 * GIB, high=80 * GIB, source="its list of files")
        ),
    ),
    Refused(
        "geometry_is_known",
        a_deployment().with_tensor(3),
        Reason.GEOMETRY_UNKNOWN,
        ["spec.model: the geometry", "nothing can be said of its memory. Have the platform team"],
        config=config_with_model(FP8, config=None),
    ),
    Refused(
        "remote_code_is_granted",
        a_deployment().with_model(SUPER_49B),
        Reason.REMOTE_CODE_NEEDED,
        [f"spec.model.trustRemoteCode: {SUPER_49B} brings Python code", "Set it to true"],
    ),
    Refused(
        "engine_is_new_enough",
        a_deployment().with_model(NANO).having("engine.image", "vllm/vllm-openai:v0.11.0"),
        Reason.ENGINE_TOO_OLD,
        [
            "spec.engine.image: 'vllm/vllm-openai:v0.11.0' holds vLLM 0.11.0",
            f"{NANO} needs 0.17.1 or newer. Name a newer image, or remove the field.",
        ],
    ),
    Refused(
        "engine_is_new_enough",
        a_deployment().with_model(NANO),
        Reason.ENGINE_TOO_OLD,
        [
            f"engineImage of the operator's configuration: '{CONFIG.engine_image}' holds vLLM 0.11.0",
            "or engineVersion where the image holds another release than its tag says; or set spec.engine.image.",
        ],
        config=CONFIG.model_copy(update={"engine_version": "0.11.0"}),
    ),
    Refused(
        "engine_is_new_enough",
        a_deployment().with_model(NANO),
        Reason.ENGINE_TOO_OLD,
        [
            "accelerators.H100-80GB.engineImage of the operator's configuration: 'vllm/vllm-openai:v0.11.0' holds",
            "or engineVersion where the image holds another release than its tag says; or set spec.engine.image.",
        ],
        config=config_with_default_profile(engine_image="vllm/vllm-openai:v0.11.0"),
    ),
    Refused(
        "extra_arguments_are_allowed",
        a_deployment().with_extra_args("--seed=1", "--max-model-len=4096"),
        Reason.ARGUMENT_NOT_ALLOWED,
        ["spec.engine.extraArgs[1]: '--max-model-len=4096'", "spec.engine.maxModelLen: use that field"],
    ),
    Refused(
        "extra_variables_are_allowed",
        a_deployment().with_env(VLLM_LOGGING_LEVEL="DEBUG", LD_PRELOAD="/x.so"),
        Reason.ENVIRONMENT_NOT_ALLOWED,
        ["spec.engine.env: 'LD_PRELOAD'", "not allowed here"],
    ),
    Refused(
        "context_is_within_model",
        a_deployment().with_max_model_len(131_073),
        Reason.CONTEXT_EXCEEDS_MODEL,
        ["spec.engine.maxModelLen: 131073 tokens exceed the 131072", "Set at most 131072"],
    ),
    Refused(
        "tensor_parallel_divides",
        a_deployment().with_tensor(3),
        Reason.TENSOR_PARALLEL_DOES_NOT_DIVIDE,
        ["spec.parallelism.tensor: 3 does not divide the model's 64 attention heads", "1, 2, 4, 8", "fits is 2"],
    ),
    Refused(
        "tensor_parallel_divides",
        a_deployment().with_model(NANO).with_tensor(3),
        Reason.TENSOR_PARALLEL_DOES_NOT_DIVIDE,
        ["spec.parallelism.tensor: 3 does not divide", "fits is 1"],
    ),
    Refused(
        "pipeline_has_layers",
        a_deployment().with_model(NANO_4B).with_pipeline(43),
        Reason.PIPELINE_PARALLEL_EXCEEDS_LAYERS,
        [
            "spec.parallelism.pipeline: 43 is more than the model's 42 layers",
            "Possible on H100-80GB: 1, 2, 3, 4, 5, 6, 7, 8.",
        ],
    ),
    Refused(
        "parallelism_fits_nodes",
        a_deployment().with_tensor(16),
        Reason.TENSOR_PARALLEL_EXCEEDS_NODE,
        [
            "spec.parallelism.tensor: 16 GPUs are more than the 8 of one H100-80GB node",
            "Set at most 8; parallelism.pipeline spreads a replica over more nodes.",
        ],
    ),
    Refused(
        "parallelism_fits_nodes",
        a_deployment().with_tensor(4).with_pipeline(4).having("parallelism.nodes", 1),
        Reason.TENSOR_PARALLEL_EXCEEDS_NODE,
        ["spec.parallelism: tensor 4 x pipeline 4 on one node are 16 GPUs of each, more than the 8", "remove"],
    ),
    Refused(
        "parallelism_fits_nodes",
        a_deployment().with_tensor(8).with_pipeline(4).having("parallelism.nodes", 2),
        Reason.TENSOR_PARALLEL_EXCEEDS_NODE,
        ["spec.parallelism: tensor 8 x pipeline 4 over 2 nodes are 16 GPUs of each, more than the 8"],
    ),
    Refused(
        "nodes_divide_pipeline",
        a_deployment().with_pipeline(4).having("parallelism.nodes", 3),
        Reason.NODES_DO_NOT_DIVIDE,
        [
            "spec.parallelism.nodes: 3 nodes cannot have the same number of whole stages of pipeline 4.",
            "Set parallelism.pipeline: 3 or a multiple of it, or nodes to one of 1, 2, 4.",
        ],
    ),
    Refused(
        "nodes_divide_pipeline",
        a_deployment().having("parallelism.nodes", 2),
        Reason.NODES_DO_NOT_DIVIDE,
        ["Set parallelism.pipeline: 2 or a multiple of it, or nodes: 1."],
    ),
    Refused(
        "groups_are_possible",
        ON_TWO_NODES,
        Reason.API_NOT_INSTALLED,
        [
            "a replica over 2 nodes needs LeaderWorkerSet, which this cluster does not have: install it",
            "or set parallelism so that one node holds a replica",
        ],
        Facts(missing_apis=frozenset({"LeaderWorkerSet"})),
    ),
    Refused(
        "queue_is_possible",
        a_deployment().having("queueName", "team-a"),
        Reason.API_NOT_INSTALLED,
        [
            "spec.queueName: 'team-a' is a LocalQueue of Kueue (kueue.x-k8s.io), which this cluster does not have",
            "Install it (https://kueue.sigs.k8s.io), or remove spec.queueName",
        ],
        Facts(missing_apis=frozenset({"LocalQueue"})),
    ),
    Refused(
        "groups_are_possible",
        ON_TWO_NODES,
        Reason.API_NOT_INSTALLED,
        [
            "a replica over 2 nodes needs LeaderWorkerSet. This cluster has LeaderWorkerSet, and the operator may not",
            "use it: Not allowed in 'blue'.",
        ],
        Facts(
            missing_apis=frozenset({"LeaderWorkerSet"}), forbidden_apis={"LeaderWorkerSet": "Not allowed in 'blue'."}
        ),
    ),
    Refused(
        "groups_have_names",
        ON_TWO_NODES.named("n" * 45),
        Reason.INVALID_SPEC,
        ["metadata.name: the 45 characters", "take at most 44"],
    ),
    Refused(
        "group_names_are_free",
        ON_TWO_NODES,
        Reason.NAME_CONFLICT,
        ["Service 'nemotron-nodes' exists and belongs to Helm", "It was not touched"],
        Facts(foreign_group_objects=(ForeignObject("Service", "nemotron-nodes", "Helm"),)),
    ),
    Refused(
        "volume_reaches_replicas",
        ON_TWO_NODES.having("cache.accessModes", REMOVED),
        Reason.VOLUME_NOT_SHARED,
        [
            "spec.parallelism: the 2 nodes of a replica share a volume that only one node may mount (ReadWriteOnce).",
            "Set cache.accessModes: [ReadWriteMany]",
        ],
    ),
    Refused(
        "step_holds_batch",
        a_deployment().having("engine.maxNumSeqs", 512).having("engine.maxNumBatchedTokens", 256),
        Reason.BATCH_EXCEEDS_STEP,
        ["512 sequences (maxNumSeqs) are more than the 256 tokens of one step", "maxNumBatchedTokens to 512"],
    ),
    Refused(
        "cache_holds_weights",
        a_deployment().having("cache.size", "50Gi"),
        Reason.CACHE_TOO_SMALL,
        ["spec.cache.size: 50Gi is less than the 67.69 GiB of the weights", "Set at least 75Gi"],
    ),
    Refused(
        "named_claim_exists",
        a_deployment().with_existing_claim("team-models"),
        Reason.CLAIM_NOT_FOUND,
        ["spec.cache.existingClaim: there is no PersistentVolumeClaim 'team-models' in namespace 'team'"],
    ),
    Refused(
        "named_claim_exists",
        a_deployment().with_provided_weights("team-models", "a"),
        Reason.CLAIM_NOT_FOUND,
        ["spec.model.source.persistentVolumeClaim.claimName: there is no PersistentVolumeClaim 'team-models'"],
    ),
    Refused(
        "volume_reaches_replicas",
        a_deployment().with_replicas(2).with_tensor(8),
        Reason.VOLUME_NOT_SHARED,
        ["2 replicas of 8 GPUs share a volume that only one node may mount (ReadWriteOnce)", "[ReadWriteMany]"],
    ),
    Refused(
        "volume_reaches_replicas",
        a_deployment().with_replicas(2).having("cache.accessModes", ["ReadWriteOncePod"]),
        Reason.VOLUME_NOT_SHARED,
        ["2 replicas of 2 GPUs share a volume that only one pod may mount (ReadWriteOncePod)"],
    ),
    Refused(
        "volume_reaches_replicas",
        a_deployment().with_replicas(5).with_provided_weights("there", "a"),
        Reason.VOLUME_NOT_SHARED,
        ["5 replicas of 2 GPUs share a volume that only one node may mount (ReadWriteOnce)"],
        Facts(claims={"there": CLAIM}),
    ),
    Refused(
        "provided_weights_can_be_checked",
        a_deployment().with_provided_weights("there", "a").having("cache.verify", "OnStart"),
        Reason.CHECK_NOT_POSSIBLE,
        ["spec.cache.verify: OnStart: the weights are yours, and have no manifest", "manifest: true"],
        Facts(claims={"there": CLAIM}),
    ),
    Refused(
        "prometheus_is_known",
        a_deployment().having("autoscaling", {"by": "KEDA", "maxReplicas": 2}),
        Reason.PROMETHEUS_NOT_CONFIGURED,
        ["spec.autoscaling.by: KEDA asks Prometheus", "set prometheusUrl", "`by: HorizontalPodAutoscaler`"],
    ),
    Refused(
        "volume_reaches_replicas",
        a_deployment().having("autoscaling.maxReplicas", 5),
        Reason.VOLUME_NOT_SHARED,
        ["spec.autoscaling.maxReplicas: 5 replicas of 2 GPUs", "or spec.autoscaling.maxReplicas: 4, as many as one"],
    ),
    Refused(
        "damage_can_be_repaired",
        a_deployment().having("cache.verify", "OnStart").having("cache.accessModes", ["ReadWriteOncePod"]),
        Reason.VOLUME_NOT_SHARED,
        ["spec.cache.verify: OnStart: the pod that finds a damaged file", "(ReadWriteOncePod)", "[ReadWriteOnce]"],
    ),
    Refused(
        "volume_can_be_filled",
        a_deployment().with_existing_claim("there"),
        Reason.VOLUME_NOT_WRITABLE,
        [
            "spec.cache.existingClaim: claim 'there' can only be read (ReadOnlyMany)",
            "model.source.persistentVolumeClaim",
        ],
        Facts(claims={"there": READ_ONLY_CLAIM}),
    ),
    Refused(
        "volume_can_be_filled",
        a_deployment()
        .with_provided_weights("there", "a")
        .having("model.source.persistentVolumeClaim.manifest", value=True),
        Reason.VOLUME_NOT_WRITABLE,
        ["spec.model.source.persistentVolumeClaim.manifest: claim 'there' can only be read", "Remove the field"],
        Facts(claims={"there": READ_ONLY_CLAIM}),
    ),
    Refused(
        "volume_reaches_download",
        a_deployment().with_existing_claim("there"),
        Reason.VOLUME_NOT_SHARED,
        ["spec.cache.existingClaim: the pod that serves holds claim 'there'", "Name another claim"],
        Facts(claims={"there": ONE_POD_CLAIM}, serving=ServingFact("a", 1)),
    ),
    Refused(
        "storage_class_exists",
        a_deployment().having("cache.storageClassName", "fats"),
        Reason.STORAGE_CLASS_NOT_FOUND,
        [
            "spec.cache.storageClassName: there is no StorageClass 'fats' in this cluster",
            "There are fast, slow (`kubectl get storageclass`)",
            "cache.existingClaim",
        ],
        Facts(storage_classes=(a_class("slow"), a_class("fast"))),
    ),
    Refused(
        "storage_class_exists",
        a_deployment(),
        Reason.STORAGE_CLASS_NOT_FOUND,
        [
            "spec.cache.storageClassName is not set, and this cluster has no default StorageClass. There is slow",
            "storageclass.kubernetes.io/is-default-class",
        ],
        Facts(storage_classes=(a_class("slow"),)),
    ),
    Refused(
        "storage_class_exists",
        a_deployment(),
        Reason.STORAGE_CLASS_NOT_FOUND,
        ["`kubectl get storageclass` lists none"],
        Facts(storage_classes=()),
    ),
    Refused(
        "volume_can_grow",
        a_deployment().having("cache.size", "100Gi"),
        Reason.VOLUME_CANNOT_GROW,
        [
            "spec.cache.size: the volume has 80.0 GiB and cannot grow to 100Gi",
            "StorageClass 'slow' does not have allowVolumeExpansion: true",
        ],
        Facts(claims={SHARED: ClaimFact(80 * GIB, "slow", ("ReadWriteOnce",))}, storage_classes=(a_class("slow"),)),
    ),
    Refused(
        "volume_can_grow",
        a_deployment().having("cache.size", "100Gi"),
        Reason.VOLUME_CANNOT_GROW,
        ["cannot grow to 100Gi: a volume without StorageClass does not have allowVolumeExpansion"],
        Facts(claims={SHARED: CLAIM}, storage_classes=(a_class("slow", is_default=True, can_grow=True),)),
    ),
    Refused(
        "model_image_is_allowed",
        AN_IMAGE,
        Reason.IMAGE_NOT_ALLOWED,
        [
            "spec.model.source.ociImage.reference: 'registry.example.com/models/nemotron:1'",
            "does not start with an allowed prefix (none)",
            "allowedModelImagePrefixes",
        ],
    ),
    Refused(
        "model_image_is_allowed",
        AN_IMAGE,
        Reason.IMAGE_NOT_ALLOWED,
        ["an allowed prefix (other.example.com/)"],
        config=CONFIG.model_copy(update={"allowed_model_image_prefixes": ("other.example.com/",)}),
    ),
    Refused(
        "image_volumes_are_supported",
        AN_IMAGE,
        Reason.IMAGE_VOLUME_NOT_SUPPORTED,
        ["the API server is 1.34, and images are mounted as volumes by default since 1.35", "imageVolumes: true"],
        Facts(api_server_version=(1, 34)),
        WITH_IMAGES,
    ),
    Refused(
        "image_volumes_are_supported",
        AN_IMAGE,
        Reason.IMAGE_VOLUME_NOT_SUPPORTED,
        ["the API server is 1.30", "Upgrade the cluster, or take the weights from huggingFace"],
        Facts(api_server_version=(1, 30)),
        WITH_IMAGES,
    ),
    Refused(
        "image_volumes_are_supported",
        AN_IMAGE,
        Reason.IMAGE_VOLUME_NOT_SUPPORTED,
        ["imageVolumes is false in the operator's configuration"],
        Facts(api_server_version=(1, 37)),
        WITH_IMAGES.model_copy(update={"image_volumes": False}),
    ),
    Refused(
        "names_are_free",
        a_deployment(),
        Reason.NAME_CONFLICT,
        ["Service 'nemotron' exists and belongs to Helm", "It was not touched"],
        FOREIGN,
    ),
    Refused(
        "weights_fit",
        a_deployment().with_model(BF16).with_tensor(1),
        Reason.WEIGHTS_DO_NOT_FIT,
        [
            "On 1 H100-80GB GPU of 79.11 GiB",
            "92 % (72.78 GiB)",
            "weights 131.42 GiB",
            "are missing. What fits: parallelism.tensor: 2.",
        ],
    ),
    Refused(
        "weights_fit",
        a_deployment(),
        Reason.WEIGHTS_DO_NOT_FIT,
        [
            "On 8 cpu-development GPUs of 8.00 GiB the engine takes 92 % (7.36 GiB) of each: weights 8.47 GiB",
            "KV cache 1.00 GiB (kvCacheMib of the accelerator), 4.29 GiB are missing.",
            "What fits: accelerator: H100-80GB",
        ],
        config=WITHOUT_GPUS,
    ),
    Refused(
        "context_fits",
        a_deployment().with_model(BF16).with_tensor(2).with_max_model_len(65_536),
        Reason.CONTEXT_DOES_NOT_FIT,
        [
            "65536 tokens need 10.00 GiB of KV cache on each GPU",
            "weights 65.71 GiB",
            "left for the KV cache",
            "parallelism.tensor: 4, or engine.maxModelLen: ",
        ],
    ),
    Refused(
        "states_fit",
        a_deployment().with_model(NANO).with_tensor(1).having("engine.maxNumSeqs", 8192),
        Reason.BATCH_DOES_NOT_FIT,
        ["spec.engine.maxNumSeqs: 8192 sequences need a block each for their Mamba state", "Set maxNumSeqs to "],
    ),
]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.id)
def test_a_refusal_has_its_reason_its_numbers_and_the_way_out(row: Refused) -> None:
    rejection = refuse(row.deployment, row.facts, row.config)
    assert row.reason == rejection.reason
    for words in row.words:
        assert words in rejection.message
    assert rejection.message.endswith(".")


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.id)
def test_a_refusal_comes_from_its_own_check(row: Refused) -> None:
    assert row.check == next(list_objecting(resolve(row.deployment, row.facts, row.config)))


def list_objecting(request: PlanRequest) -> Iterator[str]:
    """Name the checks that object, in their order; a sizing exists only once the first ones are content."""
    for check in CHECKS:
        if find_violation(request, [check]) is not None:
            yield check.__name__
    sizing = choose_sizing(request)
    for sized in (*SIZED_CHECKS, *FIT_CHECKS):
        if find_sized_violation(request, sizing, [sized]) is not None:
            yield sized.__name__


def test_every_check_has_a_row() -> None:
    assert {check.__name__ for check in (*CHECKS, *SIZED_CHECKS, *FIT_CHECKS)} == {row.check for row in REFUSED}


def test_what_a_resource_does_wrong_is_told_in_the_order_of_the_chain() -> None:
    worst = (
        a_deployment()
        .with_model("unknown")
        .with_accelerator("unknown")
        .having("engine.image", "evil")
        .having("model.trustRemoteCode", value=True)
        .with_extra_args("--middleware=evil")
        .with_env(LD_PRELOAD="evil")
        .with_max_model_len(200_000)
        .with_tensor(3)
        .with_replicas(9)
        .having("engine.maxNumSeqs", 9000)
        .having("cache.size", "1Gi")
    )
    steps: list[tuple[Reason, dict[str, object]]] = [
        (Reason.UNKNOWN_MODEL, {"model.name": BF16}),
        (Reason.UNKNOWN_ACCELERATOR, {"accelerator": "H100-80GB"}),
        (Reason.IMAGE_NOT_ALLOWED, {"engine.image": REMOVED}),
        (Reason.REMOTE_CODE_NOT_ALLOWED, {"model.trustRemoteCode": False}),
        (Reason.ARGUMENT_NOT_ALLOWED, {"engine.extraArgs": []}),
        (Reason.ENVIRONMENT_NOT_ALLOWED, {"engine.env": []}),
        (Reason.CONTEXT_EXCEEDS_MODEL, {"engine.maxModelLen": 131_072}),
        (Reason.TENSOR_PARALLEL_DOES_NOT_DIVIDE, {"parallelism.tensor": 16}),
        (Reason.TENSOR_PARALLEL_EXCEEDS_NODE, {"parallelism.tensor": 1}),
        (Reason.BATCH_EXCEEDS_STEP, {"engine.maxNumSeqs": 1024}),
        (Reason.CACHE_TOO_SMALL, {"cache.size": REMOVED, "cache.existingClaim": "team-models"}),
        (Reason.CLAIM_NOT_FOUND, {"cache.existingClaim": "there"}),
        (Reason.NAME_CONFLICT, {}),
    ]
    facts = Facts(claims={"there": CLAIM}, foreign_objects=FOREIGN.foreign_objects)
    for reason, correction in steps:
        assert reason == refuse(worst, facts).reason
        for path, value in correction.items():
            worst = worst.having(path, value)
    free = Facts(claims={"there": CLAIM})
    assert Reason.VOLUME_NOT_SHARED == refuse(worst, free).reason
    worst = worst.with_replicas(1)
    assert Reason.WEIGHTS_DO_NOT_FIT == refuse(worst, free).reason
    assert Reason.CONTEXT_DOES_NOT_FIT == refuse(worst.with_tensor(2), free).reason
    assert isinstance(plan_or_refuse(worst.with_tensor(4), free), ServingPlan)


@pytest.mark.parametrize(
    "deployment",
    [
        a_deployment().having("engine.image", "vllm/vllm-openai:v0.33.0"),
        a_deployment().having("engine.image", "vllm/vllm-openai@sha256:" + "0" * 64),
        a_deployment().with_max_model_len(131_072),
        a_deployment().with_tensor(8),
        a_deployment().having("cache.size", "68Gi"),
        a_deployment().with_extra_args("--enable-prefix-caching", "--seed", "1"),
        a_deployment().with_env(VLLM_LOGGING_LEVEL="DEBUG"),
        a_deployment().with_model(FP8.lower()),
    ],
)
def test_what_is_just_right_is_planned(deployment: DeploymentBuilder) -> None:
    plan(deployment)


def test_the_platform_may_allow_images_and_remote_code() -> None:
    config = CONFIG.model_copy(
        update={"allowed_image_prefixes": ("registry.example/",), "allow_trust_remote_code": True}
    )
    deployment = (
        a_deployment().having("model.trustRemoteCode", value=True).having("engine.image", "registry.example/vllm")
    )
    assert plan(deployment, config=config).engine.trust_remote_code
    assert (
        Reason.IMAGE_NOT_ALLOWED == refuse(deployment.having("engine.image", "vllm/vllm-openai"), config=config).reason
    )


def test_a_claim_that_exists_is_no_objection() -> None:
    plan(a_deployment().with_existing_claim("there"), Facts(claims={"there": CLAIM}))
    plan(a_deployment().with_provided_weights("there", "a"), Facts(claims={"there": CLAIM}))


def list_suggestions(rejection: Rejection) -> list[dict[str, str]]:
    """Read the settings that a message offers: each alternative as fields and values."""
    found = re.search(r"What fits: (.*)\.$", rejection.message)
    if found is None:
        return []
    return [
        dict(setting.split(": ") for setting in alternative.split(" with ")) for alternative in found[1].split(", or ")
    ]


def follow(deployment: DeploymentBuilder, suggestion: dict[str, str]) -> DeploymentBuilder:
    for path, value in suggestion.items():
        deployment = deployment.having(path, int(value) if value.isdigit() else value)
    return deployment


MISFITS = [
    a_deployment().with_tensor(1).with_max_model_len(131_072),
    a_deployment().with_model(BF16).with_tensor(1),
    a_deployment().with_model(BF16).with_tensor(2).with_max_model_len(131_072),
    a_deployment().with_model(BF16).with_accelerator("H200").with_tensor(1),
    a_deployment().with_accelerator("H100-NVL-94GB").with_tensor(1).with_max_model_len(131_072),
    a_deployment().with_model(BF16).with_accelerator("H100-NVL-94GB").with_tensor(2).with_max_model_len(131_072),
]


@pytest.mark.parametrize("deployment", MISFITS)
def test_each_setting_that_a_message_suggests_fits(deployment: DeploymentBuilder) -> None:
    suggestions = list_suggestions(refuse(deployment))
    assert suggestions
    for suggestion in suggestions:
        planned = plan(follow(deployment, suggestion))
        assert planned.kv_cache_tokens >= planned.engine.max_model_len


@given(sizing_requests())
def test_whatever_is_refused_for_memory_each_suggestion_fits(deployment: DeploymentBuilder) -> None:
    rejection = plan_or_refuse(deployment)
    if isinstance(rejection, Rejection):
        for suggestion in list_suggestions(rejection):
            plan(follow(deployment, suggestion))


@given(sizing_requests(), one_profile_configs())
def test_on_any_accelerator_each_suggestion_fits(deployment: DeploymentBuilder, config: OperatorConfig) -> None:
    deployment = deployment.having("accelerator", "any").having("parallelism.tensor", REMOVED)
    rejection = plan_or_refuse(deployment, config=config)
    if isinstance(rejection, Rejection):
        for suggestion in list_suggestions(rejection):
            plan(follow(deployment, suggestion), config=config)


@given(sizing_requests())
def test_no_way_out_is_named_only_when_no_accelerator_holds_it(deployment: DeploymentBuilder) -> None:
    rejection = plan_or_refuse(deployment)
    if not isinstance(rejection, Rejection) or "No accelerator of the configuration" not in rejection.message:
        return
    context = choose_sizing(resolve(deployment)).max_model_len
    for accelerator in CONFIG.accelerators:
        request = resolve(deployment.with_accelerator(accelerator))
        assert not any(size_replica(request, Parallelism(size), context).fits for size in (1, 2, 4, 8))


def test_another_accelerator_is_suggested_when_this_one_cannot() -> None:
    small = AcceleratorProfile(node_labels={}, usable_memory_mib=40_000, gpus_per_node=2)
    config = CONFIG.model_copy(update={"accelerators": {"small": small, **CONFIG.accelerators}})
    deployment = a_deployment().with_accelerator("small")
    (suggestion,) = list_suggestions(refuse(deployment, config=config))
    assert ["accelerator", "parallelism.tensor"] == list(suggestion)
    assert "H100-80GB" == suggestion["accelerator"]
    plan(follow(deployment, suggestion), config=config)


def test_the_size_that_a_message_suggests_for_an_illegal_one_fits() -> None:
    for size in (3, 5, 6, 7, 12):
        message = refuse(a_deployment().with_model(BF16).with_tensor(size)).message
        suggested = re.search(r"The smallest that fits is (\d+)\.$", message)
        assert suggested
        plan(a_deployment().with_model(BF16).with_tensor(int(suggested[1])))


def test_the_size_that_a_message_suggests_fits_beside_the_pipeline() -> None:
    deployment = a_deployment().with_model(BF16).with_pipeline(4)
    message = refuse(deployment.with_tensor(3)).message
    assert message.endswith("Possible on H100-80GB: 1, 2. The smallest that fits is 1.")
    assert (1, 4) == (
        plan(deployment.with_tensor(1)).engine.tensor_parallel_size,
        plan(deployment).engine.pipeline_parallel_size,
    )


@pytest.mark.parametrize("pipeline", [43, 64])
def test_no_size_is_suggested_beside_a_pipeline_that_cannot_be_had(pipeline: int) -> None:
    message = refuse(a_deployment().with_model(NANO_4B).with_pipeline(pipeline).with_tensor(3)).message
    assert re.search(r"Possible on H100-80GB: [1-8, ]+\.$", message)


def test_the_volume_that_a_message_suggests_is_large_enough() -> None:
    for model in (FP8, BF16):
        deployment = a_deployment().with_model(model).having("cache.size", "1Gi")
        suggested = re.search(r"Set at least (\d+Gi)", refuse(deployment).message)
        assert suggested
        plan(deployment.having("cache.size", suggested[1]))


def test_the_context_that_a_message_suggests_is_within_the_model() -> None:
    suggested = re.search(r"Set at most (\d+)\.$", refuse(a_deployment().with_max_model_len(200_000)).message)
    assert suggested
    plan(a_deployment().with_max_model_len(int(suggested[1])))


def test_the_size_that_a_message_suggests_for_a_small_node_is_legal() -> None:
    profile = CONFIG.accelerators["H100-80GB"].model_copy(update={"gpus_per_node": 6})
    config = config_with_profile(profile)
    suggested = re.search(r"Set at most (\d+);", refuse(a_deployment().with_tensor(8), config=config).message)
    assert suggested
    plan(a_deployment().with_tensor(int(suggested[1])), config=config)


@pytest.mark.parametrize(
    ("path", "value", "better"),
    [
        ("engine.maxNumSeqs", 32_768, 1024),
        ("engine.gpuMemoryUtilizationPercent", 10, 92),
        ("engine.maxNumBatchedTokens", 1_048_576, 8192),
    ],
)
def test_the_setting_that_spoils_the_fit_is_suggested(path: str, value: int, better: int) -> None:
    deployment = a_deployment().with_tensor(2).having("engine.maxNumBatchedTokens", 32_768).having(path, value)
    suggestions = list_suggestions(refuse(deployment))
    assert {path: str(better)} in suggestions
    for suggestion in suggestions:
        plan(follow(deployment, suggestion))


def test_the_step_that_a_message_suggests_holds_the_batch() -> None:
    deployment = a_deployment().having("engine.maxNumSeqs", 600).having("engine.maxNumBatchedTokens", 256)
    suggested = re.search(r"maxNumBatchedTokens to (\d+)\.$", refuse(deployment).message)
    assert suggested
    plan(deployment.having("engine.maxNumBatchedTokens", int(suggested[1])))


@given(
    sizing_requests(),
    st.none() | st.integers(min_value=1, max_value=65_536),
    st.none() | st.integers(min_value=256, max_value=1_048_576),
)
def test_whatever_batch_is_asked_for_each_suggestion_fits(
    deployment: DeploymentBuilder, sequences: int | None, tokens: int | None
) -> None:
    if sequences is not None:
        deployment = deployment.having("engine.maxNumSeqs", sequences)
    if tokens is not None:
        deployment = deployment.having("engine.maxNumBatchedTokens", tokens)
    rejection = plan_or_refuse(deployment)
    if isinstance(rejection, Rejection):
        for suggestion in list_suggestions(rejection):
            plan(follow(deployment, suggestion))


def test_a_smaller_step_is_suggested_only_if_it_holds_the_batch() -> None:
    deployment = (
        a_deployment()
        .with_accelerator("H200")
        .with_tensor(2)
        .with_max_model_len(131_072)
        .having("engine.maxNumSeqs", 9000)
        .having("engine.maxNumBatchedTokens", 1_048_576)
    )
    for suggestion in list_suggestions(refuse(deployment)):
        plan(follow(deployment, suggestion))


@pytest.mark.parametrize(
    ("replicas", "size", "modes"),
    [
        (1, 8, ["ReadWriteOncePod"]),
        (2, 4, ["ReadWriteOnce"]),
        (4, 2, []),
        (9, 8, ["ReadWriteMany"]),
        (9, 8, ["ReadWriteOnce", "ReadWriteMany"]),
    ],
)
def test_replicas_that_can_mount_the_volume_together_are_planned(replicas: int, size: int, modes: list[str]) -> None:
    plan(a_deployment().with_replicas(replicas).with_tensor(size).having("cache.accessModes", modes))


def test_the_modes_of_a_volume_that_exists_count_and_not_those_that_are_asked_for() -> None:
    deployment = a_deployment().with_replicas(2).with_tensor(8).having("cache.accessModes", ["ReadWriteMany"])
    (name,) = list_lookups(deployment.parsed, CATALOG).claim_names
    assert Reason.VOLUME_NOT_SHARED == refuse(deployment, Facts(claims={name: CLAIM})).reason


@given(st.sampled_from(REFUSED))
def test_a_refusal_is_the_same_each_time(row: Refused) -> None:
    assert refuse(row.deployment, row.facts, row.config) == refuse(row.deployment, row.facts, row.config)


def test_what_a_pipeline_leaves_of_a_node_is_a_tensor_parallel_size() -> None:
    planned = plan(a_deployment().with_pipeline(4))
    assert (1, 4, 4) == (planned.engine.tensor_parallel_size, planned.engine.pipeline_parallel_size, planned.pod.gpus)
    plan(a_deployment().with_tensor(2).with_pipeline(4))


def test_an_engine_whose_version_is_not_known_is_taken_for_new_enough() -> None:
    assert plan(a_deployment().with_model(NANO).having("engine.image", "vllm/vllm-openai:nightly")).warning is None


def test_code_that_is_granted_and_allowed_is_no_objection() -> None:
    config = CONFIG.model_copy(update={"allow_trust_remote_code": True})
    deployment = a_deployment().with_model(SUPER_49B).having("model.trustRemoteCode", value=True)
    assert plan(deployment, config=config).engine.trust_remote_code
    assert Reason.REMOTE_CODE_NOT_ALLOWED == refuse(deployment).reason


def test_the_number_of_sequences_that_a_message_suggests_has_its_states() -> None:
    deployment = a_deployment().with_model(NANO).with_tensor(1).having("engine.maxNumSeqs", 8192)
    suggested = re.search(r"Set maxNumSeqs to (\d+) or less", refuse(deployment).message)
    assert suggested
    plan(deployment.having("engine.maxNumSeqs", int(suggested[1])))
    plan(deployment.having("engine.maxNumSeqs", REMOVED))


def test_stages_without_experts_are_refused_with_the_pipelines_that_have_some() -> None:
    """Nemotron 3 Nano has 52 blocks; cut into 19 stages or more, some stage has no experts."""
    message = refuse(a_deployment().with_model(NANO).with_pipeline(19)).message
    assert "without experts" in message
    assert message.endswith(" Possible on H100-80GB: 1, 2, 3, 4, 5, 6, 7, 8.")


def test_a_misfit_that_fits_at_best_says_so() -> None:
    said = "With the estimates at their best it fits: planPolicy: Warn tries it."
    deployment = a_deployment().with_model(BF16).with_tensor(2)
    just_too_long = plan(deployment).longest_max_model_len + 1024
    messages = [refuse(deployment.with_max_model_len(tokens)).message for tokens in (just_too_long, 131_072)]
    assert [True, False] == [said in message for message in messages]


ONLY_WARNED = [
    ("weights_fit", a_deployment().with_model(BF16).with_tensor(1)),
    ("context_fits", a_deployment().with_model(BF16).with_tensor(2).with_max_model_len(65_536)),
    ("states_fit", a_deployment().with_model(NANO).with_tensor(1).having("engine.maxNumSeqs", 8192)),
]


@pytest.mark.parametrize(("check", "deployment"), ONLY_WARNED, ids=[check for check, _ in ONLY_WARNED])
def test_every_misfit_may_be_only_warned_of(check: str, deployment: DeploymentBuilder) -> None:
    assert check == next(list_objecting(resolve(deployment)))
    assert refuse(deployment).message == plan(deployment.that_only_warns()).warning


def test_every_check_of_fit_is_tried_with_a_warning() -> None:
    assert [check.__name__ for check in FIT_CHECKS] == [name for name, _ in ONLY_WARNED]


@pytest.mark.parametrize(("name", "first"), [("gpt2", None), ("nvidia/Llama-3.1-Nemotron-70B-Instruct", BF16)])
def test_an_unknown_model_gets_few_names_and_where_to_find_all(name: str, first: str | None) -> None:
    message = refuse(a_deployment().with_model(name)).message
    names = message.partition("Closest: ")[2].partition(". `nemoctl models` lists all.")[0].split(", ")
    assert 0 < len(names) <= 5
    assert set(names) <= set(CATALOG.entries)
    assert first in {None, names[0]}
