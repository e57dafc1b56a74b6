"""How many CUDA graphs vLLM captures."""

_SMALLEST_SIZES = (1, 2, 4)

_STEP_ONE, _STEP_TWO = 8, 16

_STEPS_CHANGE_AT = 256

_LARGEST_SIZE = 512


def count_graphs(max_num_seqs: int, max_num_batched_tokens: int) -> int:
    """Count the batch sizes of mixed steps, and again those of steps that only decode.

    Source: `_set_cudagraph_sizes` in vllm/config/vllm.py; FULL_AND_PIECEWISE is the default.
    """
    largest = min(2 * max_num_seqs, _LARGEST_SIZE, max_num_batched_tokens)
    sizes = [
        *_SMALLEST_SIZES,
        *range(_STEP_ONE, _STEPS_CHANGE_AT, _STEP_ONE),
        *range(_STEPS_CHANGE_AT, _LARGEST_SIZE + 1, _STEP_TWO),
    ]
    return sum((size <= largest) + (size <= min(largest, max_num_seqs)) for size in sizes)
