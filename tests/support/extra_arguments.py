"""Lists of extra arguments, with what vLLM and the operator say to them; the contract tests hold the two together."""

ACCEPTED: tuple[tuple[str, ...], ...] = (
    ("--seed", "1"),
    ("--seed=-1",),
    ("--seed", "-1"),
    ("--no-enable-prefix-caching", "--enable-chunked-prefill"),
    ("--enable_prefix_caching",),
    ("--max_num_scheduled_tokens=8k", "--watermark", "0.5"),
    ("--lora-modules", "a=/models/a", "b=/models/b", "--enable-lora"),
    ("--cudagraph-capture-sizes", "1", "2", "4"),
    ("--compilation-config.pass_config.fuse_norm_quant=true", "--compilation-config.cudagraph_mode", "PIECEWISE"),
    ("--cudagraph-capture-sizes=1", "--compilation-config.splitting_ops+=a,b"),
    ("--hf-overrides", '{"a": {"b": [1]}}'),
    ("--reasoning-parser=deepseek_r1", "--enable-auto-tool-choice", "--tool-call-parser", "llama3_json"),
    ("--profiler-config.profiler=torch", "--profiler-config.torch_profiler_dir=gs://bucket/traces"),
    ("--load-format", "runai_streamer", "--model-loader-extra-config", '{"concurrency": 16}'),
)
"""What vLLM takes, and the operator passes on."""

REFUSED: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (
        ("--enable-chunked-prefix",),
        0,
        "vLLM 0.33.0 has no argument --enable-chunked-prefix; did you mean --enable-chunked-prefill?",
    ),
    (
        ("--tensor-paralel-size=2",),
        0,
        (
            "vLLM 0.33.0 has no argument --tensor-paralel-size; did you mean --tensor-parallel-size? That one is set "
            "by spec.parallelism.tensor: use that field."
        ),
    ),
    (("--qqqq",), 0, "vLLM 0.33.0 has no argument --qqqq: remove it."),
    (("--seed 1",), 0, "'--seed 1' is read as one name: write '--seed=1', or two items."),
    (("value",), 0, "'value' is the value of no argument: remove it."),
    (("--enforce-eager", "true"), 1, "'true' is the value of no argument: remove it."),
    (("--enforce-eager=true",), 0, "--enforce-eager takes no value: write --enforce-eager alone."),
    (("--seed",), 0, "--seed needs a value: write --seed=VALUE."),
    (("--watermark", "-0.5"), 0, "--watermark needs a value: write --watermark=VALUE."),
    (("--seed", "--enforce-eager"), 0, "--seed needs a value: write --seed=VALUE."),
    (("--seed", "1", "2"), 2, "'2' is the value of no argument: remove it."),
    (
        ("--cudagraph-capture-sizes",),
        0,
        "--cudagraph-capture-sizes needs a value: write --cudagraph-capture-sizes=VALUE.",
    ),
    (("--cudagraph-capture-sizes", "1", "two"), 2, "--cudagraph-capture-sizes: 'two' is no whole number."),
    (("--cudagraph-capture-sizes=1", "2"), 1, "'2' is the value of no argument: remove it."),
    (("--seed=one",), 0, "--seed: 'one' is no whole number."),
    (
        ("--max-num-scheduled-tokens=8x",),
        0,
        "--max-num-scheduled-tokens: '8x' is no whole number, nor one with a unit such as 8k.",
    ),
    (("--watermark=much",), 0, "--watermark: 'much' is no number."),
    (("--scheduling-policy", "prio"), 1, "--scheduling-policy: 'prio' is none of fcfs, priority."),
    (("--compilation-config={bad",), 0, "--compilation-config: '{bad' is no JSON."),
    (("--hf-overrides={bad}",), 0, "--hf-overrides: '{bad}' is no JSON."),
    (("--seed.a=1",), 0, "--seed has no keys: write --seed=VALUE."),
    (("--compilation-config.mode",), 0, "--compilation-config needs a value: write --compilation-config.mode=VALUE."),
)
"""What neither takes, with the place of the fault and the operator's words."""

_PAST_THE_CACHE = (
    "would be fetched past the cache and its checks: it is not allowed here; put it beside the weights, or remove it"
)

ONLY_THE_OPERATOR_REFUSES: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (
        ("--enable-chunked-prefil",),
        0,
        "vLLM 0.33.0 has no argument --enable-chunked-prefil; did you mean --enable-chunked-prefill?",
    ),
    (
        ("--seed=1", "--enable-prefix"),
        1,
        "vLLM 0.33.0 has no argument --enable-prefix; did you mean --enable-prefix-caching?",
    ),
    (
        ("--device-memory-utilization=0.5",),
        0,
        "'--device-memory-utilization=0.5' is set by spec.engine.gpuMemoryUtilizationPercent: use that field.",
    ),
    (
        ("--kv-transfer-config.kv_connector_module_path=evil",),
        0,
        "--kv-transfer-config: 'evil' loads code: it is not allowed here.",
    ),
    (
        ("--spec-method", "custom_class"),
        1,
        "--spec-method: 'custom_class' loads code: it is not allowed here.",
    ),
    (("--",), 0, "'--' is no argument: remove it."),
    (("--seed=1", "--tokenizer=s3://b/t"), 1, f"--tokenizer: 's3://b/t' {_PAST_THE_CACHE}."),
    (("--tokenizer", "GS://b/t"), 1, f"--tokenizer: 'GS://b/t' {_PAST_THE_CACHE}."),
    (
        ('--speculative-config={"model": "az://b/draft", "num_speculative_tokens": 2}',),
        0,
        '--speculative-config: \'{"model": "az://b/draft", "num_speculative_tokens": 2}\' ' + f"{_PAST_THE_CACHE}.",
    ),
    (("--speculative-config.model=s3://b/draft",), 0, f"--speculative-config: 's3://b/draft' {_PAST_THE_CACHE}."),
)
"""What vLLM's parser takes: unambiguous beginnings, second sources, what loads code."""
