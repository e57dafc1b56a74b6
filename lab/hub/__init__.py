"""A small hub on this machine: it speaks what the hub's client really calls, and fails as it is told.

    with Hub({"acme/tiny": {"config.json": b"{}", "model.safetensors": b"..."}}) as hub:
        hub.cut("model.safetensors", after_bytes=1000)
        ...  # the client under test, with HF_ENDPOINT=hub.url
        assert 1 == hub.count("GET", "/resolve/")

No TLS and no Xet: large files are served as LFS files, by the address that resolves them.
"""

from lab.hub.faults import ALWAYS
from lab.hub.hub import Hub
from lab.hub.messages import Answer, SeenRequest, SentRange
from lab.hub.repository import Repository, StoredFile

__all__ = ["ALWAYS", "Answer", "Hub", "Repository", "SeenRequest", "SentRange", "StoredFile"]
