"""Causes beside the GPUs: arguments, model, weights, files and processes.

Sources: the raise sites of vLLM 0.32 and 0.33, which are named above each row; most of these texts came from a real
vLLM 0.32.
"""

from nemotron_operator.api.conditions import Reason
from nemotron_operator.status.causes import Cause, cause
from nemotron_operator.status.pod_causes import SLOW_VOLUME

_READ_WEIGHTS_AGAIN = (
    "`nemoctl cache verify {deployment} -n {namespace}` reads every byte again; weights of yours have to be those of "
    "the catalogue's model."
)

_WRITABLE = (
    "The root file system is read-only: let the variable or argument that names this path (engine.env, "
    "engine.extraArgs) name one under /scratch."
)

_FREE_SPACE = (
    "`kubectl -n {namespace} exec {pod} -- df -h` shows which is full: the node's disk holds /scratch and /tmp, the "
    "model's volume /compiled (cache.size)."
)

START_CAUSES: tuple[Cause, ...] = (
    # config/model.py: _get_and_verify_max_len.
    cause(
        Reason.CONTEXT_EXCEEDS_MODEL,
        r"User-specified max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len "
        r"\((?P<known>[^)]*)\)",
        "Sequences of {asked} tokens are longer than the model was made for ({known}).",
        "Lower engine.maxModelLen.",
    ),
    # transformers/dynamic_module_utils.py; vllm/transformers_utils/config.py, vllm/tokenizers/hf.py.
    cause(
        Reason.REMOTE_CODE_NEEDED,
        r"contains custom code which must be executed to correctly load the model"
        r"|(?:requires you to execute the (?:configuration|tokenizer) file)"
        r"|consider setting `trust_remote_code=True`",
        "The model does not load without the code of its repository.",
        "Read that code; then set model.trustRemoteCode: true.",
    ),
    # model_executor/models/registry.py: _raise_for_unsupported. Its list of what is supported is longer than what a
    # pod keeps of its last words, so that only the end of it may be there.
    cause(
        Reason.MODEL_NOT_SUPPORTED,
        r"Model architectures? (?P<architecture>\[[^\]]*\]|\w+) (?:are not supported for now|was supported in vLLM "
        r"until|is not supported in-tree|failed to be inspected)",
        "This vLLM does not know the architecture {architecture}.",
        "Set engine.image to a version that does.",
    ),
    cause(
        Reason.MODEL_NOT_SUPPORTED,
        r"^(?!(?s:.*)Model architectures)(?s:.*)'Transformers\w+'\]\) \[type=value_error",
        "This vLLM does not know the model's architecture.",
        "Set engine.image to a version that does.",
    ),
    # transformers/models/auto/configuration_auto.py; vllm/config/model.py: _verify_quantization.
    cause(
        Reason.MODEL_NOT_SUPPORTED,
        r"model type `(?P<kind>[^`]+)` but Transformers does not recognize this architecture",
        "The transformers of this engine image do not know models of type {kind}.",
        "Set engine.image to a version that does.",
    ),
    cause(
        Reason.MODEL_NOT_SUPPORTED,
        r"Unknown quantization method: (?P<kind>[\w-]+)",
        "This vLLM does not know the number format {kind}.",
        "Set engine.image to a version that does.",
    ),
    # transformers/tokenization_utils_tokenizers.py, tokenization_utils_base.py: a repository without tokenizer.json.
    cause(
        Reason.TOKENIZER_MISSING,
        r"Couldn't instantiate the backend tokenizer|Can't load tokenizer for",
        "The tokenizer's files are missing beside the weights, or are not those of this model.",
        _READ_WEIGHTS_AGAIN,
    ),
    # safetensors: a file that was cut short, or that is none.
    cause(
        Reason.WEIGHTS_UNREADABLE,
        r"SafetensorError: (?P<said>[^\n]+)",
        "A file of the weights is damaged: {said}.",
        _READ_WEIGHTS_AGAIN,
    ),
    # model_executor/model_loader/default_loader.py: _prepare_weights.
    cause(
        Reason.WEIGHTS_UNREADABLE,
        r"Cannot find any model weights with `(?P<path>[^`]+)`",
        "There are no weights in {path}.",
        _READ_WEIGHTS_AGAIN,
    ),
    cause(
        Reason.WEIGHTS_UNREADABLE,
        r"No such file or directory: \"?'?(?P<path>[^\n'\"]*\.safetensors[^\n'\"]*)",
        "A file of the weights is missing: {path}.",
        _READ_WEIGHTS_AGAIN,
    ),
    # model_executor/models/utils.py, model_loader/weight_utils.py and default_loader.py; PyTorch, for other sizes.
    cause(
        Reason.WEIGHTS_UNREADABLE,
        r"There is no module or parameter named (?P<name>'[^']+') in (?P<module>\w+)",
        "The weights hold {name}, which {module} has not: they are those of another model, or of a newer version.",
        _READ_WEIGHTS_AGAIN,
    ),
    cause(
        Reason.WEIGHTS_UNREADABLE,
        r"Following weights were not initialized from checkpoint: (?P<names>[^\n]+)",
        "The files lack weights: {names}",
        _READ_WEIGHTS_AGAIN,
    ),
    cause(
        Reason.WEIGHTS_UNREADABLE,
        r"Attempted to load weight \((?P<found>[^\n]+?)\) into parameter \((?P<wanted>[^\n]+?)\)(?:\n|$)",
        "A weight has the size {found} where config.json asks for {wanted}.",
        _READ_WEIGHTS_AGAIN,
    ),
    cause(
        Reason.WEIGHTS_UNREADABLE,
        r"load_weights(?s:.*)(?P<said>(?:The size of tensor a|The expanded size of the tensor) \([^\n]+)",
        "A weight has another size than config.json asks for: {said}.",
        _READ_WEIGHTS_AGAIN,
    ),
    cause(
        Reason.WEIGHTS_UNREADABLE,
        r"KeyError: (?P<name>'(?:model|layers|backbone|lm_head|language_model|vision_model)[.][^'\n]+')",
        "The weights hold {name}, which this vLLM does not know of the model.",
        _READ_WEIGHTS_AGAIN,
    ),
    # entrypoints/launchers/launcher.py: create_server_socket; asyncio, for an engine that binds later.
    cause(
        Reason.PORT_IN_USE,
        r"\[Errno 98\] (?:Address already in use|error while attempting to bind on address (?P<address>\([^)]*\)))",
        "Something in the pod listens on the engine's port already.",
        "Set service.port to another one, or take the container that was injected into the pod off it.",
    ),
    # vllm-project/vllm#28440, Center-for-AI-Innovation/LLMFlux#124, huggingface/inference-benchmarker#47.
    cause(
        Reason.PERMISSION_DENIED,
        r"\[Errno 13\] Permission denied: '(?P<path>/models/[^'\n]+)'",
        "The engine may not read {path}: it runs as user and group 2000.",
        "Let that group read the files of the volume, or have the operator download the model.",
    ),
    cause(
        Reason.PERMISSION_DENIED,
        r"\[Errno (?:13|30)\] (?P<said>Permission denied|Read-only file system): '(?P<path>(?!/models/)[^'\n]+)'",
        "The engine may not write to {path}: {said}.",
        _WRITABLE,
    ),
    cause(
        Reason.DISK_FULL,
        r"\[Errno 28\] No space left on device: '(?P<path>/(?!dev/shm/|psm_)[^'\n]+)'",
        "No space is left for {path}.",
        _FREE_SPACE,
    ),
    # argparse; entrypoints/launchers/launcher.py: validate_api_server_args.
    cause(
        Reason.ARGUMENT_REJECTED,
        r"(?:vllm|vllm serve|api_server\.py): error: (?P<said>[^\n]+)",
        "vLLM refuses its arguments: {said}.",
        "Correct engine.extraArgs, or set engine.image to a version that knows them.",
    ),
    cause(
        Reason.ARGUMENT_REJECTED,
        r"invalid (?P<kind>tool call|reasoning) parser: (?P<name>\S+) \(chose from \{\s*(?P<known>[^}\n]*)",
        "This vLLM has no {kind} parser {name}. It has: {known}.",
        "Correct engine.extraArgs, or set engine.image to a version that has it.",
    ),
    # reasoning/abs_reasoning_parsers.py: get_reasoning_parser.
    cause(
        Reason.ARGUMENT_REJECTED,
        r"Reasoning parser '(?P<name>[^'\n]+)' not found\. Available parsers: (?P<known>[^\n\"]+)",
        "This vLLM has no reasoning parser {name}. It has: {known}.",
        "Correct engine.extraArgs, or set engine.image to a version that has it.",
    ),
    # renderers/chat_utils/chat_template.py: load_chat_template.
    cause(
        Reason.ARGUMENT_REJECTED,
        r"chat template \((?P<path>[^)\n]+)\) looks like a file path, but it failed to be opened",
        "The chat template {path} cannot be opened.",
        "Correct --chat-template in engine.extraArgs: a path in the model's directory, or the template itself.",
    ),
    # v1/executor/multiproc_executor.py: collective_rpc; v1/engine/core_client.py.
    cause(
        Reason.ENGINE_TIMEOUT,
        r"RPC call to (?P<method>\w+) timed out",
        "A step of the engine ({method}) did not end in time: a GPU, or the link between two, hangs.",
        "`dmesg` of the node of `kubectl -n {namespace} get pod {pod} -o wide` shows whether a GPU failed (Xid); if "
        "not, a step may be too large: lower engine.maxNumBatchedTokens.",
    ),
    cause(
        Reason.ENGINE_TIMEOUT,
        r"Timed out waiting for engine core processes to start\.(?s:.*?)Waited (?P<waited>\d+)s",
        "The engine did not load within {waited} s.",
        f"If it still read weights: {SLOW_VOLUME}",
    ),
    # v1/executor/multiproc_executor.py: monitor_workers. A process group that the kernel ended is told as OOMKilled by
    # the kubelet, one process of it may not be.
    cause(
        Reason.OUT_OF_MEMORY,
        r"Worker proc (?P<name>\S+) died unexpectedly \(exit code: -9\)",
        "The kernel ended process {name} of the engine, most likely because host memory ran out.",
        "Raise podTemplate.memory.",
    ),
)

GENERAL_START_CAUSES: tuple[Cause, ...] = (
    # Any other rule of vLLM's configuration (pydantic): its first sentence says what is wrong.
    cause(
        Reason.ARGUMENT_REJECTED,
        r"validation errors? for (?P<kind>\w+)\s+(?:[\w.]+\s+)?(?:Value|Assertion) error, (?P<said>[^\n\[]+)",
        "vLLM refuses its {kind}: {said}",
        "Correct the field or engine.extraArgs that this speaks of.",
    ),
    cause(
        Reason.ARGUMENT_REJECTED,
        r"validation errors? for (?P<kind>\w+)\s+(?P<option>[\w.]+)\s+(?P<said>Input should be [^\n\[]+|[^\n\[]*"
        r"\[type=(?!value_error)[^\n]+)",
        "vLLM refuses {option} of its {kind}: {said}",
        "Correct the field or engine.extraArgs that this speaks of.",
    ),
    cause(
        Reason.PERMISSION_DENIED,
        r"\[Errno (?:13|30)\] (?P<said>Permission denied|Read-only file system)",
        "The engine may not write where it wants to: {said}.",
        "`kubectl -n {namespace} logs {pod} --previous` names the place. The root file system is read-only: engine.env "
        "has to name places under /scratch.",
    ),
    cause(
        Reason.DISK_FULL,
        r"No space left on device",
        "No space is left where the engine writes.",
        _FREE_SPACE,
    ),
    cause(
        Reason.WORKER_DIED,
        r"Worker proc (?P<name>\S+) died unexpectedly \(exit code: (?P<code>-?\d+)\)",
        "Process {name} of the engine ended without a word, with exit code {code}.",
        "`kubectl -n {namespace} logs {pod} --previous` may have its last lines; -11 and -6 are faults of code: set "
        "engine.image to another version of vLLM.",
    ),
)
