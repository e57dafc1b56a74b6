"""Read rate: how fast the volume gives the weights to a server that has never read them.

What was just written lies in memory, and would be read at the rate of memory. So a sample is put out of it first, and
nothing is told where that fails.
"""

import mmap
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from nemotron_operator.volume.mounts import file_system_of
from nemotron_operator.volume.pages import forget_pages

BLOCK_BYTES = 16 << 20
"""How much is read at once: the block of vLLM's prefetch (DEFAULT_SAFETENSORS_PREFETCH_BLOCK_SIZE)."""

SAMPLE_BYTES = 1 << 30
"""How much is read at most."""

LEAST_SAMPLE_BYTES = 64 << 20
"""A smaller sample tells how fast a file is opened, and not how fast it is read."""

LONGEST_SECONDS = 2.0
"""When to stop reading. What was read until then is the sample."""

PREFETCHED_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "lustre"})
"""Where vLLM reads ahead by several threads unless told otherwise (safetensors_weights_iterator)."""

PREFETCH_THREADS = 8
"""How many threads that are (DEFAULT_SAFETENSORS_PREFETCH_NUM_THREADS)."""


@dataclass(frozen=True)
class Block:
    """A part of a file."""

    path: Path
    first_byte: int
    size_bytes: int


def measure_read_rate(paths: Iterable[Path], clock: Callable[[], float] = time.monotonic) -> int | None:
    """Read a sample as a server reads the files, from the first on; give bytes per second.

    Returns
    -------
    None if the files are too small for a sample, or if the system does not put them out of memory.

    Notes
    -----
    A network file system may have them in the memory of its server, where nobody can put them out from here. Then the
    rate is that of the network, and the first server may see a lower one.
    """
    sample = list(_choose_sample(paths))
    if sum(block.size_bytes for block in sample) < LEAST_SAMPLE_BYTES:
        return None
    _put_out_of_memory(sample)
    if _is_in_memory(sample[0]) or _is_in_memory(sample[-1]):
        return None
    is_prefetched = file_system_of(sample[0].path) in PREFETCHED_FILE_SYSTEMS
    began = clock()
    read = _read_by_threads if is_prefetched else _read_by_mapping
    read_bytes = read(_until(began + LONGEST_SECONDS, sample, clock))
    elapsed_seconds = clock() - began
    return int(read_bytes / elapsed_seconds) if elapsed_seconds > 0 else None


def _choose_sample(paths: Iterable[Path]) -> Iterator[Block]:
    """Choose blocks in the order in which a server reads them."""
    rest_bytes = SAMPLE_BYTES
    for path in paths:
        size_bytes = min(path.stat().st_size, rest_bytes)
        for first_byte in range(0, size_bytes, BLOCK_BYTES):
            yield Block(path, first_byte, min(BLOCK_BYTES, size_bytes - first_byte))
        rest_bytes -= size_bytes


def _put_out_of_memory(sample: Iterable[Block]) -> None:
    """Drop what the page cache has of the sample, and leave the rest to a server that starts on this node."""
    for block in sample:
        forget_pages(block.path, block.first_byte, block.size_bytes)


def _is_in_memory(block: Block) -> bool:
    """Say whether the middle of a block is read without waiting for the volume; False where nobody can say."""
    with block.path.open("rb") as file:
        try:
            middle = block.first_byte + block.size_bytes // 2
            return os.preadv(file.fileno(), [bytearray(1)], middle, os.RWF_NOWAIT) > 0
        except OSError:
            return False


def _until(deadline: float, sample: Iterable[Block], clock: Callable[[], float]) -> Iterator[Block]:
    for block in sample:
        if clock() >= deadline:
            return
        yield block


def _read_by_threads(blocks: Iterator[Block]) -> int:
    """Read several blocks at once; give the bytes."""
    lock = Lock()

    def read() -> int:
        read_bytes = 0
        while (block := _take(blocks, lock)) is not None:
            read_bytes += _read_block(block)
        return read_bytes

    with ThreadPoolExecutor(PREFETCH_THREADS) as pool:
        return sum(future.result() for future in [pool.submit(read) for _ in range(PREFETCH_THREADS)])


def _take(blocks: Iterator[Block], lock: Lock) -> Block | None:
    """Take the next block only when it is its turn: until then the time may be over."""
    with lock:
        return next(blocks, None)


def _read_block(block: Block) -> int:
    with block.path.open("rb", buffering=0) as file:
        return len(os.pread(file.fileno(), block.size_bytes, block.first_byte))


def _read_by_mapping(blocks: Iterable[Block]) -> int:
    """Read one block after the other, mapped into memory as safetensors does; give the bytes."""
    read_bytes = 0
    for block in blocks:
        with (
            block.path.open("rb") as file,
            mmap.mmap(file.fileno(), block.size_bytes, access=mmap.ACCESS_READ, offset=block.first_byte) as mapped,
        ):
            read_bytes += len(mapped[:])
    return read_bytes
