"""The hub: repositories, what was asked of them, and what was sent."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.hub import answers
from lab.hub.faults import Faults
from lab.hub.messages import Answer, SeenRequest, SentRange
from lab.hub.repository import Repository, StoredFile
from lab.hub.server import HubServer


class Hub(Faults):
    """A hub with the repositories that it is given. It serves for as long as its context lasts."""

    def __init__(self, repositories: Mapping[str, Mapping[str, bytes | Path]], host: str = "127.0.0.1") -> None:
        super().__init__()
        self.requests: list[SeenRequest] = []
        """Every request, in the order of arrival."""
        self.statuses: Counter[int] = Counter()
        """How often each status was answered."""
        self.bytes_sent: Counter[str] = Counter()
        """How many bytes of each file went out, by path."""
        self.ranges_sent: list[SentRange] = []
        """The same by answer, in the order in which they began."""
        self._repositories: dict[str, Repository] = {}
        self._required_token: str | None = None
        self._gated: set[str] = set()
        self._server = HubServer(self.answer_to, self.pieces, host)
        for name, files in repositories.items():
            self.push(name, files)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), name="hub", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._server.close_connections()

    @property
    def url(self) -> str:
        """The address for HF_ENDPOINT."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def push(self, repository: str, files: Mapping[str, bytes | Path], branch: str = "main") -> str:
        """Make a commit with exactly these files the head of a branch; give its name.

        Notes
        -----
        A file that is given by its path on this machine is not read into memory.
        """
        with self._lock:
            return self._repositories.setdefault(repository, Repository()).push(repository, files, branch)

    def commit(self, repository: str, branch: str = "main") -> str:
        """Name the head of a branch."""
        return self._repositories[repository].branches[branch]

    def files(self, repository: str, commit: str) -> Mapping[str, StoredFile]:
        """Give the files of a commit, by path."""
        return self._repositories[repository].commits[commit]

    def count(self, method: str, part: str = "") -> int:
        """Count the requests with this method whose path has this part."""
        with self._lock:
            return sum(1 for seen in self.requests if seen.method == method and part in seen.path)

    def require_token(self, token: str) -> None:
        """Answer 401 to everything without this token."""
        self._required_token = token

    def gate(self, repository: str) -> None:
        """Describe the repository to everybody, and give its files to nobody: its licence was not accepted."""
        self._gated.add(repository)

    def answer_to(self, seen: SeenRequest) -> Answer:
        """Decide what a request gets."""
        with self._lock:
            self.requests.append(seen)
            answer = self._planned_answer(seen.path)
        answer = answer or self._right_answer(seen)
        with self._lock:
            self.statuses[answer.status] += 1
            return self._misstated(answer) if seen.method == "GET" else answer

    def pieces(self, answer: Answer) -> Iterator[bytes | memoryview]:
        """Give the body in pieces, with the faults that were planned.

        Notes
        -----
        A piece is counted before it goes: who has all the bytes finds them counted.
        """
        delivery = self._delivery(answer)
        if answer.file is None:
            yield from delivery.pieces(self._released)
            return
        sent = SentRange(answer.commit, answer.file, answer.first_byte)
        self.ranges_sent.append(sent)
        for piece in delivery.pieces(self._released):
            with self._lock:
                sent.size_bytes += len(piece)
                self.bytes_sent[answer.file] += len(piece)
            yield piece

    def _right_answer(self, seen: SeenRequest) -> Answer:
        if self._required_token not in (None, seen.token):
            return answers.refuse_token(seen)
        match seen.path.strip("/").split("/"):
            case ["api", "models", org, name, *rest]:
                return self._answer_api(f"{org}/{name}", rest, seen)
            case [org, name, "resolve", revision, *path]:
                return self._answer_resolve(f"{org}/{name}", revision, "/".join(path), seen)
            case _:
                return answers.refuse(HTTPStatus.NOT_FOUND)

    def _answer_api(self, name: str, rest: list[str], seen: SeenRequest) -> Answer:
        commit, files = self._find(name, rest[1] if len(rest) > 1 else "main")
        if files is None:
            return answers.refuse_revision(name if name in self._repositories else None, seen)
        match rest:
            case [] | ["revision", _]:
                return answers.describe(name, commit, files, seen)
            case ["tree", _, *folder]:
                return answers.list_tree(files, folder)
            case _:
                return answers.refuse(HTTPStatus.NOT_FOUND)

    def _answer_resolve(self, name: str, revision: str, path: str, seen: SeenRequest) -> Answer:
        commit, files = self._find(name, revision)
        if files is None:
            return answers.refuse_revision(name if name in self._repositories else None, seen)
        if name in self._gated:
            return answers.refuse_gated(name, seen)
        if path not in files:
            return answers.refuse(HTTPStatus.NOT_FOUND, code="EntryNotFound", headers={"X-Repo-Commit": commit})
        return answers.send_file(commit, path, files[path], seen)

    def _find(self, name: str, revision: str) -> tuple[str, Mapping[str, StoredFile] | None]:
        repository = self._repositories.get(name, Repository())
        commit = repository.branches.get(revision, revision)
        files = repository.commits.get(commit)
        if files is None or not self._sizes:
            return commit, files
        sizes = self._sizes
        return commit, {path: replace(file, misstated_bytes=sizes.get(path, 0)) for path, file in files.items()}
