"""Build the images with what the machine has: `python -m images.build operator vllm [-- FLAGS OF THE BUILDER]`."""

import argparse
import itertools
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The repository, which is the context of every build."""

BUILDERS = ("docker", "podman", "buildah")
"""What can build a Dockerfile, in the order in which it is looked for."""

NO_BUILDER = """\
There is nothing here to build an image with. Do one of these, then run the same command again:
  apt-get install buildah      Debian and Ubuntu; needs no daemon (podman and docker do as well)
  systemctl start docker       where docker is installed and its daemon does not answer"""

NO_BASE = """\
If this machine reaches no image registry, give a base that it has, or a mirror of yours:
  make images BUILD_FLAGS='--build-arg BASE_IMAGE=... --build-arg BUILD_IMAGE=...'
On Debian as root, `python -m lab.image_build` makes base and images from Debian's packages alone."""


class BuildError(Exception):
    """An image could not be built; the text is the whole message."""


@dataclass(frozen=True)
class Image:
    """One image, by its Dockerfile."""

    name: str
    dockerfile: str
    """Its path in the repository."""

    sources: tuple[str, ...]
    """Further files and folders that it is made of."""

    @property
    def version(self) -> str:
        """What the Dockerfile says that it builds."""
        match = re.search(r"^ARG VERSION=(\S+)$", (ROOT / self.dockerfile).read_text(), re.MULTILINE)
        if match is None:
            raise BuildError(f"{self.dockerfile} has no line `ARG VERSION=...`.")
        return match[1]

    @property
    def tag(self) -> str:
        """Name and version, as pods name it."""
        return f"{self.name}:{self.version}"


IMAGES: Mapping[str, Image] = {
    "operator": Image(
        name="nemotron-operator",
        dockerfile="images/operator/Dockerfile",
        sources=(
            "LICENSE",
            "README.md",
            "operator",
            "pyproject.toml",
            "requirements/build.txt",
            "requirements/downloader.txt",
        ),
    ),
    "vllm": Image(name="nemotron-vllm", dockerfile="images/vllm/Dockerfile", sources=()),
    "vllm-cpu": Image(
        name="nemotron-vllm-cpu",
        dockerfile="images/vllm/cpu.Dockerfile",
        sources=("images/vllm/cpu", "requirements/vllm-cpu.txt"),
    ),
}
"""Every image of the project, by the word that the command line takes."""


def render_command(builder: str, image: Image, flags: Sequence[str] = ()) -> list[str]:
    """Render the command that builds the image; docker, podman and buildah take the same arguments."""
    return [builder, "build", "--file", image.dockerfile, "--tag", image.tag, *flags, "."]


def find_builder() -> str:
    """Return the first builder that answers, or refuse with what to type."""
    for builder in BUILDERS:
        # A docker client without its daemon is found on many machines.
        if shutil.which(builder) and _answers([builder, "info"]):
            return builder
    raise BuildError(NO_BUILDER)


def read_revision() -> str:
    """Name the commit that is built, or `unknown` outside of git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def build(image: Image, builder: str, flags: Sequence[str]) -> None:
    """Build one image; the builder's own words are shown."""
    # Not as the argument REVISION: buildah takes a cached label for one whose argument has changed.
    label = f"org.opencontainers.image.revision={read_revision()}"
    command = render_command(builder, image, ["--label", label, *flags])
    print(f"{image.tag}: {' '.join(command)}", flush=True)
    started = time.monotonic()
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise BuildError(f"{image.tag}: {builder} failed; its reason stands above.\n{NO_BASE}")
    print(f"{image.tag}: built in {time.monotonic() - started:.0f} s", flush=True)


def _answers(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def main() -> int:
    """Build what is named; a failure is one message."""
    parser = argparse.ArgumentParser(prog="python -m images.build", description=__doc__)
    parser.add_argument("images", nargs="+", choices=IMAGES)
    own, flags = split_arguments(sys.argv[1:])
    names = parser.parse_args(own).images
    try:
        builder = find_builder()
        for number, name in enumerate(names, start=1):
            print(f"image {number} of {len(names)}, with {builder}", flush=True)
            build(IMAGES[name], builder, flags)
    except BuildError as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    return 0


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split at `--`: what stands behind it is the builder's."""
    own = list(itertools.takewhile(lambda argument: argument != "--", arguments))
    return own, list(arguments[len(own) + 1 :])


if __name__ == "__main__":
    sys.exit(main())
