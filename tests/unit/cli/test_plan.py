import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.cli.plan.report import BytesRange, NodesReport, PlanReport, PoolReport, SettingReport
from nemotron_operator.plan.memory.estimate import Estimate
from nemotron_operator.status.compute import compute_status
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.planned import find_planned
from tests.support.fixtures.deployments import BF16, FP8, DeploymentBuilder, a_deployment
from tests.support.fixtures.plans import plan
from tests.unit.cli.command import nemoctl, write_yaml

EXAMPLES = sorted(Path("examples").glob("*.yaml"))
CONFIGURED = {
    "autoscaling-keda": ("--operator-config", "examples/operator/keda.yaml"),
    "oci-image": ("--operator-config", "examples/operator/model-images.yaml"),
    "ultra-253b": ("--operator-config", "examples/operator/remote-code.yaml"),
}
"""Examples that the shipped configuration does not allow, with one that does."""
WORDS = [
    *("file", "namespace", "name", "fits", "isCertain", "reason", "message", "model", "licences", "accelerator"),
    "vllmVersion",
]
NUMBERS = [
    *("tensorParallelSize", "pipelineParallelSize", "gpusPerReplica", "nodesPerReplica", "gpus", "maxModelLen"),
    *("gpuMemoryUtilizationPercent", "kvCacheDtype", "maxNumSeqs", "maxNumBatchedTokens", "gpuMemoryBytes"),
    *("engineBytesPerGpu", "weightsBytesPerGpu", "workingBytesPerGpu", "activationBytesPerGpu"),
    *("nonTorchBytesPerGpu", "cudaGraphBytesPerGpu", "adapterBytesPerGpu", "kvBytesPerToken", "stateBytesPerSequence"),
    *("kvCacheBytesPerGpu", "kvCacheBytesPerGpuRange", "kvCacheTokens", "maxConcurrentFullLength"),
    *("longestMaxModelLen", "smallestTensorParallelSize", "startupSeconds", "startupBudgetSeconds"),
]
CHOICES = ["costPerHour", "currency", "nextCheaper", "nextFaster", "fittingSettings", "nodes", "knownWeightsBytes"]
NOTES = ["assumptions", "remarks"]
MODELS = (PlanReport, BytesRange, SettingReport, NodesReport, PoolReport)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "nemo.yaml"


def a_misfit() -> DeploymentBuilder:
    return a_deployment().with_model(BF16).with_tensor(1)


def test_what_fits_ends_well(file: Path) -> None:
    answer = nemoctl("plan", write_yaml(file, a_deployment().body))
    assert (0, "") == (answer.code, answer.err)
    assert answer.out.startswith(f"team/nemotron ({file}) fits\n")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_fits(example: Path) -> None:
    answer = nemoctl("plan", example, *CONFIGURED.get(example.stem, ()))
    assert (0, "") == (answer.code, answer.err)


def test_weights_in_an_image_are_refused_where_the_platform_did_not_allow_it() -> None:
    answer = nemoctl("plan", "examples/oci-image.yaml")
    assert answer.code != 0
    assert "allowedModelImagePrefixes" in answer.out.replace("\n", " ")


def test_one_deployment_is_one_object_with_the_documented_keys(file: Path) -> None:
    answer = nemoctl("plan", write_yaml(file, a_deployment().body), "-o", "json")
    assert [*WORDS, *NUMBERS, *CHOICES, *NOTES] == list(json.loads(answer.out))


def test_several_deployments_are_a_list(file: Path) -> None:
    write_yaml(file, a_deployment().named("a").body, a_deployment().named("b").body)
    assert ["a", "b"] == [report["name"] for report in nemoctl("plan", file, "-o", "json").document]


def test_yaml_says_the_same_as_json(file: Path) -> None:
    write_yaml(file, a_deployment().body, a_misfit().body)
    assert json.loads(nemoctl("plan", file, "-o", "json").out) == nemoctl("plan", file, "-o", "yaml").document


def test_every_key_is_documented() -> None:
    fields = [(model, name, field) for model in MODELS for name, field in model.model_fields.items()]
    assert [] == [(model, name) for model, name, field in fields if not field.description]


def test_the_numbers_are_those_of_the_plan(file: Path) -> None:
    wanted = a_deployment().with_tensor(8).with_max_model_len(4096).with_replicas(2)
    wanted = wanted.having("cache.accessModes", ["ReadWriteMany"])
    planned = plan(wanted)
    report = nemoctl("plan", write_yaml(file, wanted.body), "-o", "json").document
    assert (True, "Fits", find_planned(planned, None).finding.message) == (
        report["fits"],
        report["reason"],
        report["message"],
    )
    assert (FP8, "H100-80GB", 8, 16, 4096) == tuple(
        report[key] for key in ("model", "accelerator", "tensorParallelSize", "gpus", "maxModelLen")
    )
    memory, working = planned.memory, planned.memory.working
    assert {
        "gpuMemoryBytes": memory.total_bytes,
        "engineBytesPerGpu": memory.requested_bytes,
        "weightsBytesPerGpu": memory.weights_bytes,
        "workingBytesPerGpu": memory.working_bytes,
        "activationBytesPerGpu": a_range(working.activation),
        "nonTorchBytesPerGpu": a_range(working.non_torch),
        "cudaGraphBytesPerGpu": a_range(working.graphs),
        "adapterBytesPerGpu": 0,
        "kvBytesPerToken": memory.kv_bytes_per_token,
        "stateBytesPerSequence": 0,
        "kvCacheBytesPerGpu": memory.kv_cache_bytes,
        "kvCacheTokens": planned.kv_cache_tokens,
        "maxConcurrentFullLength": planned.max_concurrent_full_length,
        "maxNumSeqs": planned.engine.max_num_seqs,
        "maxNumBatchedTokens": planned.engine.max_num_batched_tokens,
        "gpuMemoryUtilizationPercent": planned.engine.gpu_memory_utilization_percent,
        "startupSeconds": planned.startup.estimate_seconds,
        "startupBudgetSeconds": planned.startup.budget_seconds,
        "kvCacheDtype": "bfloat16",
        "vllmVersion": "0.33.0",
        "isCertain": True,
    }.items() <= report.items()
    low, high = memory.kv_cache_bytes_range
    assert {"low": low, "expected": memory.kv_cache_bytes, "high": high} == report["kvCacheBytesPerGpuRange"]


def a_range(estimate: Estimate) -> dict[str, int]:
    return {"low": estimate.low_bytes, "expected": estimate.expected_bytes, "high": estimate.high_bytes}


def test_the_numbers_are_those_of_the_status(file: Path) -> None:
    status = compute_status(
        plan(a_deployment()), Observation(), None, NemotronDeploymentStatus(), datetime(2026, 11, 24, tzinfo=UTC)
    )
    assert status.plan is not None
    told = status.plan.model_dump(by_alias=True)
    report = nemoctl("plan", write_yaml(file, a_deployment().body), "-o", "json").document
    numbers = {key: value for key, value in told.items() if isinstance(value, int)}
    assert {"gpus", "kvCacheTokens", "maxModelLen", "startupSeconds"} <= numbers.keys()
    assert numbers == {key: report[key] for key in numbers}


def test_the_room_for_adapters_is_told_beside_them(file: Path) -> None:
    adapters = [{"name": "sql", "path": "loras/sql"}]
    yaml = write_yaml(file, a_deployment().having("model.adapters", adapters).body)
    report = nemoctl("plan", yaml, "-o", "json").document
    parts = ("activationBytesPerGpu", "nonTorchBytesPerGpu", "cudaGraphBytesPerGpu")
    assert report["adapterBytesPerGpu"] > 0
    expected = sum(report[part]["expected"] for part in parts) + report["adapterBytesPerGpu"]
    assert expected == report["workingBytesPerGpu"]
    assert "LoRA adapters" in nemoctl("plan", yaml).out


def test_the_components_add_up(file: Path) -> None:
    report = nemoctl("plan", write_yaml(file, a_deployment().body), "-o", "json").document
    parts = ("activationBytesPerGpu", "nonTorchBytesPerGpu", "cudaGraphBytesPerGpu")
    for end in ("low", "expected", "high"):
        working = sum(report[part][end] for part in parts)
        opposite = {"low": "high", "expected": "expected", "high": "low"}[end]
        left = report["engineBytesPerGpu"] - report["weightsBytesPerGpu"] - working
        assert left == report["kvCacheBytesPerGpuRange"][opposite]
    assert report["workingBytesPerGpu"] == sum(report[part]["expected"] for part in parts)


def test_the_next_cheaper_and_faster_settings_are_told_with_what_they_give(file: Path) -> None:
    report = nemoctl("plan", write_yaml(file, a_deployment().with_tensor(4).body), "-o", "json").document
    cheaper, faster = report["nextCheaper"], report["nextFaster"]
    assert (["parallelism.tensor: 2"], 2, 131072) == (cheaper["settings"], cheaper["gpus"], cheaper["maxModelLen"])
    assert (["parallelism.tensor: 8"], 8, 8) == (faster["settings"], faster["gpus"], faster["tensorParallelSize"])
    assert cheaper["kvCacheTokens"] < report["kvCacheTokens"] < faster["kvCacheTokens"]
    assert 2 == report["smallestTensorParallelSize"]
    again = nemoctl("plan", write_yaml(file, a_deployment().with_tensor(8).body), "-o", "json").document
    keys = ("tensorParallelSize", "gpus", "maxModelLen", "kvCacheTokens", "maxConcurrentFullLength")
    assert [again[key] for key in keys] == [faster[key] for key in keys]


def test_what_does_not_fit_has_no_cheaper_or_faster_setting(file: Path) -> None:
    report = nemoctl("plan", write_yaml(file, a_misfit().body), "-o", "json").document
    assert (None, None) == (report["nextCheaper"], report["nextFaster"])
    smallest = a_misfit().with_tensor(report["smallestTensorParallelSize"]).with_max_model_len(report["maxModelLen"])
    assert 0 == nemoctl("plan", write_yaml(file, smallest.body)).code


def test_the_settings_that_fit_instead_are_told_and_do_fit(file: Path) -> None:
    wanted = a_deployment().with_model(BF16).with_tensor(2).with_max_model_len(131072)
    settings = nemoctl("plan", write_yaml(file, wanted.body), "-o", "json").document["fittingSettings"]
    assert "parallelism.tensor" == settings[0].partition(":")[0]
    for setting in settings:
        path, _, value = setting.partition(": ")
        assert 0 == nemoctl("plan", write_yaml(file, wanted.having(path, int(value)).body)).code
    assert [] == nemoctl("plan", write_yaml(file, a_deployment().body), "-o", "json").document["fittingSettings"]


def test_costs_are_told_where_the_profile_has_a_price(file: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "currency: EUR\naccelerators:\n  H100-80GB: {nodeLabels: {gpu: [H100]}, usableMemoryMib: 81008, "
        'gpuPricePerHour: "2.49"}\n'
    )
    wanted = a_deployment().with_tensor(4).with_replicas(3).having("cache.accessModes", ["ReadWriteMany"])
    answer = nemoctl("plan", write_yaml(file, wanted.body), "--operator-config", config, "-o", "json")
    report = answer.document
    assert ("29.88", "EUR") == (report["costPerHour"], report["currency"])
    assert ("14.94", "59.76") == (report["nextCheaper"]["costPerHour"], report["nextFaster"]["costPerHour"])
    assert "Cost        29.88 EUR per hour\n" in nemoctl("plan", file, "--operator-config", config).out


def test_without_a_price_there_is_no_cost(file: Path) -> None:
    report = nemoctl("plan", write_yaml(file, a_deployment().body), "-o", "json").document
    assert (None, None) == (report["costPerHour"], report["currency"])


def test_empty_nodes_are_counted(file: Path) -> None:
    wanted = a_deployment().with_tensor(4).with_replicas(5).having("cache.accessModes", ["ReadWriteMany"])
    report = nemoctl("plan", write_yaml(file, wanted.body), "-o", "json").document
    assert {"gpusPerNode": 8, "needed": 3, "pool": None} == report["nodes"]


def test_strict_wants_certainty(file: Path) -> None:
    """The longest context of one GPU fits as expected, and not where every estimate is at its worst."""
    short = a_deployment().with_tensor(1).with_max_model_len(1024)
    longest = nemoctl("plan", write_yaml(file, short.body), "-o", "json").document["longestMaxModelLen"]
    write_yaml(file, short.with_max_model_len(longest).body)
    report = nemoctl("plan", file, "-o", "json").document
    assert (True, False) == (report["fits"], report["isCertain"])
    assert (0, 1) == (nemoctl("plan", file).code, nemoctl("plan", file, "--strict").code)
    assert "fits, unless the estimates are too low\n" in nemoctl("plan", file, COLUMNS="200").out
    assert 0 == nemoctl("plan", write_yaml(file, a_deployment().body), "--strict").code


def test_weights_that_do_not_fit_are_refused_with_the_numbers(file: Path) -> None:
    answer = nemoctl("plan", write_yaml(file, a_misfit().body), "-o", "json")
    report = answer.document
    assert (1, False, "WeightsDoNotFit") == (answer.code, report["fits"], report["reason"])
    assert (1, 0, 0) == (report["tensorParallelSize"], report["kvCacheBytesPerGpu"], report["kvCacheTokens"])
    assert report["weightsBytesPerGpu"] > report["engineBytesPerGpu"]


def test_a_context_that_does_not_fit_keeps_its_length_in_the_report(file: Path) -> None:
    wanted = a_deployment().with_model(BF16).with_tensor(2).with_max_model_len(131072)
    report = nemoctl("plan", write_yaml(file, wanted.body), "-o", "json").document
    assert ("ContextDoesNotFit", 131072, 0) == (
        report["reason"],
        report["maxModelLen"],
        report["maxConcurrentFullLength"],
    )
    assert 0 < report["kvCacheTokens"] < 131072


def test_what_is_started_all_the_same_still_does_not_fit(file: Path) -> None:
    answer = nemoctl("plan", write_yaml(file, a_misfit().that_only_warns().body), "-o", "json")
    report = answer.document
    assert (1, False, "DoesNotFitNotEnforced", 1) == (answer.code, report["fits"], report["reason"], report["gpus"])


@pytest.mark.parametrize(
    ("wanted", "reason", "model", "accelerator"),
    [
        (a_deployment().with_tensor(3), "TensorParallelDoesNotDivideHeads", FP8, "H100-80GB"),
        (a_deployment().with_tensor(16), "TensorParallelExceedsNode", FP8, "H100-80GB"),
        (a_deployment().with_accelerator("A100"), "UnknownAccelerator", FP8, "A100"),
        (a_deployment().with_model("nvidia/nope"), "UnknownModel", "nvidia/nope", "H100-80GB"),
        (a_deployment().with_max_model_len(200_000), "ContextExceedsModel", FP8, "H100-80GB"),
        (a_deployment().having("cache.size", "1Gi"), "CacheTooSmall", FP8, "H100-80GB"),
        (a_deployment().having("replicas", "many"), "InvalidSpec", None, None),
        (a_deployment().having("acceleratorr", "H200"), "InvalidSpec", None, None),
        (a_deployment().named("Nemo"), "InvalidSpec", None, None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_work_has_a_reason_and_no_numbers(
    file: Path, wanted: DeploymentBuilder, reason: str, model: str | None, accelerator: str | None
) -> None:
    answer = nemoctl("plan", write_yaml(file, wanted.body), "-o", "json")
    report = answer.document
    assert (1, False, reason) == (answer.code, report["fits"], report["reason"])
    assert (model, accelerator) == (report["model"], report["accelerator"])
    assert {None} == {report[key] for key in NUMBERS}


def test_one_misfit_among_many_ends_badly(file: Path) -> None:
    answer = nemoctl("plan", write_yaml(file, a_deployment().body, a_misfit().body))
    assert 1 == answer.code
    assert answer.out.endswith("\n1 of 2 deployments fit.\n")


def test_a_claim_is_assumed_and_said_to_be(file: Path) -> None:
    wanted = a_deployment().with_provided_weights("team-models", "llama")
    answer = nemoctl("plan", write_yaml(file, wanted.body), "-o", "json")
    assert ["PersistentVolumeClaim 'team-models' exists, and every replica may mount it"] == answer.document[
        "assumptions"
    ]
    assert "Assumed     PersistentVolumeClaim 'team-models' exists" in nemoctl("plan", file).out


def test_replicas_on_several_nodes_share_an_assumed_claim(file: Path) -> None:
    wanted = a_deployment().with_tensor(8).with_replicas(2)
    for one in (wanted.with_provided_weights("team-models", "llama"), wanted.with_existing_claim("team-models")):
        assert 0 == nemoctl("plan", write_yaml(file, one.body)).code


def test_nothing_is_assumed_without_a_claim(file: Path) -> None:
    assert [] == nemoctl("plan", write_yaml(file, a_deployment().body), "-o", "json").document["assumptions"]


def test_a_pipe_is_read(file: Path) -> None:
    text = write_yaml(file, a_deployment().body).read_text()
    answer = nemoctl("plan", "-", text=text)
    assert (0, True) == (answer.code, answer.out.startswith("team/nemotron (standard input) fits\n"))


def test_skipped_objects_are_told_beside_the_output(file: Path) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    answer = nemoctl("plan", write_yaml(file, secret, a_deployment().body), "-o", "json")
    assert "nemotron" == answer.document["name"]
    assert f"nemoctl: {file} (document 1): Secret 's' is no NemotronDeployment, skipped.\n" == answer.err


def test_a_configuration_brings_its_accelerators(file: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "defaultAccelerator: B200\naccelerators:\n  B200: {nodeLabels: {gpu: [B200]}, usableMemoryMib: 180000}\n"
    )
    write_yaml(file, a_deployment().body)
    expected = ("B200", 1)
    for report in (
        nemoctl("plan", file, "-o", "json", "--operator-config", config).document,
        nemoctl("plan", file, "-o", "json", NEMOTRON_OPERATOR_CONFIG=str(config)).document,
    ):
        assert expected == (report["accelerator"], report["gpus"])


def test_a_suspended_deployment_takes_no_gpu(file: Path) -> None:
    report = nemoctl("plan", write_yaml(file, a_deployment().suspended().body), "-o", "json").document
    assert (True, 2, 0) == (report["fits"], report["gpusPerReplica"], report["gpus"])


def test_the_documentation_of_the_answer_names_keys_that_there_are() -> None:
    page = Path("docs/fit-plan.md").read_text()
    table = page.partition("## The answer for programs")[2].partition("\n## ")[0]
    named = re.findall(r"`([a-z][A-Za-z]+)`", " ".join(line for line in table.splitlines() if line.startswith("| `")))
    keys = {field.alias for field in PlanReport.model_fields.values()}
    assert [] == [key for key in named if key not in keys | {"gpuPricePerHour"}]
    issue = {
        *("fits", "weightsBytesPerGpu", "kvBytesPerToken", "kvCacheBytesPerGpu", "kvCacheTokens", "gpus"),
        *("maxConcurrentFullLength", "maxModelLen", "tensorParallelSize", "startupSeconds"),
    }
    assert set() == issue - set(named)
