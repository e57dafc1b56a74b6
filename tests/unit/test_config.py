from pathlib import Path

import pytest

from nemotron_operator.config import load_config
from nemotron_operator.errors import ConfigError

SHIPPED = load_config()
EXAMPLES = Path(__file__).parents[2] / "examples"


UNPLANNABLE_MODEL = """\
models:
  - name: org/own
    repository: org/own
    revision: main
    licence: mit
    context: {maxModelLen: 4096}
    config: {architectures: [NobodyKnowsForCausalLM]}
    sources: [ourselves]
"""


def overlay(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_the_shipped_configuration_is_sound() -> None:
    assert SHIPPED.default_accelerator in SHIPPED.accelerators
    assert SHIPPED.engine_image.startswith(SHIPPED.allowed_image_prefixes)
    assert SHIPPED.engine_version in SHIPPED.engine_image
    assert not SHIPPED.allow_trust_remote_code


@pytest.mark.parametrize("name", list(SHIPPED.accelerators))
def test_a_shipped_accelerator_offers_less_than_its_label_says(name: str) -> None:
    labelled_mib = {"H100-80GB": 81_559, "H100-PCIe-80GB": 81_559, "H100-NVL-94GB": 95_830, "H200": 143_771}
    assert 0.98 * labelled_mib[name] < SHIPPED.accelerators[name].usable_memory_mib < labelled_mib[name]
    assert "nvidia.com/gpu" == SHIPPED.accelerators[name].resource_name


def test_no_file_means_the_shipped_configuration() -> None:
    assert SHIPPED == load_config(None)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_changes_nothing(tmp_path: Path, text: str) -> None:
    assert SHIPPED == load_config(overlay(tmp_path, text))


def test_a_field_is_replaced_and_an_accelerator_is_added(tmp_path: Path) -> None:
    text = "resyncSeconds: 60\naccelerators:\n  B200: {nodeLabels: {gpu: [B200]}, usableMemoryMib: 180000}\n"
    config = load_config(overlay(tmp_path, text))
    assert 60 == config.resync_seconds
    assert {*SHIPPED.accelerators, "B200"} == set(config.accelerators)
    assert SHIPPED.engine_image == config.engine_image


def test_a_price_is_text_in_one_currency(tmp_path: Path) -> None:
    text = (
        "currency: EUR\n"
        'accelerators: {X: {nodeLabels: {}, usableMemoryMib: 1, gpuPricePerHour: "2.99"}, Y: {nodeLabels: {}, '
        "usableMemoryMib: 1}}\n"
    )
    config = load_config(overlay(tmp_path, text))
    assert ("EUR", "2.99", None) == (
        config.currency,
        config.accelerators["X"].gpu_price_per_hour,
        config.accelerators["Y"].gpu_price_per_hour,
    )
    assert "USD" == SHIPPED.currency


def test_a_model_without_a_config_is_taken_and_left_to_the_plan_to_refuse(tmp_path: Path) -> None:
    text = UNPLANNABLE_MODEL.replace("    config: {architectures: [NobodyKnowsForCausalLM]}\n", "")
    assert load_config(overlay(tmp_path, text)).models[0].architecture is None


def test_the_example_for_a_machine_without_gpus_is_sound_and_brings_its_model() -> None:
    config = load_config(EXAMPLES / "operator" / "cpu-development.yaml")
    profile = config.accelerators[config.default_accelerator]
    assert ("cpu-development", ("--enforce-eager",)) == (config.default_accelerator, profile.engine_args)
    assert ["nemotron-dev/tiny-llama-fp8"] == [model.name for model in config.models]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "resyncSecond: 60",
            "resyncSecond: is not a field of the operator's configuration; did you mean resyncSeconds?",
        ),
        ("metricsPort: 1", "metricsPort: is not a field of the operator's configuration; remove it or correct its"),
        ("resyncSeconds: soon", "resyncSeconds: "),
        ("resyncSeconds: 1", "(found 1)"),
        ("defaultAccelerator: H300", "defaultAccelerator: 'H300' is no profile; known: H100-80GB"),
        ("- a list", "must be a mapping of fields, found list"),
        ("a: [", "is not YAML"),
        ("accelerators: {X: {nodeLabels: {}}}", "accelerators.X.usableMemoryMib: is required"),
        ("models: [{name: a}]", "models[0].repository: is required"),
        ("currency: euro", "currency: "),
        ("accelerators: {X: {nodeLabels: {}, usableMemoryMib: 1, gpuPricePerHour: cheap}}", "X.gpuPricePerHour"),
        (
            "accelerators: {X: {nodeLabels: {}, usableMemoryMib: 1, gpuPricePerHour: 2.99}}",
            "write it in quotes (found 2.99)",
        ),
        (UNPLANNABLE_MODEL, "models[0]: config.json: architectures: 'NobodyKnowsForCausalLM' is not known"),
        ("engineVersion: 0.33.0rc1", "engineVersion: must be a release in three numbers, such as 0.33.0"),
        ("engineVersion: v0.33.0", "(found 'v0.33.0')"),
        ("engineVersion: nightly", "name the release that it comes closest to (found 'nightly')"),
        ("engineVersion: 0.33", "engineVersion: must be a release in three numbers, such as 0.33.0"),
        ("engineVersion:", "(found None)"),
        ("accelerators: {X: {nodeLabels: {}, usableMemoryMb: 1}}", "accelerators.X.usableMemoryMb: is not a field"),
        ("accelerators: {X: {nodeLabels: {}, usableMemoryMb: 1}}", "did you mean usableMemoryMib?"),
        ("networkPolicy: {gateways: [{namespaceLabel: {a: b}}]}", "gateways[0].namespaceLabel: is not a field of the"),
        ("networkPolicy: {gateways: [{namespaceLabel: {a: b}}]}", "did you mean namespaceLabels?"),
        ("allowedImagePrefixes: vllm/", "allowedImagePrefixes: must be a list, such as [vllm/] (found 'vllm/')"),
        ("gpuMemoryUtilizationPercent: 0.9", "must be whole percent from 1 to 100: did you mean 90? (found 0.9)"),
        (
            "resyncSeconds: 1\nworkers: 0",
            "resyncSeconds: Input should be greater than or equal to 10 (found 1); workers",
        ),
        ("engineImage: 3", "engineImage: must be text: write it in quotes (found 3)"),
    ],
)
def test_a_mistake_names_the_file_and_the_field(tmp_path: Path, text: str, words: str) -> None:
    path = overlay(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


DIGEST = "@sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("engineImage: vllm/vllm-openai:v0.32.0", "0.32.0"),
        ("engineImage: vllm/vllm-openai:v0.34.0\nengineVersion: 0.34.0", "0.34.0"),
        (f"engineImage: registry.example:5000/vllm/vllm-openai:v0.32.0-cu129{DIGEST}", "0.32.0"),
        ("engineImage: registry.example.com/vllm:nightly\nengineVersion: 0.33.0", "0.33.0"),
        ("engineImage: vllm/vllm-openai:v0.32.0\nengineVersion: 0.31.0", "0.31.0"),
        (f"engineImage: {SHIPPED.engine_image}{DIGEST}", SHIPPED.engine_version),
        (f"engineImage: docker.io/{SHIPPED.engine_image}{DIGEST}", SHIPPED.engine_version),
    ],
)
def test_another_engine_image_brings_its_own_version(tmp_path: Path, text: str, version: str) -> None:
    assert version == load_config(overlay(tmp_path, text)).engine_version


@pytest.mark.parametrize(
    "image",
    [
        f"registry.example.com/vllm{DIGEST}",
        "vllm/vllm-openai:nightly",
        "vllm/vllm-openai",
        "vllm:v0.33.0rc1",
        "registry.example.com:5000/serving/vllm-ours:1.2.0",
        "registry.example.com/vllm:25.09.1-py3",
        "registry.example.com/vllm:20251127.1.2",
    ],
)
def test_an_engine_image_that_tells_no_version_needs_one(tmp_path: Path, image: str) -> None:
    path = overlay(tmp_path, f"engineImage: {image}")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}: engineVersion: is required, as the name of engineImage {image!r}")
    assert "Set engineVersion to its release, such as 0.33.0" in str(caught.value)


@pytest.mark.parametrize("text", ["accelerators: [H100]", "accelerators: none"])
def test_accelerators_that_are_no_mapping_are_a_mistake_too(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="accelerators"):
        load_config(overlay(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "missing.yaml")


@pytest.mark.parametrize("field", ["allowedImagePrefixes", "allowedModelImagePrefixes"])
def test_a_prefix_that_every_image_has_is_refused(tmp_path: Path, field: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"{field}\[0\]: an empty prefix would allow every image: name .* \(found ''\)"
    ):
        load_config(overlay(tmp_path, f"{field}: ['']"))
