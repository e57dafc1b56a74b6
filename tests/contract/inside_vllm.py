"""Runs under vLLM's own Python: one JSON request a line on stdin, one JSON answer a line on stdout.

vLLM changes default values that later parses share, so that each request is answered by a forked child. A child tells
which modules it had to import, and the parent imports them too: the next child starts with them. What vLLM itself
prints goes to stderr.
"""

import argparse
import importlib
import importlib.util
import io
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TypeAlias, cast

ANSWER_SECONDS = 120
"""A child that has not answered by then is ended: a hanging check is an error, not a hanging test run."""

NUMBERS_OF_VALUES: dict[int | str | None, str] = {None: "one", 0: "none", "?": "optional", "*": "any", "+": "some"}
"""What argparse calls nargs, in words."""

JSON_TYPES = (str, int, float, bool, type(None))

Json: TypeAlias = Any

Foreign: TypeAlias = Any
"""Something of vLLM's, which is not installed where types are checked."""

Answer = dict[str, Json]

Converter = Callable[[str], object]


class Engine:
    """vLLM's parser of `vllm serve`, and what turns its values into the configuration of an engine."""

    def __init__(self) -> None:
        serve = importlib.import_module("vllm.entrypoints.cli.serve")
        self.parser = importlib.import_module("vllm.utils.argparse_utils").FlexibleArgumentParser(prog="vllm")
        commands = self.parser.add_subparsers(dest="subparser")
        self.commands = {command.name: command for command in serve.cmd_init()}
        self.serve_parser = self.commands["serve"].subparser_init(commands)
        self.arguments_class = importlib.import_module("vllm.engine.arg_utils").AsyncEngineArgs
        self.variables = importlib.import_module("vllm.envs").environment_variables
        self.model: Foreign = importlib.import_module("inside_model")
        self.model.register_nemotron_nas()
        launcher = importlib.import_module("vllm.entrypoints.launchers.launcher")
        self.validate_server: Callable[[Any], None] = launcher.validate_api_server_args

    def describe(self, _request: Answer) -> Answer:
        """List every option and variable that this vLLM knows."""
        names: dict[argparse.Action, list[str]] = {}
        # The parser's own index has the names too that its help hides.
        for name, action in self.serve_parser._option_string_actions.items():
            names.setdefault(action, []).append(name)
        options = [describe_option(action, sorted(known)) for action, known in names.items()]
        return {"options": sorted(options, key=lambda option: option["names"]), "variables": sorted(self.variables)}

    def parse(self, request: Answer) -> Answer:
        """Parse an argument list as the command line does."""
        return {"parsed": describe_values(self.parser.parse_args(["serve", *request["arguments"]]))}

    def parse_batch(self, request: Answer) -> Answer:
        """Parse an argument list as the engine of a batch does, by the very program of its pod."""
        spec = importlib.util.spec_from_file_location("engine_batch", request["program"])
        if spec is None or spec.loader is None:
            raise FileNotFoundError(request["program"])
        program = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(program)
        run_batch = importlib.import_module("vllm.entrypoints.launchers.run_batch")
        parsed = program.parse(run_batch, Path("requests"), Path("answers"), request["arguments"])
        return {"parsed": describe_values(parsed)}

    def log(self, request: Answer) -> Answer:
        """Configure the log as each process of an engine does, log an error by each name, and two requests."""
        module, said = importlib.import_module("vllm.logger"), io.StringIO()
        configuration = importlib.import_module("vllm.config.logging").LoggingConfig
        with redirect_stdout(said):
            module.configure_logging(configuration(log_level="INFO", pylogging_config_file=request["file"]))
            for name in request["names"]:
                logging.getLogger(name).error("%s failed", name)
            for path in request["paths"]:
                # As uvicorn does it (uvicorn/protocols/http).
                logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', "::1", "GET", path, "1.1", 200)
        return {"said": said.getvalue()}

    def configure(self, request: Answer) -> Answer:
        """Parse an argument list and make the engine's configuration of it, on the geometry in a directory."""
        parsed = self.parser.parse_args(["serve", *request["arguments"]])
        self.commands["serve"].validate(parsed)
        told = describe_values(parsed)
        parsed.model = parsed.model_tag = request["model"]
        self.validate_server(parsed)
        config = self.arguments_class.from_cli_args(parsed).create_engine_config(headless=parsed.headless)
        return {"parsed": told, "config": describe_config(config)}

    def weigh(self, request: Answer) -> Answer:
        """Make the model on one GPU, without memory, and tell the bytes of each parameter."""
        return {"parameters": self.model.weigh(self._make_config(request), request["rank"])}

    def weigh_adapters(self, request: Answer) -> Answer:
        """Make the model on one GPU, without memory, and tell the bytes of each layer for adapters."""
        return {"layers": self.model.weigh_adapters(self._make_config(request), request["rank"])}

    def plan_cache(self, request: Answer) -> Answer:
        """Plan the KV cache for so many bytes on each GPU."""
        planned: Answer = self.model.plan_cache(self._make_config(request), request["available_bytes"])
        return planned

    def _make_config(self, request: Answer) -> Foreign:
        parsed = self.parser.parse_args(["serve", "--skip-tokenizer-init", *request["arguments"]])
        parsed.model = request["model"]
        return self.arguments_class.from_cli_args(parsed).create_engine_config()


def describe_values(parsed: Foreign) -> Answer:
    """Tell every value that the parser came to."""
    return {name: to_json(value) for name, value in vars(parsed).items()}


def describe_config(config: Foreign) -> Answer:
    """Pick what a plan decides, or counts on."""
    model, parallel = config.model_config, config.parallel_config
    cache, scheduler = config.cache_config, config.scheduler_config
    return {
        "architectures": model.architectures,
        "attention_heads_per_gpu": model.get_num_attention_heads(parallel),
        "cache_dtype": str(cache.cache_dtype),
        "default_sampling": model.get_diff_sampling_param(),
        "distributed_executor_backend": str(parallel.distributed_executor_backend),
        "dtype": str(model.dtype),
        "gpu_memory_utilization": cache.gpu_memory_utilization,
        "head_size": model.get_head_size(),
        "kv_heads_per_gpu": model.get_num_kv_heads(parallel),
        "layers": model.get_num_layers(parallel),
        "local_world_size": parallel.local_world_size,
        "max_model_len": model.max_model_len,
        "max_num_batched_tokens": scheduler.max_num_batched_tokens,
        "max_num_seqs": scheduler.max_num_seqs,
        "node_rank": parallel.node_rank,
        "nodes": parallel.nnodes,
        "quantization": model.quantization,
        "served_model_name": model.served_model_name,
        "tensor_parallel_size": parallel.tensor_parallel_size,
        "trust_remote_code": model.trust_remote_code,
        "vocab_size": model.get_vocab_size(),
    }


def describe_option(action: argparse.Action, names: list[str]) -> Answer:
    """Tell names, number of values, kind and choices of one option."""
    option: Answer = {"names": names, "values": NUMBERS_OF_VALUES[action.nargs]}
    if action.nargs != 0:
        option["kind"] = find_kind(cast("Converter | None", action.type))
    if action.choices:
        option["choices"] = [str(choice) for choice in action.choices if choice is not None]
    return option


def find_kind(convert: Converter | None) -> str:
    """Find out what an option's converter takes by asking it, as vLLM wraps them in functions of its own."""
    if takes(convert, "no number"):
        return "text" if takes(convert, "{no json}") else "text or json"
    if takes(convert, "7") and not takes(convert, "[7]"):
        if takes(convert, "1.5"):
            return "float"
        return "integer with unit" if takes(convert, "1k") else "integer"
    return "json"


def takes(convert: Converter | None, value: str) -> bool:
    """Tell whether a converter takes a value."""
    try:
        _ = convert(value) if convert else value
    except Exception:  # noqa: BLE001 - whatever a converter raises, it did not take the value
        return False
    return True


def to_json(value: object) -> Json:
    """Keep what JSON has, and name the rest."""
    if isinstance(value, JSON_TYPES):
        return value
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    return repr(value)


def answer(engine: Engine, request: Answer) -> Answer:
    """Do what is asked; what vLLM refuses is an answer too."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            result: Answer = getattr(engine, request["do"])(request)
    except SystemExit:
        return {"error": said.getvalue().rpartition("error: ")[2].strip()}
    except Exception as error:  # noqa: BLE001 - vLLM's own words are the answer
        return {"error": f"{type(error).__name__}: {error}"}
    return result


def answer_in_child(engine: Engine, request: Answer) -> Answer:
    """Fork, let the child answer, and read what it said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(ANSWER_SECONDS)
        os.close(reading)
        known = set(sys.modules)
        with os.fdopen(writing, "w") as pipe:
            result = answer(engine, request)
            json.dump({"answer": result, "imported": [name for name in sys.modules if name not in known]}, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if not said:
        return {"error": f"the check ended without an answer (status {status})"}
    report = json.loads(said)
    import_again(report["imported"])
    answered: Answer = report["answer"]
    return answered


def import_again(names: list[str]) -> None:
    """Import what a child imported."""
    for name in names:
        with suppress(Exception):  # a module of a child's own making is none of ours
            importlib.import_module(name)


def main() -> None:
    """Serve requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # vLLM logs to stdout
    engine = Engine()
    for line in sys.stdin:
        answers.write(json.dumps(answer_in_child(engine, json.loads(line))) + "\n")
        answers.flush()
    os._exit(0)  # nothing is left to say, and taking torch apart takes seconds


if __name__ == "__main__":
    main()
