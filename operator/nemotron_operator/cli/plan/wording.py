"""Options where an answer names fields of the resource: whoever asks about a model has written none."""

import re

from nemotron_operator.cli.plan.report import PlanReport, SettingReport

OPTIONS_BY_FIELD = {
    "model.name": "--model",
    "accelerator": "--accelerator",
    "parallelism.tensor": "--tensor-parallel-size",
    "parallelism.pipeline": "--pipeline-parallel-size",
    "engine.maxModelLen": "--max-model-len",
    "engine.gpuMemoryUtilizationPercent": "--gpu-memory-utilization",
    "engine.kvCacheDtype": "--kv-cache-dtype",
    "engine.maxNumSeqs": "--max-num-seqs",
    "engine.maxNumBatchedTokens": "--max-num-batched-tokens",
    "replicas": "--replicas",
}
"""The option that stands for a field of the resource."""

_ENGINE = "engine."

_TENSOR, _PIPELINE = OPTIONS_BY_FIELD["parallelism.tensor"], OPTIONS_BY_FIELD["parallelism.pipeline"]


def speak_of_options(report: PlanReport) -> PlanReport:
    """Word an answer in the options that asked for it."""
    return report.model_copy(
        update={
            "message": name_options(report.message),
            "fitting_settings": tuple(name_options(setting) for setting in report.fitting_settings),
            "next_cheaper": _speak_of_options(report.next_cheaper),
            "next_faster": _speak_of_options(report.next_faster),
        }
    )


def name_options(message: str) -> str:
    """Name options where a message of the plan names fields of the resource."""
    message = re.sub(r"\bspec\.parallelism: tensor (\d+) x pipeline ", rf"{_TENSOR} \1 x {_PIPELINE} ", message)
    message = message.removeprefix("spec.engine: ")
    for path in sorted(OPTIONS_BY_FIELD, key=len, reverse=True):
        option = OPTIONS_BY_FIELD[path]
        message = re.sub(rf"\bspec\.{re.escape(path)}(?=: )", option, message)
        message = re.sub(rf"(?<![\w.-]){re.escape(path)}: (?=\S)", f"{option} ", message)
        if path.startswith(_ENGINE):
            message = re.sub(rf"(?<![\w.-]){path.removeprefix(_ENGINE)}\b", option, message)
    return message


def _speak_of_options(setting: SettingReport | None) -> SettingReport | None:
    if setting is None:
        return None
    return setting.model_copy(update={"settings": tuple(name_options(each) for each in setting.settings)})
