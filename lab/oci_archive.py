"""Write an image of one static program, or of files, as an OCI archive: no base, no registry, no image builder."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_program_image(archive: Path, image: str, program: Path) -> None:
    """Write an image whose only file, and entry point, is the program; the same program gives the same bytes."""
    layer = _pack({program.name: program.read_bytes()}, mode=0o755)
    _write_image(archive, image, layer, {"Entrypoint": [f"/{program.name}"], "User": "65532:65532"})


def write_files_image(archive: Path, image: str, files: Mapping[str, bytes]) -> None:
    """Write an image that holds files by their path, readable by everybody, and nothing that could run."""
    _write_image(archive, image, _pack(files, mode=0o644), {})


def _write_image(archive: Path, image: str, layer: bytes, settings: Mapping[str, Any]) -> None:
    config: dict[str, Any] = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": dict(settings),
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    config_bytes = json.dumps(config).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _describe(_CONFIG, config_bytes),
        "layers": [_describe(_LAYER, layer)],
    }
    manifest_bytes = json.dumps(manifest).encode()
    entry = {**_describe(_MANIFEST, manifest_bytes), "annotations": {"io.containerd.image.name": image}}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]}
    files = {
        "oci-layout": json.dumps({"imageLayoutVersion": "1.0.0"}).encode(),
        "index.json": json.dumps(index).encode(),
        **{_blob_path(blob): blob for blob in (layer, config_bytes, manifest_bytes)},
    }
    archive.write_bytes(_pack(files, mode=0o644))


def _pack(files: Mapping[str, bytes], mode: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _describe(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blob_path(content: bytes) -> str:
    return f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"
