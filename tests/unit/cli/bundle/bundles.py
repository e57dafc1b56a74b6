"""Bundles on disk, without a hub: what `nemoctl bundle export` would have left."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from nemotron_operator.cli.bundle.layout import BundleDescription, locate_models, write_description
from nemotron_operator.volume.manifest import MANIFEST_NAME, Manifest, ManifestFile, make_manifest

CONFIG = Path("examples/operator/cpu-development.yaml")
"""The configuration that knows the tiny model."""

REPOSITORY = "nemotron-dev/tiny-llama-fp8"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

FILES: Mapping[str, bytes] = {
    "config.json": b'{"model_type": "llama"}',
    "deep/er/tokenizer.json": b"{}",
    "empty.txt": b"",
    "model.safetensors": bytes(range(256)) * 9000,
}
"""Files of every kind: one longer than a piece, one that ends a block, one in a directory, one of nothing."""

RESOURCE: dict[str, Any] = {
    "apiVersion": "nemotron.dev/v1alpha1",
    "kind": "NemotronDeployment",
    "metadata": {"name": "tiny"},
    "spec": {"model": {"name": REPOSITORY}, "engine": {"maxModelLen": 512}},
}


def make_test_manifest(files: Mapping[str, bytes] = FILES) -> Manifest:
    listed = (ManifestFile(path, len(content), hashlib.sha256(content).hexdigest()) for path, content in files.items())
    return make_manifest(REPOSITORY, COMMIT, (), listed)


def make_bundle(directory: Path, resource: Mapping[str, Any] = RESOURCE, revision: str = "main") -> Path:
    """Make a whole bundle."""
    manifest, published = make_test_manifest(), locate_models(directory) / COMMIT
    for path, content in FILES.items():
        (published / path).parent.mkdir(parents=True, exist_ok=True)
        (published / path).write_bytes(content)
    (published / MANIFEST_NAME).write_bytes(manifest.render())
    (directory / "resource.yaml").write_text(yaml.safe_dump(dict(resource)))
    (directory / "images.txt").write_text("image\n")
    description = BundleDescription(
        REPOSITORY, revision, COMMIT, manifest.sha256, manifest.size_bytes, len(manifest.files)
    )
    write_description(directory, description)
    return directory


def read_tree(directory: Path) -> dict[str, bytes]:
    """Read every file under a directory."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }
