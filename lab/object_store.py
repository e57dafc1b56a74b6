"""A small object store on this machine: moto's S3, which also checks signatures, and that fails as it is told.

    with ObjectStore() as store:
        store.put("models", {"tiny/config.json": b"{}", "tiny/model.safetensors": b"..."})
        store.cut("tiny/model.safetensors", after_bytes=1000)
        ...  # the client under test, with store.url as its endpoint
        assert 1 == store.count("GET", "tiny/model.safetensors")

The objects are in memory, and in this process there is one such store at a time: moto keeps them once for all.
"""

import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from typing_extensions import override

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

REGION = "us-east-1"
"""Where all buckets are."""

SEND_BYTES = 64 << 10
"""How much is handed to the server at once, and counted."""

ALWAYS = 1 << 30
"""A number of times that no test reaches."""

MARK = "filling-the-store"
"""What the user agent of our own requests says: they are not counted, and nothing is done to them."""

UPLOAD_PART_BYTES = 5 << 20
"""The smallest part that S3 accepts of an upload in parts, the last one aside."""


@dataclass(frozen=True)
class SeenRequest:
    """A request as it arrived."""

    method: str
    path: str
    """Bucket and key, unquoted: /BUCKET/KEY."""
    query: str
    first_byte: int
    """Where a range began; 0 without one."""


@dataclass
class PlannedAnswer:
    """An answer that a test wants instead of the right one, a few times."""

    status: int
    code: str
    headers: Mapping[str, str]
    to: str
    times: int


@dataclass
class Faults:
    """What shall go wrong, by key."""

    answers: list[PlannedAnswer] = field(default_factory=list)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    stalls: dict[str, int] = field(default_factory=dict)
    corruptions: Counter[str] = field(default_factory=Counter)
    hooks: dict[str, list[Callable[[], None]]] = field(default_factory=dict)


class ObjectStore:
    """A store without buckets. It serves for as long as its context lasts.

    Parameters
    ----------
    host
        The address to listen at; pods reach one of the node's network.
    certificate
        Paths of a certificate, signed by itself, and its key: with them it speaks TLS.
    """

    def __init__(self, host: str = "127.0.0.1", certificate: tuple[str, str] | None = None) -> None:
        from werkzeug.serving import make_server

        self.requests: list[SeenRequest] = []
        """Every request, in the order of arrival."""
        self.bytes_sent: Counter[str] = Counter()
        """How many bytes of each object went out, by key."""
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._faults = Faults()
        self._ignored_headers: set[str] = set()
        self._is_public = True
        self._admin_key = ("filling", "the-store")
        self._storage = _storage()
        self._certificate = certificate
        self._server = make_server(
            host, 0, self._serve, threaded=True, request_handler=_handler(), ssl_context=certificate
        )

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), name="object-store", daemon=True).start()
        self._forget_everything()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._forget_everything()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"{'https' if self._certificate else 'http'}://{self._server.host}:{self._server.port}"

    def put(self, bucket: str, objects: Mapping[str, bytes], **arguments: str) -> None:
        """Upload each object in one piece, into a bucket that everybody may read.

        Parameters
        ----------
        arguments
            What `put_object` takes besides, such as `ChecksumAlgorithm` or `ServerSideEncryption`.
        """
        client = self._client("s3")
        client.create_bucket(Bucket=bucket)
        for key, content in objects.items():
            client.put_object(Bucket=bucket, Key=key, Body=content, ACL="public-read", **arguments)

    def put_in_parts(self, bucket: str, key: str, parts: Iterable[bytes]) -> None:
        """Upload an object in parts; all but the last need `UPLOAD_PART_BYTES`."""
        client = self._client("s3")
        client.create_bucket(Bucket=bucket)
        target = {"Bucket": bucket, "Key": key}
        upload = client.create_multipart_upload(**target, ACL="public-read")["UploadId"]
        done = [
            {"PartNumber": n, "ETag": client.upload_part(**target, UploadId=upload, PartNumber=n, Body=part)["ETag"]}
            for n, part in enumerate(parts, start=1)
        ]
        client.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": done})

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object."""
        self._client("s3").delete_object(Bucket=bucket, Key=key)

    def require_credentials(self) -> tuple[str, str]:
        """Refuse from now on all requests without a valid signature; give an access key's name and the key."""
        from moto import settings

        iam = self._client("iam")
        iam.create_user(UserName="reader")
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=json.dumps(everything))
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        self._admin_key = (key["AccessKeyId"], key["SecretAccessKey"])
        self._is_public = False
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
        return self._admin_key

    def count(self, method: str, part: str = "") -> int:
        """Count the requests with this method whose path has this part."""
        with self._lock:
            return sum(1 for seen in self.requests if seen.method == method and part in seen.path)

    def answer(
        self,
        status: int,
        code: str,
        *,
        to: str = "/",
        times: int = ALWAYS,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Give this status and error code to the next requests whose path has a part."""
        with self._lock:
            self._faults.answers.append(PlannedAnswer(status, code, headers or {}, to, times))

    def cut(self, key: str, after_bytes: int) -> None:
        """Close the connection in the middle of an answer with an object: once for each call, in their order."""
        with self._lock:
            self._faults.cuts.setdefault(key, []).append(after_bytes)

    def stall(self, key: str, after_bytes: int) -> None:
        """Stop sending in the middle of an object until `release` is called: once."""
        self._faults.stalls[key] = after_bytes

    def release(self) -> None:
        """Send the rest of what stalls."""
        self._released.set()

    def corrupt(self, key: str, times: int = 1) -> None:
        """Change a byte of an object, each of the next times that it is fetched."""
        self._faults.corruptions[key] += times

    def before_fetch(self, key: str, happens: Callable[[], None]) -> None:
        """Let something happen when the object is asked for: once for each call, in their order."""
        with self._lock:
            self._faults.hooks.setdefault(key, []).append(happens)

    def ignore_header(self, name: str) -> None:
        """Answer as a storage that does not know a header of requests, such as `Range`."""
        self._ignored_headers.add(f"HTTP_{name.upper().replace('-', '_')}")

    def _serve(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request: as planned, or as the storage does, with the planned faults in the body."""
        if MARK in environ.get("HTTP_USER_AGENT", "") or environ["PATH_INFO"].startswith("/moto-api/"):
            return self._storage(environ, start_response)
        seen = _read_request(environ)
        with self._lock:
            self.requests.append(seen)
            planned = next((p for p in self._faults.answers if p.times and p.to in seen.path), None)
            if planned is not None:
                planned.times -= 1
        if planned is None and not self._is_public and "HTTP_AUTHORIZATION" not in environ:
            planned = PlannedAnswer(403, "AccessDenied", {}, "", 1)
        if planned is not None:
            return _refuse(planned, start_response)
        environ = {name: value for name, value in environ.items() if name not in self._ignored_headers}
        key = seen.path.strip("/").partition("/")[2]
        if seen.method != "GET" or not key:
            return self._storage(environ, start_response)
        with self._lock:
            hooks = self._faults.hooks.get(key)
            happens = hooks.pop(0) if hooks else None
        if happens is not None:
            happens()
        return self._pieces(key, self._storage(environ, start_response))

    def _pieces(self, key: str, answer: Iterable[bytes]) -> Iterator[bytes]:
        """Give the body in pieces; wait, or end early, where a fault was planned."""
        body = b"".join(answer)
        with self._lock:
            cuts = self._faults.cuts.get(key)
            end = cuts.pop(0) if cuts else len(body)
            stall = self._faults.stalls.pop(key, end)
            if self._faults.corruptions[key]:
                self._faults.corruptions[key] -= 1
                body = bytes([body[0] ^ 1]) + body[1:]
        yield from self._counted(key, body[:stall])
        if stall < end:
            self._released.wait()
        yield from self._counted(key, body[stall:end])
        if end < len(body):
            raise ConnectionAbortedError  # the server closes the connection

    def _counted(self, key: str, body: bytes) -> Iterator[bytes]:
        for first in range(0, len(body), SEND_BYTES):
            piece = body[first : first + SEND_BYTES]
            yield piece
            with self._lock:
                self.bytes_sent[key] += len(piece)

    def _client(self, service: str) -> Any:  # noqa: ANN401 - the client has no types: it makes its methods from data
        import boto3
        from botocore.config import Config

        key_id, secret_key = self._admin_key
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret_key,
            verify=self._certificate[0] if self._certificate else None,
            config=Config(user_agent_extra=MARK, s3={"addressing_style": "path"}, proxies={}),
        )

    def _forget_everything(self) -> None:
        """Empty moto's memory, which outlives this object."""
        from moto import settings

        settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")
        trust = ssl.create_default_context(cafile=self._certificate[0]) if self._certificate else None
        order = Request(f"{self.url}/moto-api/reset", method="POST")  # noqa: S310 - our own address
        with build_opener(ProxyHandler({}), HTTPSHandler(context=trust)).open(order) as answer:
            answer.read()


@cache
def _storage() -> "WSGIApplication":
    """Make moto's application, once: to make one takes longer than a test."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    application: WSGIApplication = DomainDispatcherApplication(create_backend_app)
    return application


def _read_request(environ: Mapping[str, Any]) -> SeenRequest:
    first_byte = int(environ.get("HTTP_RANGE", "bytes=0-").removeprefix("bytes=").split("-")[0])
    # WSGI gives the bytes of a path, unquoted, as if they were Latin-1.
    path = environ["PATH_INFO"].encode("latin-1").decode()
    return SeenRequest(environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], first_byte)


def _refuse(planned: PlannedAnswer, start_response: "StartResponse") -> Iterable[bytes]:
    message = f"This answer was planned: {planned.code}"
    body = f"<Error><Code>{planned.code}</Code><Message>{message}</Message></Error>".encode()
    headers = {"Content-Type": "application/xml", "Content-Length": str(len(body)), **planned.headers}
    start_response(f"{planned.status} Planned", list(headers.items()))
    return [body]


def _handler() -> Any:  # noqa: ANN401 - a class that is made late, as moto is imported late
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    class QuietHandler(MotoRequestHandler):
        """HTTP in, HTTP out."""

        @override
        def log(self, type: str, message: str, *args: object) -> None:
            """Log nothing: the store's `requests` say more."""

    return QuietHandler
