"""Images on the real node without a registry: archives go straight into its containerd."""

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab.control_plane import ControlPlane
from lab.errors import LabError
from lab.node_network import require_network
from lab.node_settings import PAUSE_IMAGE, NodeFolder, image_store
from lab.oci_archive import write_program_image


def import_image(plane: ControlPlane, archive: Path, say: Callable[[str], None] = lambda _text: None) -> bool:
    """Unpack an OCI or Docker archive into the node's store, under the name that stands in it.

    An archive that was imported before and has not changed since is there already; return whether this one was not.
    """
    record = image_store(plane.directory, require_network(plane.directory)) / "imported.json"
    imported = json.loads(record.read_text()) if record.exists() else {}
    state = archive.stat()
    identity = [state.st_size, state.st_mtime_ns, state.st_ino]
    if imported.get(str(archive.absolute())) == identity:
        return False
    say(f"{archive.name}: importing {state.st_size / 2**20:.0f} MiB into the node")
    run_ctr(plane, "images", "import", str(archive.absolute()))
    record.write_text(json.dumps({**imported, str(archive.absolute()): identity}))
    return True


def list_images(plane: ControlPlane) -> set[str]:
    """Name the images that the node has, those of a cluster before it among them."""
    return set(run_ctr(plane, "images", "list", "-q").split())


def import_pause(plane: ControlPlane, program: Path) -> None:
    """Give the node the sandbox of every pod, unless its store has it from before."""
    if PAUSE_IMAGE in list_images(plane):
        return
    with tempfile.TemporaryDirectory() as temporary:
        archive = Path(temporary) / "pause.tar"
        write_program_image(archive, PAUSE_IMAGE, program)
        import_image(plane, archive)


def run_ctr(plane: ControlPlane, *args: str) -> str:
    """Run containerd's own client on the node, where the kubelet's images and containers are."""
    folder = NodeFolder(plane.directory)
    command = [str(plane.directory / "bin" / "ctr"), "--address", str(folder.socket), "--namespace", "k8s.io", *args]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise LabError(f"ctr {' '.join(args)}: {answer.stderr.strip()}")
    return answer.stdout
