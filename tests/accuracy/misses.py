"""Rows that the plan does not meet, each with its reason. A row that it meets has to leave this list."""

_MARLIN = (
    "Marlin's kernels of gpt-oss, which widen the experts 2 % more than the Triton kernels that the plan counts with; "
    "those are vLLM's first choice on H100 since they ship with it, but not on A100 and not in every image of 0.11"
)
_TOWER = "vLLM 0.13 repeats the vision tower of Mistral's own format on every GPU; later versions divide it"

WEIGHTS = {
    "P13": _MARLIN,
    "P32": _MARLIN,
    "P35": "gpt-oss at tensor parallel size 8 on RTX PRO 4500, whose kernels pad experts further than those of H100",
    "P48": _MARLIN,
    "P95": _TOWER,
    "P96": _TOWER,
}
"""Weights of one GPU that are off by more than 1 %."""

KV_CACHE = {
    "P12": _MARLIN,
    "P13": _MARLIN,
    "P27": "peak of a sampler that does not sort, or of fewer sequences, which the source does not tell; the plan "
    "expects the sorting one, as in the other runs of the same source, and names both in its range",
    "P32": _MARLIN,
    "P35": "no NVLink, so none of the workspace of an all-reduce that the plan counts with, and other kernels",
}
"""Memory of the KV cache that is off by more than 5 % and 0.5 GiB."""

RANGE = {
    "P35": KV_CACHE["P35"],
    "P95": _TOWER,
    "P96": _TOWER,
}
"""Memory of the KV cache outside the range that the plan gives."""

CALLED_FITTING = {
    "P22": "out of memory while vLLM 0.14.1 converts the weights, before any of it is planned; the same settings run "
    "with 0.11.2 (P21), and the issue is open: https://github.com/vllm-project/vllm/issues/33155",
    "P35": "starts, and is out of memory later with 1.4 GiB above its budget; a utilization of 95 % leaves a GPU of "
    "31 GiB too little for what vLLM does not profile",
}
"""Settings that failed and are called fitting."""

REFUSED: dict[str, str] = {}
"""Settings that ran and are refused."""
