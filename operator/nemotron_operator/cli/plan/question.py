"""From --model or --config and their settings to a deployment that goes through the same plan as any other."""

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from nemotron_operator.api.spec import NemotronDeploymentSpec
from nemotron_operator.api.v1alpha1 import Identity, ParsedDeployment
from nemotron_operator.architecture.errors import ArchitectureError
from nemotron_operator.catalog.entry import CatalogEntry, Context, ServingFlags
from nemotron_operator.catalog.licences import UNKNOWN
from nemotron_operator.cli.documents import Document
from nemotron_operator.cli.offline import Offline, is_commit
from nemotron_operator.cli.plan.config_file import ConfigFile, read_config_file
from nemotron_operator.cli.plan.context_length import ContextLength, find_longest_context
from nemotron_operator.cli.plan.options import ModelQuestion
from nemotron_operator.cli.plan.wording import OPTIONS_BY_FIELD
from nemotron_operator.config import OperatorConfig
from nemotron_operator.errors import OperatorError
from nemotron_operator.plan.engine_version import find_engine_version

_MODEL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,96}(/[A-Za-z0-9_.-]{1,96})?")
_LONGEST_CONTEXT_TOKENS = 10_000_000
"""Limit of a model whose config.json names none: that of the field itself."""

_NAMES_SHOWN = 5
"""How many names an error lists."""

_HUB_FOLDER = re.compile(r"models--(?P<organisation>[^/]+?)--(?P<name>[^/]+)")
"""How a hub cache calls the folder of a repository."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is planned, and with what."""

    document: Document
    offline: Offline
    flags: ServingFlags
    """What the model needs and was taken for granted."""
    has_own_code: bool = False
    """Whether config.json names Python code of its repository."""
    remarks: tuple[str, ...] = ()
    """What else a person should know of the config.json, in sentences."""


def resolve_question(question: ModelQuestion, offline: Offline) -> Asked:
    """Make a deployment of the question, in a configuration that hides no answer for want of a permission.

    Raises
    ------
    OperatorError
        The model, the config.json, the accelerator or a setting cannot be used; the message names the option.
    """
    _check_accelerator(question, offline.config)
    offline = replace(offline, config=_plan_as(question.vllm_version, offline.config))
    if question.config is None:
        return _ask_about(question, find_entry(question.model or "", offline, "--model"), "catalogue", offline)
    file = read_config_file(question.config)
    context = _read_context(file, _find_version(question, offline.config))
    asked = _ask_about(question, _make_entry(file, context, question), file.source, offline)
    remarks = (context.remark,) if context is not None and context.remark else ()
    return replace(asked, has_own_code="auto_map" in file.values, remarks=remarks)


def find_entry(name: str, offline: Offline, asked_by: str) -> CatalogEntry:
    """Find a model of the catalogue.

    Raises
    ------
    OperatorError
        There is none; the message names what asked for it, and the closest names.
    """
    entry = offline.catalog.find(name)
    if entry is None:
        parts = [each for each in sorted(offline.catalog.entries) if name.casefold() in each.casefold()]
        close = ", ".join((parts or offline.catalog.closest_names(name))[:_NAMES_SHOWN])
        raise OperatorError(
            f"{asked_by}: {name!r} is not in the catalogue. Closest: {close}. `nemoctl models` lists all; "
            "`nemoctl plan --config` plans any config.json."
        )
    return entry


def _ask_about(question: ModelQuestion, entry: CatalogEntry, source: str, offline: Offline) -> Asked:
    spec = _make_spec(question, entry)
    deployment = ParsedDeployment(Identity("default", _make_name(entry.name), "", 0), spec)
    return Asked(Document(source, deployment), grant(offline, entry), entry.flags)


def _check_accelerator(question: ModelQuestion, config: OperatorConfig) -> None:
    name = question.accelerator
    if name is None or name in config.accelerators:
        return
    begun = [each for each in config.accelerators if name and each.casefold().startswith(name.casefold())]
    close = begun or get_close_matches(name, config.accelerators, n=1)
    advice = f" Did you mean {' or '.join(close)}?" if close else ""
    raise OperatorError(
        f"--accelerator: {name!r} is not a profile of the operator's configuration.{advice} Known: "
        f"{', '.join(sorted(config.accelerators))}; --operator-config brings more."
    )


def _plan_as(version: str | None, config: OperatorConfig) -> OperatorConfig:
    """Take every image for one of this vLLM."""
    if version is None:
        return config
    match = re.fullmatch(r"v?(\d{1,4}\.\d{1,4})(\.\d{1,4})?", version)
    if match is None:
        raise OperatorError(f"--vllm-version: must be a release such as {config.engine_version} (found {version!r}).")
    profiles = {
        name: profile.model_copy(update={"engine_image": None}) for name, profile in config.accelerators.items()
    }
    return config.model_copy(update={"engine_version": f"{match[1]}{match[2] or '.0'}", "accelerators": profiles})


def _find_version(question: ModelQuestion, config: OperatorConfig) -> str | None:
    """Tell which vLLM would serve; None when its image does not say."""
    profile = config.accelerators[question.accelerator or config.default_accelerator]
    return find_engine_version(profile.engine_image or config.engine_image, config)


def _read_context(file: ConfigFile, version: str | None) -> ContextLength | None:
    try:
        return find_longest_context(file.values, version)
    except ArchitectureError as error:
        raise _blame(file, error) from error


def _blame(file: ConfigFile, error: ArchitectureError) -> OperatorError:
    """Name the file instead of any config.json."""
    return OperatorError(f"--config: {file.source}: {str(error).removeprefix('config.json: ')}")


def _make_entry(file: ConfigFile, context: ContextLength | None, question: ModelQuestion) -> CatalogEntry:
    """Make an entry of a config.json for this one plan."""
    entry = CatalogEntry(
        name=_name_model(file),
        repository=_name_model(file),
        revision="main",
        licence=UNKNOWN,
        context=Context(max_model_len=context.tokens if context else _LONGEST_CONTEXT_TOKENS),
        config=file.values,
        sources=(file.source,),
    )
    try:
        _ = entry.architecture
    except ArchitectureError as error:
        raise _blame(file, error) from error
    if context is None and question.max_model_len in {None, "auto"}:
        raise OperatorError(
            f"--config: {file.source}: max_position_embeddings is missing, so nothing says how long a sequence may be. "
            "Give --max-model-len."
        )
    return entry


def _name_model(file: ConfigFile) -> str:
    """Call the model as its file or its folder does."""
    said = file.values.get("_name_or_path")
    if isinstance(said, str) and "/" in said and _MODEL_NAME.fullmatch(said):
        return said
    parts = file.directory.resolve().parts if file.directory else ()
    hub = next((match for part in reversed(parts) if (match := _HUB_FOLDER.fullmatch(part))), None)
    if hub is not None:
        return f"{hub['organisation']}/{hub['name']}"
    folder = parts[-1] if parts else ""
    is_name = _MODEL_NAME.fullmatch(folder) and not is_commit(folder)
    return folder if is_name else "config.json"


def _make_name(model_name: str) -> str:
    """Make a name for a resource that will never be one."""
    words = re.sub(r"[^a-z0-9]+", "-", Path(model_name).name.lower()).strip("-")
    return words[:48].rstrip("-") or "model"


def _make_spec(question: ModelQuestion, entry: CatalogEntry) -> NemotronDeploymentSpec:
    engine = {
        "maxModelLen": _read_max_model_len(question.max_model_len),
        "gpuMemoryUtilizationPercent": _read_percent(question.gpu_memory_utilization),
        "kvCacheDtype": question.kv_cache_dtype,
        "maxNumSeqs": question.max_num_seqs,
        "maxNumBatchedTokens": question.max_num_batched_tokens,
    }
    spec = {
        "model": {"name": entry.name, "trustRemoteCode": entry.flags.trust_remote_code},
        "accelerator": question.accelerator,
        "parallelism": {"tensor": question.tensor_parallel_size, "pipeline": question.pipeline_parallel_size},
        "engine": {field: value for field, value in engine.items() if value is not None},
        # Many nodes never share a volume here: it is the memory that is asked for.
        "cache": {"accessModes": ["ReadWriteMany"]},
        "replicas": 1 if question.replicas is None else question.replicas,
    }
    try:
        return NemotronDeploymentSpec.model_validate(spec)
    except ValidationError as error:
        raise OperatorError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    """Say which option is wrong, its value, and what would be right."""
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"][:2])
    option = OPTIONS_BY_FIELD.get(path) or OPTIONS_BY_FIELD.get(str(first["loc"][0]), path)
    return f"{option}: {first['msg'].removeprefix('Value error, ').lower()} (found {first['input']!r})."


def _read_max_model_len(text: str | None) -> int | str | None:
    return text if text is None or text == "auto" else _read_tokens(text)


def _read_tokens(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise OperatorError(f"--max-model-len: must be a number of tokens such as 16000, or auto (found {text!r}).")
    return int(text)


def _read_percent(text: str | None) -> int | None:
    """Read a percentage; vLLM's own option takes a fraction, and a person may think of that."""
    if text is None:
        return None
    if re.fullmatch(r"0?\.[0-9]{1,6}|1\.0*", text):
        raise OperatorError(
            f"--gpu-memory-utilization: {text} is a fraction, and percent are meant: did you mean "
            f"{min(99, round(float(text) * 100))}?"
        )
    percent = re.fullmatch(r"([0-9]{1,3})(\.0*)?%?", text)
    if percent is None or not 10 <= int(percent[1]) <= 99:  # noqa: PLR2004 - as in EngineSpec
        raise OperatorError(f"--gpu-memory-utilization: must be whole percent from 10 to 99 (found {text!r}).")
    return int(percent[1])


def grant(offline: Offline, entry: CatalogEntry) -> Offline:
    """Let a model of the catalogue be planned whatever it needs beside memory."""
    granted = entry.model_copy(update={"flags": entry.flags.model_copy(update={"minimum_vllm": None})})
    config = offline.config.model_copy(update={"allow_trust_remote_code": True})
    return replace(offline, config=config, catalog=offline.catalog.extend([granted]))
