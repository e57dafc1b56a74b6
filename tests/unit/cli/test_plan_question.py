"""Planning without a resource: a model of the catalogue, or any config.json, with options."""

import json
from pathlib import Path
from typing import Any

import pytest

from nemotron_operator.catalog.catalog import load_catalog
from tests.support.fixtures.deployments import BF16, FP8, a_deployment
from tests.unit.cli.command import nemoctl, write_yaml

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "num_hidden_layers": 80,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SUPER = "nvidia/Llama-3_3-Nemotron-Super-49B-v1"
SAME = ("weightsBytesPerGpu", "kvBytesPerToken", "kvCacheBytesPerGpu", "kvCacheTokens", "maxModelLen", "gpus", "fits")


def write(path: Path, config: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config))
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write(tmp_path / "llama" / "config.json", LLAMA)


def ask(*arguments: str | Path, text: str = "") -> dict[str, Any]:
    """Plan, and give the answer; whatever it is, nothing is wrong with the question."""
    answer = nemoctl("plan", *arguments, "-o", "json", text=text)
    assert (answer.document["fits"] is not True, "") == (bool(answer.code), answer.err)
    report: dict[str, Any] = answer.document
    return report


def fail(*arguments: str | Path, text: str = "") -> str:
    """Ask what cannot be answered, and give the one line."""
    answer = nemoctl("plan", *arguments, text=text)
    assert (2, "", 1) == (answer.code, answer.out, answer.err.count("\n"))
    return answer.err.removeprefix("nemoctl: ").rstrip("\n")


def test_a_model_of_the_catalogue_is_planned_as_a_resource_that_names_it(tmp_path: Path) -> None:
    resource = write_yaml(tmp_path / "a.yaml", a_deployment().with_model(BF16).with_tensor(4).body)
    by_file, by_name = ask(resource), ask("--model", BF16.upper(), "--tensor-parallel-size", "4")
    assert [by_file[key] for key in SAME] == [by_name[key] for key in SAME]
    assert ("catalogue", "llama-3-1-nemotron-70b-instruct-hf", BF16) == (
        by_name["file"],
        by_name["name"],
        by_name["model"],
    )


@pytest.mark.parametrize("name", [FP8, SUPER, "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8"])
def test_the_config_of_a_model_is_planned_as_the_model(name: str, tmp_path: Path) -> None:
    file = write(tmp_path / "config.json", load_catalog().entries[name].config)
    by_config, by_name = (ask(*which, "--max-model-len", "8192") for which in (("--config", file), ("--model", name)))
    assert [by_name[key] for key in SAME] == [by_config[key] for key in SAME]


def test_every_option_is_heard(config: Path) -> None:
    report = ask(
        *("--config", config, "--accelerator", "H200", "--tensor-parallel-size", "4", "--pipeline-parallel-size", "2"),
        *("--max-model-len", "16000", "--gpu-memory-utilization", "88", "--kv-cache-dtype", "fp8"),
        *("--max-num-seqs", "128", "--max-num-batched-tokens", "4096", "--vllm-version", "0.17.1", "--replicas", "3"),
    )
    expected = {
        "accelerator": "H200",
        "tensorParallelSize": 4,
        "pipelineParallelSize": 2,
        "maxModelLen": 16000,
        "gpuMemoryUtilizationPercent": 88,
        "kvCacheDtype": "fp8",
        "maxNumSeqs": 128,
        "maxNumBatchedTokens": 4096,
        "vllmVersion": "0.17.1",
        "gpus": 24,
        "nodes": {"gpusPerNode": 8, "needed": 3, "pool": None},
    }
    assert expected == {key: report[key] for key in expected}


def test_the_command_of_the_issue_is_answered(config: Path) -> None:
    report = ask(
        *("--config", config, "--accelerator", "H100-80GB", "--tensor-parallel-size", "2"),
        *("--gpu-memory-utilization", "90", "--max-model-len", "16000"),
    )
    assert (2, 2, 16000, 327_680, 90) == (
        report["tensorParallelSize"],
        report["gpus"],
        report["maxModelLen"],
        report["kvBytesPerToken"],
        report["gpuMemoryUtilizationPercent"],
    )
    assert 70_553_706_496 == pytest.approx(report["weightsBytesPerGpu"], rel=0.001)
    assert report["fits"] == (report["kvCacheTokens"] >= 16000)
    assert report["startupSeconds"] > 0


def test_what_fits_instead_is_told_in_options(config: Path) -> None:
    message = ask("--config", config, "-tp", "2", "--max-model-len", "131072")["message"]
    assert "What fits: --tensor-parallel-size 4, or --max-model-len " in message
    assert "spec." not in message
    shorter = message.partition("--max-model-len ")[2].split(",")[0].rstrip(".")
    assert ask("--config", config, "-tp", "2", "--max-model-len", shorter)["fits"]


def test_a_size_that_does_not_divide_names_the_option(config: Path) -> None:
    report = ask("--config", config, "--tensor-parallel-size", "3")
    assert "TensorParallelDoesNotDivideHeads" == report["reason"]
    expected = (
        "--tensor-parallel-size: 3 does not divide the model's 64 attention heads. Possible on H100-80GB: 1, 2, 4, 8."
    )
    assert report["message"].startswith(expected)


def test_a_context_beyond_the_models_names_the_option(config: Path) -> None:
    report = ask("--config", config, "--max-model-len", "131073")
    expected = "--max-model-len: 131073 tokens exceed the 131072 that llama was made for. Set at most 131072."
    assert ("ContextExceedsModel", expected) == (report["reason"], report["message"])


def test_the_longest_context_is_what_fits_and_not_a_step_more(config: Path) -> None:
    longest = ask("--config", config, "-tp", "2", "--max-model-len", "1024")["longestMaxModelLen"]
    assert ask("--config", config, "-tp", "2", "--max-model-len", str(longest))["fits"]
    assert not ask("--config", config, "-tp", "2", "--max-model-len", str(longest + 1024))["fits"]


def test_a_context_that_is_left_to_the_plan_is_certain(config: Path) -> None:
    report = ask("--config", config, "--max-model-len", "auto", "--strict")
    assert (True, True) == (report["fits"], report["isCertain"])


@pytest.mark.parametrize(
    ("folder", "config_says", "expected"),
    [
        ("my-llama", {}, "my-llama"),
        (COMMIT, {}, "config.json"),
        (f"models--nvidia--My-Model/snapshots/{COMMIT}", {}, "nvidia/My-Model"),
        ("x", {"_name_or_path": "nvidia/Said"}, "nvidia/Said"),
        ("x", {"_name_or_path": "/home/me/model"}, "x"),
        ("two words", {}, "config.json"),
    ],
)
def test_a_directory_is_looked_into_and_gives_the_name(
    folder: str, config_says: dict[str, str], expected: str, tmp_path: Path
) -> None:
    file = write(tmp_path / folder / "config.json", {**LLAMA, **config_says})
    report = ask("--config", file.parent)
    assert (expected, str(file)) == (report["model"], report["file"])


def test_a_pipe_is_read() -> None:
    report = ask("--config", "-", text=json.dumps(LLAMA))
    assert ("standard input", "config.json", True) == (report["file"], report["model"], report["fits"])


def test_the_quantization_beside_an_old_checkpoint_is_read(config: Path) -> None:
    plain = ask("--config", config)
    quantization = {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}
    write(config.with_name("hf_quant_config.json"), {"producer": {"name": "modelopt"}, "quantization": quantization})
    quantized = ask("--config", config)
    assert ("bfloat16", "fp8") == (plain["kvCacheDtype"], quantized["kvCacheDtype"])
    assert plain["kvBytesPerToken"] == 2 * quantized["kvBytesPerToken"]
    assert quantized["gpus"] < plain["gpus"]
    inside = {**LLAMA, "quantization_config": {"quant_method": "modelopt", **quantization}}
    assert [ask("--config", write(config, inside))[key] for key in SAME] == [quantized[key] for key in SAME]


def test_the_quantization_of_config_json_itself_wins(config: Path) -> None:
    write(config.with_name("hf_quant_config.json"), {"quantization": {"quant_algo": "NVFP4"}})
    own = {"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["lm_head"]}
    write(config, {**LLAMA, "quantization_config": own})
    fp8 = ask("--config", config, "-tp", "2")["weightsBytesPerGpu"]
    config.with_name("hf_quant_config.json").unlink()
    assert fp8 == ask("--config", config, "-tp", "2")["weightsBytesPerGpu"]


def test_a_model_that_needs_its_own_code_is_answered_with_a_remark() -> None:
    report = ask("--model", SUPER)
    assert report["fits"]
    expected = "The model brings Python code without which vLLM cannot load it: a deployment needs trustRemoteCode."
    assert expected in report["remarks"]


def test_code_that_config_json_names_is_a_remark(config: Path) -> None:
    write(config, {**LLAMA, "auto_map": {"AutoConfig": "configuration_x.XConfig"}})
    expected = "config.json names Python code of its repository (auto_map): a deployment may need trustRemoteCode."
    assert expected in ask("--config", config)["remarks"]


def test_a_vllm_that_is_too_old_for_the_model_is_a_remark() -> None:
    report = ask("--model", "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8", "--vllm-version", "0.16.0")
    assert (True, "0.16.0") == (report["fits"], report["vllmVersion"])
    assert "The model needs vLLM 0.17.1 or newer, and this is the account of 0.16.0." in report["remarks"]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.10.2", "vLLM 0.10.2 is older than all that was measured (0.11.0): its numbers may differ."),
        ("v0.34", "vLLM 0.34.0 is newer than all that was read (0.33.0): its numbers may differ."),
    ],
)
def test_a_vllm_outside_of_what_was_measured_is_a_remark(version: str, expected: str, config: Path) -> None:
    assert expected in ask("--config", config, "--vllm-version", version)["remarks"]


def test_a_vllm_within_what_was_measured_is_none(config: Path) -> None:
    assert not any("may differ" in remark for remark in ask("--config", config, "--vllm-version", "0.33.1")["remarks"])


def test_the_vllm_version_changes_the_account(config: Path) -> None:
    old, new = (ask("--config", config, "-tp", "4", "--vllm-version", version) for version in ("0.11.0", "0.33.0"))
    assert (0, True) == (old["cudaGraphBytesPerGpu"]["high"], new["cudaGraphBytesPerGpu"]["expected"] > 0)


def test_an_image_that_does_not_say_its_version_is_a_remark(tmp_path: Path) -> None:
    resource = write_yaml(tmp_path / "a.yaml", a_deployment().having("engine.image", "vllm/vllm-openai:latest").body)
    report = ask(resource)
    assert report["vllmVersion"] is None
    expected = "The image 'vllm/vllm-openai:latest' does not say which vLLM it holds: the account is that of 0.33.0."
    assert expected in report["remarks"]


def test_an_argument_whose_memory_is_not_counted_is_a_remark(tmp_path: Path) -> None:
    wanted = a_deployment().with_extra_args('--speculative-config={"method": "ngram", "num_speculative_tokens": 4}')
    remarks = ask(write_yaml(tmp_path / "a.yaml", wanted.body))["remarks"]
    assert any("what the extra argument --speculative-config may change" in remark for remark in remarks)


def test_prediction_layers_are_a_remark(config: Path) -> None:
    write(config, {**LLAMA, "num_nextn_predict_layers": 1})
    assert any("may hold 1 layer for multi-token prediction" in each for each in ask("--config", config)["remarks"])


def test_a_model_whose_geometry_is_not_known_gets_what_is_known(tmp_path: Path) -> None:
    operator_config = tmp_path / "operator.yaml"
    operator_config.write_text(
        "models: [{name: own/unknown, repository: own/unknown, revision: main, licence: none, context: "
        "{maxModelLen: 4096}, knownWeightBytes: {low: 100, high: 300, source: us}, sources: [us]}]\n"
    )
    answer = nemoctl("plan", "--model", "own/unknown", "--operator-config", operator_config, "-o", "json")
    report = answer.document
    assert (1, None, "GeometryUnknown", None) == (
        answer.code,
        report["fits"],
        report["reason"],
        report["weightsBytesPerGpu"],
    )
    assert {"low": 100, "expected": 200, "high": 300} == report["knownWeightsBytes"]


def test_a_config_without_positions_serves_what_is_asked_for(config: Path) -> None:
    write(config, {key: value for key, value in LLAMA.items() if key != "max_position_embeddings"})
    assert 4096 == ask("--config", config, "--max-model-len", "4096")["maxModelLen"]
    expected = "max_position_embeddings is missing, so nothing says how long a sequence may be. Give --max-model-len."
    for arguments in ([], ["--max-model-len", "auto"]):
        assert f"--config: {config}: {expected}" == fail("--config", config, *arguments)


def test_the_positions_of_a_multimodal_model_are_those_of_its_language_model(config: Path) -> None:
    write(config, {**LLAMA, "max_position_embeddings": None, "text_config": {"max_position_embeddings": 8192}})
    assert 8192 == ask("--config", config)["maxModelLen"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1, column 1: is not JSON: Expecting value. A NemotronDeployment is planned without --config."),
        ('{"a": }', "line 1, column 7: is not JSON: Expecting value."),
        ("[1]", "must be a mapping of fields as a model's config.json is (found list)."),
        ("3", "must be a mapping of fields as a model's config.json is (found int)."),
        ("{}", "architectures: must be a list with the model's class (found None)."),
        ('{"architectures": ["FooForCausalLM"]}', "architectures: 'FooForCausalLM' is not known to the plan"),
        ('{"architectures": ["LlamaForCausalLM"]}', "hidden_size: is missing; the plan needs it."),
        ("[" * 100_000, "is nested too deeply to be a config.json."),
        (f'{{"hidden_size": {"9" * 5000}}}', "is no config.json: a number in it has too many digits."),
    ],
    ids=lambda value: value[:40],
)
def test_a_file_that_is_no_config_json_is_one_line(text: str, expected: str, config: Path) -> None:
    config.write_text(text)
    assert fail("--config", config).startswith(f"--config: {config}: {expected}")
    assert fail("--config", "-", text=text).startswith(f"--config: standard input: {expected}")


def test_bytes_that_are_no_text_are_one_line(config: Path) -> None:
    config.write_bytes(b'{"a": "\xff"}')
    assert f"--config: {config}: is not JSON: no text at byte 7." == fail("--config", config)


def test_quantization_beside_it_that_is_none_is_one_line(config: Path) -> None:
    side = write(config.with_name("hf_quant_config.json"), {"quantization": 8})
    expected = f"--config: {side}: quantization: must be a mapping with quant_algo (found 8)."
    assert expected == fail("--config", config)


def test_a_directory_without_a_config_says_where_there_is_one(tmp_path: Path) -> None:
    expected = f"--config: {tmp_path}: is a directory without a config.json. Name the file of a model."
    assert expected == fail("--config", tmp_path)
    write(tmp_path / "one" / "config.json", LLAMA)
    expected = f"--config: {tmp_path}: is a directory without a config.json. It is in one: name that directory."
    assert expected == fail("--config", tmp_path)


def test_a_repository_of_the_hub_cache_says_which_snapshots_it_has(tmp_path: Path) -> None:
    write(tmp_path / "snapshots" / COMMIT / "config.json", LLAMA)
    assert fail("--config", tmp_path).endswith(f" It is in snapshots/{COMMIT}: name that directory.")


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert fail("--config", tmp_path / "nix").startswith(
        f"--config: {tmp_path}/nix: cannot be read (No such file or directory). Give the path of a model's config.json"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--gpu-memory-utilization", "0.9"], "0.9 is a fraction, and percent are meant: did you mean 90?"),
        (["--gpu-memory-utilization", ".85"], ".85 is a fraction, and percent are meant: did you mean 85?"),
        (["--gpu-memory-utilization", "1.0"], "1.0 is a fraction, and percent are meant: did you mean 99?"),
        (["--gpu-memory-utilization", "200"], "must be whole percent from 10 to 99 (found '200')."),
        (["--gpu-memory-utilization", "9"], "must be whole percent from 10 to 99 (found '9')."),
        (["--gpu-memory-utilization", "nan"], "must be whole percent from 10 to 99 (found 'nan')."),
        (["--max-model-len", "16k"], "must be a number of tokens such as 16000, or auto (found '16k')."),
        (
            ["--max-model-len", "100"],
            "should be a whole number of tokens from 256 to 10000000, or auto (found 100).",
        ),
        (["--kv-cache-dtype", "int4"], "input should be 'auto', 'bfloat16' or 'fp8' (found 'int4')."),
        (["--tensor-parallel-size", "0"], "input should be greater than or equal to 1 (found 0)."),
        (["--pipeline-parallel-size", "65"], "input should be less than or equal to 64 (found 65)."),
        (["--max-num-seqs", "0"], "input should be greater than or equal to 1 (found 0)."),
        (["--max-num-batched-tokens", "1"], "input should be greater than or equal to 256 (found 1)."),
        (["--replicas", "-1"], "input should be greater than or equal to 0 (found -1)."),
        (["--vllm-version", "latest"], "must be a release such as 0.33.0 (found 'latest')."),
        (["--vllm-version", "0.33.0rc1"], "must be a release such as 0.33.0 (found '0.33.0rc1')."),
        (
            ["--accelerator", "h100"],
            "'h100' is not a profile of the operator's configuration. Did you mean H100-80GB or H100-PCIe-80GB or",
        ),
        (
            ["--accelerator", "B200"],
            "'B200' is not a profile of the operator's configuration. Did you mean H200? Known: H100-80GB,",
        ),
        (
            ["--accelerator", ""],
            "'' is not a profile of the operator's configuration. Known: H100-80GB,",
        ),
        (
            ["--accelerator", "H100-80"],
            "'H100-80' is not a profile of the operator's configuration. Did you mean H100-80GB? Known: H100-80GB,",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_value_is_one_line_with_option_value_and_way_out(
    arguments: list[str], expected: str, config: Path
) -> None:
    assert fail("--config", config, *arguments).startswith(f"{arguments[0]}: {expected}")


def test_percent_may_have_their_sign(config: Path) -> None:
    assert 90 == ask("--config", config, "--gpu-memory-utilization", "90%")["gpuMemoryUtilizationPercent"]


def test_an_unknown_model_is_one_line() -> None:
    assert fail("--model", "70b").startswith(f"--model: '70b' is not in the catalogue. Closest: {FP8}, {BF16}. ")


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], ""),
        (["a.yaml", "--config", "c.json"], " (found FILE and --config)"),
        (["a.yaml", "--model", FP8], " (found FILE and --model)"),
        (["--model", FP8, "--config", "c.json"], " (found --model and --config)"),
        (["--model", FP8, "--all"], " (found --model and --all)"),
    ],
)
def test_one_thing_is_asked_at_a_time(arguments: list[str], found: str) -> None:
    assert fail(*arguments).startswith(f"Give one of FILE, --model NAME, --config PATH and --all{found}.")


@pytest.mark.parametrize("asked", [["examples/minimal.yaml"], ["--all"]])
def test_settings_go_with_one_model_only(asked: list[str]) -> None:
    expected = "--tensor-parallel-size: goes with --model or --config only; a file says it in its spec."
    assert expected == fail(*asked, "-tp", "2")


def test_the_page_names_options_for_what_does_not_fit(config: Path) -> None:
    answer = nemoctl("plan", "--config", config, "-tp", "1", COLUMNS="200")
    assert (1, "") == (answer.code, answer.err)
    assert answer.out.startswith(f"default/llama ({config}) does not fit: WeightsDoNotFit\n")
    assert "What fits: --tensor-parallel-size " in " ".join(answer.out.split())


def test_a_page_with_pictures_is_written_beside_the_answer(config: Path, tmp_path: Path) -> None:
    page = tmp_path / "plan.html"
    answer = nemoctl("plan", "--config", config, "--html", page, "-o", "json")
    assert (0, True) == (answer.code, answer.document["fits"])
    assert f"default/llama ({config})" in page.read_text()


def test_an_invalid_resource_has_no_picture(tmp_path: Path) -> None:
    page, sound = tmp_path / "plan.html", a_deployment().named("sound").body
    resources = write_yaml(tmp_path / "a.yaml", sound, a_deployment().named("broken").having("replicas", "x").body)
    assert 1 == nemoctl("plan", resources, "--html", page).code
    assert ("team/sound" in page.read_text(), "team/broken" in page.read_text()) == (True, False)


@pytest.mark.parametrize("arguments", [["--html", "a.html"], ["--strict"], ["--nodes", "1"], ["--cluster"]])
def test_the_matrix_has_neither_picture_nor_nodes(arguments: list[str]) -> None:
    expected = "--all: goes without --html, --strict, --nodes and --cluster; name a file or a model for these."
    assert expected == fail("--all", *arguments)


def test_the_matrix_of_all_models_is_printed() -> None:
    answer = nemoctl("plan", "--all", "-o", "json")
    assert (0, True) == (answer.code, len(answer.document) > len(load_catalog().entries))
