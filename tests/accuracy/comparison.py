"""Predicted against reported: what the plan says of a run that somebody else measured."""

from dataclasses import dataclass
from functools import cached_property

from nemotron_operator.architecture.model import Architecture
from nemotron_operator.plan.memory.account import EngineShape, GpuMemory, estimate_gpu_memory
from nemotron_operator.plan.memory.engine_memory import adjust_engine_memory, find_engine_memory
from nemotron_operator.plan.memory.parallelism import Parallelism
from nemotron_operator.plan.memory.working_memory import Batch
from nemotron_operator.plan.sizing import Sizing
from nemotron_operator.units import GIB
from tests.accuracy.datapoints import Datapoint, read_datapoints, read_model

WEIGHTS_WITHIN = 0.01
"""Promised of the weights of one GPU, as a share."""

KV_WITHIN = 0.05
"""Promised of the memory that is left for the KV cache, as a share, or else in GiB:"""

KV_WITHIN_GIB = 0.5

_PRINTED_GIB = 0.01
"""vLLM prints GiB to two places, so what it counted lies within half of this."""

_CAPACITY_BY_CONCURRENCY = (0, 21)
"""The first version known not to print blocks by groups: 0.20.0 does (P105, P109), and 0.29 does not."""

_UNKNOWN_TOTAL_GIB = 80.0
"""Where a source names no GPU, only weights and bytes of a token are compared, which do not depend on it."""

_USUAL_UTILIZATION_PERCENT = 90


@dataclass(frozen=True)
class Comparison:
    """One row, and what the plan says of it."""

    point: Datapoint

    @cached_property
    def memory(self) -> GpuMemory:
        """The plan's account of one GPU."""
        return self._sizing.memory

    @property
    def weights_error(self) -> float | None:
        """Predicted over reported weights, less one."""
        reported = self.point.weights_gib
        return None if reported is None else self.memory.weights_bytes / GIB / reported - 1

    @property
    def kv_gib(self) -> float:
        """What the plan expects to be left for the KV cache."""
        return self.memory.kv_cache_bytes / GIB

    @property
    def kv_error_gib(self) -> float | None:
        """Predicted less reported memory of the KV cache; None where the source does not tell, or not enough."""
        point = self.point
        if point.kv_gib is None or point.total_gib is None or point.utilization_percent is None:
            return None
        return self.kv_gib - point.kv_gib

    @property
    def kv_error(self) -> float | None:
        """The same as a share of what was reported."""
        error, reported = self.kv_error_gib, self.point.kv_gib
        return None if error is None or not reported else error / abs(reported)

    @property
    def kv_tokens(self) -> int:
        """The tokens that the plan expects, counted as the row's version counts them."""
        return self._count_printed_tokens(self.memory.kv_cache_bytes)

    @property
    def is_kv_within_range(self) -> bool | None:
        """Whether what was reported lies between the two ends of the plan's estimate."""
        if self.kv_error_gib is None or self.point.kv_gib is None:
            return None
        low, high = self.memory.kv_cache_bytes_range
        return low / GIB - _PRINTED_GIB <= self.point.kv_gib <= high / GIB + _PRINTED_GIB

    @property
    def is_kv_near(self) -> bool | None:
        """Whether the KV cache is predicted as promised."""
        error, reported = self.kv_error_gib, self.point.kv_gib
        return None if error is None or reported is None else abs(error) <= max(KV_WITHIN_GIB, KV_WITHIN * reported)

    @property
    def is_kv_exact(self) -> bool | None:
        """Whether the plan fills the reported memory with the reported tokens, as exactly as it was printed."""
        tokens_range = self.tokens_of_reported_kv
        if tokens_range is None or self.point.kv_tokens is None:
            return None
        least, most = tokens_range
        return least <= self.point.kv_tokens <= most

    @property
    def tokens_of_reported_kv(self) -> tuple[int, int] | None:
        """The tokens that the plan puts into the memory that was reported, which is rounded."""
        if self.point.kv_gib is None or self.point.kv_tokens is None:
            return None
        least, most = (
            self._count_printed_tokens(int((self.point.kv_gib + change) * GIB))
            for change in (-_PRINTED_GIB / 2, _PRINTED_GIB / 2)
        )
        return least, most

    def _count_printed_tokens(self, kv_cache_bytes: int) -> int:
        """Count as the version of the row does: each group of layers alike, or since 0.21 concurrency times length."""
        layout = self.memory.layout
        if self.point.is_before(*_CAPACITY_BY_CONCURRENCY):
            groups = layout.attention_groups + len(layout.windows) + layout.state_groups
            return layout.count_blocks(kv_cache_bytes) // groups * min(layout.block_tokens, self._max_model_len)
        return layout.count_tokens(kv_cache_bytes, self._max_model_len)

    @property
    def fits(self) -> bool | None:
        """The plan's verdict; None where the source does not tell enough for one."""
        point = self.point
        return None if point.total_gib is None or point.utilization_percent is None else self._sizing.fits

    @property
    def _max_model_len(self) -> int:
        return self.point.max_model_len or self._architecture.max_position_embeddings or 1

    @property
    def _architecture(self) -> Architecture:
        return read_model(self.point.config)

    @cached_property
    def _sizing(self) -> Sizing:
        point, architecture = self.point, self._architecture
        sequences, tokens = point.batch
        engine = find_engine_memory(point.vllm)
        shape = EngineShape(
            parallelism=Parallelism(point.tensor, point.pipeline),
            batch=Batch(sequences, tokens),
            kv_element_bytes=point.kv_element_bytes,
            gpu_memory_utilization_percent=point.utilization_percent or _USUAL_UTILIZATION_PERCENT,
            engine=adjust_engine_memory(engine, is_eager=point.is_eager, has_prefix_caching=True),
        )
        memory = estimate_gpu_memory(architecture, shape, int((point.total_gib or _UNKNOWN_TOTAL_GIB) * GIB))
        has_states = bool(architecture.find_states())
        return Sizing(shape, self._max_model_len, memory, has_states and not point.is_eager)


def compare_all() -> list[Comparison]:
    """Compare every row that can be compared."""
    return [Comparison(point) for point in read_datapoints() if point.is_compared]
