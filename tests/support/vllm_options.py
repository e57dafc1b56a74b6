"""The options of `vllm serve` 0.33.0, as its own parser lists them, and how argparse completes their beginnings."""

from pathlib import Path

OPTIONS = Path(__file__).with_name("vllm_serve_options_0.33.0.txt").read_text().split()
"""Long and short option strings, negations included."""

ALIASES = {
    "-tp": "--tensor-parallel-size",
    "-pp": "--pipeline-parallel-size",
    "-dp": "--data-parallel-size",
    "-n": "--nnodes",
    "-r": "--node-rank",
    "-q": "--quantization",
}
"""Short options of those that the operator keeps to itself."""


def complete(argument: str) -> str | None:
    """Tell which option argparse takes an argument for; None when it takes it for none, or for several.

    Notes
    -----
    `--a=b` and `--a b` are cut first, and `_` reads as `-`: vLLM's parser does both.
    """
    name = argument.split("=", 1)[0].replace("_", "-")
    if name in OPTIONS:
        return ALIASES.get(name, name)
    found = {ALIASES.get(option, option) for option in OPTIONS if option.startswith(name)}
    if not name.startswith("--"):
        found |= {ALIASES.get(option, option) for option in OPTIONS if option == name[:2]}
    return found.pop() if len(found) == 1 else None
