"""Causes on the GPUs: memory, driver, and the links between them.

Sources: the raise sites of vLLM 0.32 and 0.33, which are named above each row, and what PyTorch, CUDA and NCCL say in
the issues that are named.
"""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.causes import Cause, cause

_FREE_GPU_MEMORY = (
    "Raise parallelism.tensor, or lower engine.maxNumSeqs, engine.maxNumBatchedTokens or "
    "engine.gpuMemoryUtilizationPercent."
)

_FREE_SHARED_MEMORY = (
    "Take away what keeps much in /dev/shm from engine.extraArgs and engine.env, such as --mm-processor-cache-type=shm."
)

_FIND_BROKEN_LINK = (
    "Set engine.env NCCL_DEBUG: INFO and read `kubectl -n {namespace} logs {pod} --previous`; `nvidia-smi topo -m` and "
    "`dmesg` on the node show a broken link, and NCCL_P2P_DISABLE: '1' or NCCL_IB_DISABLE: '1' go around it."
)

GPU_CAUSES: tuple[Cause, ...] = (
    # v1/core/kv_cache_utils.py (0.32), v1/core/kv_cache_planning.py (0.33): _check_enough_kv_cache_memory.
    cause(
        Reason.KV_CACHE_TOO_SMALL,
        r"max seq len \((?P<asked>\d+)\), \(?(?P<needed>[\d.]+) GiB KV cache is needed, which is larger than the "
        r"available KV cache memory \((?P<available>[\d.]+) GiB\)\. Based on the available memory, the estimated "
        r"maximum model length is (?P<longest>\d+)",
        "One sequence of {asked} tokens needs {needed} GiB of KV cache, and {available} GiB are left on each GPU, "
        "which hold {longest} tokens.",
        "Set engine.maxModelLen: {longest}, or raise parallelism.tensor.",
    ),
    cause(
        Reason.KV_CACHE_TOO_SMALL,
        r"max seq len \((?P<asked>\d+)\), \(?(?P<needed>[\d.]+) GiB KV cache is needed, which is larger than the "
        r"available KV cache memory \((?P<available>[\d.]+) GiB\)\. Try increasing",
        "One sequence of {asked} tokens needs {needed} GiB of KV cache, and {available} GiB are left on each GPU.",
        "Lower engine.maxModelLen, or raise parallelism.tensor.",
    ),
    cause(
        Reason.KV_CACHE_TOO_SMALL,
        r"No available memory for the cache blocks",
        "Weights and working memory leave nothing of a GPU for the KV cache.",
        "Raise parallelism.tensor, or engine.gpuMemoryUtilizationPercent.",
    ),
    # config/compilation.py: a full batch of a hybrid model needs a state for each sequence.
    cause(
        Reason.KV_CACHE_TOO_SMALL,
        r"max_num_seqs \((?P<asked>\d+)\) exceeds available Mamba cache blocks \((?P<available>\d+)\)",
        "A batch of {asked} sequences needs as many Mamba states, and there is room for {available}.",
        "Set engine.maxNumSeqs: {available}, or raise parallelism.tensor.",
    ),
    # v1/worker/gpu_model_runner.py: load_model. Before 0.33 the traceback alone; see vllm-project/vllm#28143.
    cause(
        Reason.CUDA_OUT_OF_MEMORY,
        r"Failed to load model - not enough GPU memory",
        "The weights do not fit on the GPUs.",
        "Raise parallelism.tensor, or take a model in a smaller number format.",
    ),
    # v1/worker/gpu_model_runner.py: _dummy_sampler_run, _dummy_pooler_run.
    cause(
        Reason.CUDA_OUT_OF_MEMORY,
        r"CUDA out of memory occurred when warming up \w+ with (?P<asked>\d+) dummy requests",
        "A GPU ran out of memory while the engine tried a batch of {asked} sequences.",
        "Set engine.maxNumSeqs below {asked}, or lower engine.gpuMemoryUtilizationPercent.",
    ),
    # v1/engine/core.py logs this before the traceback of an engine that had served; noonghunna/club-3090#16.
    cause(
        Reason.CUDA_OUT_OF_MEMORY,
        r"EngineCore encountered a fatal error(?s:.*?)CUDA out of memory\. Tried to allocate (?P<asked>[\d.]+ \w+)\. "
        r"GPU (?P<number>\d+) has a total capacity of (?P<total>[\d.]+ \w+) of which (?P<free>[\d.]+ \w+) is free",
        "The engine served, then GPU {number} ran out of memory: {asked} were asked for, {free} of {total} were free.",
        _FREE_GPU_MEMORY,
    ),
    # vllm-project/vllm#28143, PyTorch's c10/cuda/CUDACachingAllocator.cpp.
    cause(
        Reason.CUDA_OUT_OF_MEMORY,
        r"CUDA out of memory\. Tried to allocate (?P<asked>[\d.]+ \w+)\. GPU (?P<number>\d+) has a total capacity of "
        r"(?P<total>[\d.]+ \w+) of which (?P<free>[\d.]+ \w+) is free",
        "GPU {number} ran out of memory: {asked} were asked for, and {free} of {total} were free.",
        _FREE_GPU_MEMORY,
    ),
    # noonghunna/club-3090#60: the driver's own words, without numbers.
    cause(
        Reason.CUDA_OUT_OF_MEMORY,
        r"CUDA (?:driver )?error: out of memory",
        "A GPU ran out of memory.",
        _FREE_GPU_MEMORY,
    ),
    # v1/worker/utils.py: request_memory.
    cause(
        Reason.GPU_OCCUPIED,
        r"Free memory on device (?:[\w:]+ )?\((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\) on startup is less than "
        r"desired GPU memory utilization \((?P<share>[\d.]+), (?P<wanted>[\d.]+) GiB\)",
        "Of a GPU's {total} GiB only {free} GiB are free, and the engine takes {wanted} GiB: another process holds the "
        "rest, which Kubernetes does not know of.",
        "`nvidia-smi` on the node of `kubectl -n {namespace} get pod {pod} -o wide` shows it; end it there, or cordon "
        "the node.",
    ),
    # v1/worker/gpu_worker.py: determine_available_memory.
    cause(
        Reason.GPU_OCCUPIED,
        r"Error in memory profiling\. Initial free memory (?P<first>[\d.]+) GiB, current free memory "
        r"(?P<now>[\d.]+) GiB",
        "Another process uses the same GPU: while the engine measured, free memory went from {first} to {now} GiB.",
        "`nvidia-smi` on the node of `kubectl -n {namespace} get pod {pod} -o wide` shows it.",
    ),
    # gpustack/gpustack#1540, vllm-project/vllm#21979 (803), nagadomi/nunif#702; PyTorch's torch/csrc/cuda/Module.cpp.
    cause(
        Reason.DRIVER_TOO_OLD,
        r"The NVIDIA driver on your system is too old \(found version (?P<found>\d+)\)",
        "The node's driver knows CUDA up to version {found} (12040 is 12.4), and the engine image needs a newer one.",
        "Update the driver of that node, or set engine.image to one that is built for its CUDA version.",
    ),
    cause(
        Reason.DRIVER_TOO_OLD,
        r"(?P<said>CUDA driver version is insufficient for CUDA runtime version"
        r"|forward compatibility was attempted on non supported HW"
        r"|system has unsupported display driver / cuda driver combination"
        r"|the provided PTX was compiled with an unsupported toolchain)",
        "The node's driver does not fit the CUDA version of the engine image: {said}.",
        "Update the driver of that node, or set engine.image to one that is built for its CUDA version.",
    ),
    # vllm-project/vllm#16307.
    cause(
        Reason.GPU_NOT_SUPPORTED,
        r"no kernel image is available for execution on the device",
        "The engine image holds no code for this kind of GPU.",
        "Set engine.image to one that is built for it, or accelerator to GPUs that the image knows.",
    ),
    # gpustack/gpustack#1254: what GPUs behind NVSwitch say without the fabric manager.
    cause(
        Reason.FABRIC_NOT_READY,
        r"system not yet initialized",
        "The NVLink switches of the node are not set up (CUDA error 802).",
        "On that node `systemctl status nvidia-fabricmanager` says why: its version has to be the driver's.",
    ),
    # config/parallel.py, v1/worker/gpu_worker.py.
    cause(
        Reason.NO_GPU_FOUND,
        r"World size \((?P<asked>\d+)\) is larger than the number of available GPUs \((?P<found>\d+)\)",
        "The engine needs {asked} GPUs and sees {found}.",
        "`kubectl -n {namespace} get pod {pod} -o wide` names the node; `nvidia-smi -L` there shows what it has, and "
        "its device plugin's log what it gave.",
    ),
    cause(
        Reason.NO_GPU_FOUND,
        r"DP adjusted local rank (?P<rank>\d+) is out of bounds for (?P<found>\d+) devices",
        "The engine looked for GPU number {rank} and sees {found}.",
        "`kubectl -n {namespace} get pod {pod} -o wide` names the node; `nvidia-smi -L` there shows what it has, and "
        "its device plugin's log what it gave.",
    ),
    # config/device.py; vllm-project/vllm#23935, #8243 (no runtime class); PyTorch's torch/cuda/__init__.py.
    cause(
        Reason.NO_GPU_FOUND,
        r"(?P<said>Failed to infer device type|no CUDA-capable device is detected|No CUDA GPUs are available"
        r"|NVML Shared Library Not Found|Found no NVIDIA driver on your system"
        r"|libcuda\.so\.1: cannot open shared object file)",
        "The engine sees no GPU: {said}.",
        "If the GPUs need a runtime class, set podTemplate.runtimeClassName: nvidia; else `nvidia-smi` on the node, "
        "and the log of its device plugin, show why.",
    ),
    # CUDA's cudaErrorECCUncorrectable, cudaErrorDevicesUnavailable, cudaErrorHardwareStackError; NVML's GPU is lost.
    cause(
        Reason.GPU_FAULT,
        r"(?P<said>uncorrectable ECC error encountered|GPU is lost|GPU has fallen off the bus"
        r"|hardware stack error|CUDA-capable device\(s\) is/are busy or unavailable)",
        "A GPU of the node is broken or busy: {said}.",
        "`kubectl cordon` the node of `kubectl -n {namespace} get pod {pod} -o wide`, delete the pod, and look for Xid "
        "in the node's `dmesg`.",
    ),
    # vllm-project/vllm#14537, MiniMax-AI/MiniMax-01#42: NCCL; Python's multiprocessing, for vLLM's own queues.
    cause(
        Reason.SHARED_MEMORY_TOO_SMALL,
        r"Error while creating shared memory segment (?P<path>/dev/shm/\S+) \(size (?P<size>\d+)\)",
        "The shared memory of the pod is full: NCCL found no room for {size} bytes in {path}.",
        _FREE_SHARED_MEMORY,
    ),
    cause(
        Reason.SHARED_MEMORY_TOO_SMALL,
        r"No space left on device: '/?(?P<path>(?:dev/shm/|psm_)[^'\n]*)'",
        "The shared memory of the pod is full: there was no room for {path}.",
        _FREE_SHARED_MEMORY,
    ),
    # distributed/device_communicators/pynccl_wrapper.py: NCCL_CHECK; PyTorch's ProcessGroupNCCL.cpp;
    # vllm-project/vllm#10626, #4618.
    cause(
        Reason.NCCL_FAILED,
        r"NCCL error(?: in: [^\n,]*,|:) (?P<said>[^\n]+)(?:\n\w+: [^\n]*)?\s*Last error:\s*"
        r"(?P<last>(?!Error while creating shared memory)[^\n]+)",
        "The GPUs of the replica cannot speak with each other: {said}. NCCL's last error: {last}.",
        _FIND_BROKEN_LINK,
    ),
    cause(
        Reason.NCCL_FAILED,
        r"NCCL error(?!(?s:.*)Last error:)(?: in: [^\n,]*,|:) (?P<said>[^\n]+)",
        "The GPUs of the replica cannot speak with each other: {said}.",
        _FIND_BROKEN_LINK,
    ),
    cause(
        Reason.NCCL_FAILED,
        r"Watchdog caught collective operation timeout: (?P<said>[^\n]+)",
        "The GPUs of the replica wait for each other: {said}",
        "Set engine.env NCCL_DEBUG: INFO, and read `kubectl -n {namespace} logs {pod} --previous`; `dmesg` of the node "
        "shows whether a GPU failed (Xid).",
    ),
)

GENERAL_GPU_CAUSES: tuple[Cause, ...] = (
    # vllm-project/vllm#24430; whatever CUDA says that no row above knows.
    cause(
        Reason.GPU_FAULT,
        r"CUDA (?:driver )?error: (?P<said>[^\n]+)",
        "CUDA reported an error: {said}.",
        "If it comes on one node only, cordon that node and look for Xid in its `dmesg`; if on each, set engine.image "
        "to another version of vLLM.",
    ),
)
