"""What a release is refused for."""


class ReleaseError(Exception):
    """A release cannot be made; the text is the whole message."""
