"""An image of a release, named by its digest."""

import re
from dataclasses import dataclass

from typing_extensions import override

from release.errors import ReleaseError

_FORM = re.compile(
    r"(?P<registry>[^/@]*[.:][^/@]*)/(?P<repository>[a-z0-9][a-z0-9._/-]*)@(?P<digest>sha256:[0-9a-f]{64})"
)


@dataclass(frozen=True)
class ImageReference:
    """Registry, repository and digest. A tag beside it would be for people, and skopeo takes no name with both."""

    registry: str
    repository: str
    digest: str

    @override
    def __str__(self) -> str:
        """Write it as a pod names it."""
        return f"{self.registry}/{self.repository}@{self.digest}"


def parse_image_reference(text: str) -> ImageReference:
    """Read an image's name, which must have registry and digest, and no tag."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ReleaseError(
            f"{text!r} is no image by digest: it must look like registry.example.com/team/image@sha256:<64 digits>, "
            "without a tag."
        )
    return ImageReference(match["registry"], match["repository"], match["digest"])
