"""The options of the shipped `vllm serve`, and how argparse completes their beginnings."""

from nemotron_operator.catalog.engine_options import EngineOption, load_engine_options
from nemotron_operator.config import load_config

ENGINE_OPTIONS = load_engine_options()[load_config().engine_version]

OPTIONS = sorted(ENGINE_OPTIONS.by_name)
"""Long and short names, negations included."""

SAMPLES = {
    "text": "a=b",
    "integer": "1",
    "integer with unit": "8k",
    "float": "0.5",
    "json": "{}",
    "text or json": '{"a":1}',
}
"""A value of each kind."""


def complete(argument: str) -> str | None:
    """Tell which option argparse takes an argument for; None when it takes it for none, or for several.

    Notes
    -----
    `--a=b` and `--a b` are cut first, and `_` reads as `-`: vLLM's parser does both.
    """
    name = argument.split("=", 1)[0].replace("_", "-")
    if name in OPTIONS:
        return lead(name)
    found = {lead(option) for option in OPTIONS if option.startswith(name)}
    if not name.startswith("--"):
        found |= {lead(option) for option in OPTIONS if option == name[:2]}
    return found.pop() if len(found) == 1 else None


def lead(name: str) -> str:
    """Name an option by its long name, whichever of its names is given."""
    return next(known for known in ENGINE_OPTIONS.by_name[name].names if known.startswith("--"))


def write_out(name: str, option: EngineOption) -> list[str]:
    """Write an option with as many values as it needs."""
    if option.values in ("none", "optional", "any"):
        return [name]
    value = option.choices[0] if option.choices else SAMPLES[option.kind]
    return [f"{name}={value}"]
