"""`python -m lab.image_build [operator vllm-cpu]`: build the images as archives, without an image registry.

The same Dockerfiles as anywhere else, on a Debian base that is made here, with wheels that are fetched beforehand: the
build itself reaches no package index. Everything is kept in the user's cache, by a digest of what it is made of.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from images.build import IMAGES, ROOT, Image
from lab.debian_base import make_base_archive
from lab.debian_packages import IMAGE_PROGRAMS, install_missing
from lab.directories import lab_home
from lab.errors import LabError
from lab.file_lock import file_lock
from lab.input_digest import digest_files
from lab.watched_process import run_watched

DEBIAN_DOCKERFILE = "images/debian/Dockerfile"
"""Makes the images that the others start from, where the public ones cannot be had."""

BASE_SOURCES = (DEBIAN_DOCKERFILE, "lab/debian_base.py")
"""What decides the base."""

WHEELS_PATH = "/wheels"
"""Where the build finds the wheels; they are mounted, so no layer holds them."""

_PRIVATE_MOUNTS = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs "$0" && exec "$@"')
"""buildah leaves stages mounted behind; these mounts, and its record of them, end with the process."""


@dataclass(frozen=True)
class Recipe:
    """What the laboratory knows of an image beyond its Dockerfile."""

    locks: tuple[str, ...]
    """The requirements files whose wheels the build takes."""

    keeps_layers: bool
    """Whether the next build goes on from the steps of the last: worth gigabytes only where the last step changes."""

    estimate: str
    """How long a build with nothing in the cache takes on two cores."""


RECIPES: Mapping[str, Recipe] = {
    "operator": Recipe(
        ("requirements/build.txt", "requirements/downloader.txt"), keeps_layers=True, estimate="two minutes"
    ),
    "vllm-cpu": Recipe(("requirements/vllm-cpu.txt",), keeps_layers=False, estimate="five minutes"),
}
"""The images whose base can be made from Debian's packages; vLLM for GPUs needs its project's own image."""


@dataclass(frozen=True)
class ImageArchive:
    """An image in a file, as a node imports it."""

    reference: str
    """The full name that pods' short names stand for, for example `docker.io/library/nemotron-operator:0.2.0`."""

    path: Path


def build_image(word: str, say: Callable[[str], None]) -> ImageArchive:
    """Return the archive of an image, built unless nothing that it is made of has changed."""
    if word not in RECIPES:
        raise LabError(f"{word}: the laboratory builds {' and '.join(RECIPES)}; `make images` builds the rest.")
    image, home = IMAGES[word], images_home()
    archive = ImageArchive(full_name(image), home / f"{image.name}-{image.version}-{digest_inputs(image)}.tar")
    home.mkdir(parents=True, exist_ok=True)
    with file_lock(home / f".{image.name}.lock", on_wait=lambda: say(f"{image.tag}: another process builds; waiting")):
        if not archive.path.exists():
            started = time.monotonic()
            say(f"{image.tag}: building; {RECIPES[word].estimate} when nothing is cached yet")
            install_missing(IMAGE_PROGRAMS, say)
            _build_aside(image, RECIPES[word], archive, say)
            size_mib = archive.path.stat().st_size / 2**20
            say(f"{image.tag}: built in {time.monotonic() - started:.0f} s, {size_mib:.0f} MiB in {archive.path}")
    return archive


def images_home() -> Path:
    """Return the folder in the user's cache with archives, wheels and the builder's layers."""
    return lab_home() / "images"


def full_name(image: Image) -> str:
    """Spell out the name by which the kubelet looks for the short one."""
    return f"docker.io/library/{image.tag}"


def digest_inputs(image: Image) -> str:
    """Digest everything of the repository that the image is made of, and how its base is made."""
    return digest_files(ROOT, (".dockerignore", image.dockerfile, *image.sources, *BASE_SOURCES))


def _build_aside(image: Image, recipe: Recipe, archive: ImageArchive, say: Callable[[str], None]) -> None:
    """Build under a temporary name and rename at the end; what the archive replaces is deleted then."""
    home = archive.path.parent
    base, build_base = _provide_bases(home, say)
    wheels = home / f"wheels-{image.name}-{digest_files(ROOT, recipe.locks)}"
    if not wheels.exists():
        _fetch_wheels(image, recipe, wheels, say)
    build_arguments = {
        "BASE_IMAGE": base,
        "BUILD_IMAGE": build_base,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": WHEELS_PATH,
    }
    flags = [f"--build-arg={name}={value}" for name, value in build_arguments.items()]
    with tempfile.TemporaryDirectory(dir=home, prefix=f".{image.name}-") as temporary:
        log, unfinished = Path(temporary) / "log", Path(temporary) / "archive.tar"
        command = [
            *_bud(home, keeps_layers=recipe.keeps_layers),
            f"--volume={wheels}:{WHEELS_PATH}:ro",
            *flags,
            f"--file={image.dockerfile}",
        ]
        run_watched([*command, f"--tag={archive.reference}", "."], image.tag, log, say, folder=ROOT)
        # The one format whose layers buildah leaves uncompressed: gzip would take longer than the whole build.
        push = ["push", archive.reference, f"docker-archive:{unfinished}:{archive.reference}"]
        run_watched([*_buildah(home), *push], image.tag, log, say)
        if not recipe.keeps_layers:
            run_watched([*_buildah(home), "rmi", archive.reference], image.tag, log, say)
        for old in home.glob(f"{image.name}-[0-9]*.tar"):
            old.unlink()
        unfinished.rename(archive.path)


def _provide_bases(home: Path, say: Callable[[str], None]) -> tuple[str, str]:
    """Name the images that the Dockerfiles start from, built unless the store has them."""
    folder = make_base_archive(home, say)
    digest = digest_files(ROOT, (DEBIAN_DOCKERFILE,), folder.name)
    names = {target: f"localhost/nemotron-lab/{target}:{digest}" for target in ("base", "build")}
    with file_lock(home / ".bases.lock"):
        for target, name in names.items():
            if not _has_image(home, name):
                command = [*_bud(home, keeps_layers=True), f"--target={target}", f"--file={DEBIAN_DOCKERFILE}"]
                with tempfile.NamedTemporaryFile(dir=home, prefix=".base-") as log:
                    build = [*command, f"--tag={name}", str(folder)]
                    run_watched(build, f"debian {target}", Path(log.name), say, folder=ROOT)
    return names["base"], names["build"]


def _fetch_wheels(image: Image, recipe: Recipe, wheels: Path, say: Callable[[str], None]) -> None:
    """Fetch every wheel that the locks name, with this machine's own pip and its settings."""
    home, name = wheels.parent, image.name
    say(f"{name}: fetching the wheels of {', '.join(recipe.locks)}")
    with tempfile.TemporaryDirectory(dir=home, prefix=".wheels-") as temporary:
        unfinished = Path(temporary) / "wheels"
        options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--python-version=3.11"]
        for lock in recipe.locks:
            command = [sys.executable, "-m", "pip", "download", *options, "--progress-bar=off", f"--dest={unfinished}"]
            run_watched([*command, f"--requirement={lock}"], name, Path(temporary) / "log", say, folder=ROOT)
        for old in home.glob(f"wheels-{name}-*"):
            shutil.rmtree(old)
        unfinished.rename(wheels)
    if recipe.keeps_layers:
        # The steps that took the old wheels are never taken again.
        subprocess.run([*_buildah(home), "rmi", "--prune"], capture_output=True, check=False)


def _buildah(home: Path) -> list[str]:
    """Start buildah with a store of its own, so that nothing of the person's is touched."""
    run = home / "run"
    run.mkdir(parents=True, exist_ok=True)
    return [*_PRIVATE_MOUNTS, str(run), "buildah", f"--root={home / 'storage'}", f"--runroot={run}"]


def _bud(home: Path, *, keeps_layers: bool) -> list[str]:
    # chroot: the only isolation that needs neither a runtime nor control groups of its own.
    command = [*_buildah(home), "bud", "--isolation=chroot", "--pull-never", "--force-rm"]
    return [*command, f"--layers={str(keeps_layers).lower()}"]


def _has_image(home: Path, name: str) -> bool:
    command = [*_buildah(home), "inspect", "--type=image", name]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def main() -> int:
    """Build what is named, or everything that can be built here; a failure is one message."""
    parser = argparse.ArgumentParser(prog="python -m lab.image_build", description=__doc__)
    parser.add_argument("images", nargs="*", default=list(RECIPES), metavar="IMAGE", help=", ".join(RECIPES))
    try:
        for word in parser.parse_args().images:
            archive = build_image(word, lambda text: print(text, flush=True))
            print(f"{archive.reference} {archive.path}")
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
