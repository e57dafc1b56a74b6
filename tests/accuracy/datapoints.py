"""What others measured: datapoints.csv, one run of vLLM in each row, each with its source."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nemotron_operator.architecture.model import Architecture
from nemotron_operator.architecture.reader import read_architecture
from nemotron_operator.catalog.catalog import load_catalog

FOLDER = Path(__file__).resolve().parent

_CATALOGUE = "catalogue:"

_LARGE_GPU_GIB = 70
"""From here on, and but for A100, vLLM's defaults are larger (`_get_default_max_num_seqs_and_batched_tokens_defaults`
in vllm/engine/arg_utils.py)."""

_CHUNKED_FROM_TOKENS = 32_768
"""vLLM's first engine worked on whole prompts in one step, unless the context was longer than this."""


@dataclass(frozen=True, slots=True)
class Datapoint:
    """One run. What its source does not tell is None."""

    id: str
    model: str
    config: str
    """File in models/ or name in the catalogue; empty for an architecture that the plan does not know."""
    gpu: str
    total_gib: float | None
    tensor: int
    pipeline: int
    utilization_percent: int | None
    vllm: str | None
    max_model_len: int | None
    max_num_seqs: int | None
    max_num_batched_tokens: int | None
    kv_element_bytes: int
    is_eager: bool
    weights_gib: float | None
    """Of one GPU."""
    kv_gib: float | None
    kv_tokens: int | None
    runs: bool
    excluded: str
    """Why the row is compared with nothing; empty for one that is."""
    source: str
    remark: str

    @property
    def is_planned(self) -> bool:
        """Whether the plan knows the model's architecture."""
        return bool(self.config)

    @property
    def is_compared(self) -> bool:
        """Whether anything of the row is compared."""
        return self.is_planned and not self.excluded

    @property
    def batch(self) -> tuple[int, int]:
        """The sequences and tokens of a step; vLLM's defaults where the source names none."""
        is_large = (self.total_gib or 0) >= _LARGE_GPU_GIB and "A100" not in self.gpu
        sequences, tokens = (1024, 8192) if is_large else (256, 2048)
        if self.is_before(0, 8):
            sequences, tokens = 256, max(2048, self._whole_prompt)
        return self.max_num_seqs or sequences, self.max_num_batched_tokens or tokens

    def is_before(self, major: int, minor: int) -> bool:
        """Whether the row's version is older; False where it is not told."""
        return self.vllm is not None and tuple(int(part) for part in self.vllm.split(".")[:2]) < (major, minor)

    @property
    def _whole_prompt(self) -> int:
        length = self.max_model_len or 0
        return 0 if length > _CHUNKED_FROM_TOKENS else length


@cache
def read_datapoints() -> tuple[Datapoint, ...]:
    """Read all rows, in the order of the file."""
    with (FOLDER / "datapoints.csv").open(encoding="utf-8", newline="") as file:
        return tuple(_read(row) for row in csv.DictReader(file))


def find_datapoint(row_id: str) -> Datapoint:
    """Find a row by its id."""
    return next(point for point in read_datapoints() if point.id == row_id)


@cache
def read_model(config: str) -> Architecture:
    """Read the shape of a row's model, from the catalogue or from its config.json here."""
    if config.startswith(_CATALOGUE):
        architecture = load_catalog().entries[config.removeprefix(_CATALOGUE)].architecture
        assert architecture is not None, f"the catalogue has no geometry of {config}"
        return architecture
    return read_architecture(json.loads((FOLDER / "models" / f"{config}.json").read_text(encoding="utf-8")))


def _read(row: Mapping[str, str]) -> Datapoint:
    return Datapoint(
        id=row["id"],
        model=row["model"],
        config=row["config"],
        gpu=row["gpu"],
        total_gib=_float(row["total_gib"]),
        tensor=_int(row["tp"]) or 1,
        pipeline=_int(row["pp"]) or 1,
        utilization_percent=_int(row["utilization_percent"]),
        vllm=row["vllm"] or None,
        max_model_len=_int(row["max_model_len"]),
        max_num_seqs=_int(row["max_num_seqs"]),
        max_num_batched_tokens=_int(row["max_num_batched_tokens"]),
        kv_element_bytes=1 if row["kv_dtype"] == "fp8" else 2,
        is_eager=row["enforce_eager"] == "true",
        weights_gib=_float(row["weights_gib"]),
        kv_gib=_float(row["kv_gib"]),
        kv_tokens=_int(row["kv_tokens"]),
        runs=row["outcome"] == "ok",
        excluded=row["excluded"],
        source=row["source"],
        remark=row["remark"],
    )


def _int(text: str) -> int | None:
    return int(text) if text else None


def _float(text: str) -> float | None:
    return float(text) if text else None
