"""What can go wrong outside the spec. A spec that cannot work is a value, not an exception."""

HTTP_FORBIDDEN, HTTP_NOT_FOUND = 403, 404
"""Answers of the API server on which it depends what is done next."""


class OperatorError(Exception):
    """A failure whose text names the thing and the way out; it is shown without a traceback."""


class ConfigError(OperatorError):
    """The operator's own configuration cannot be used."""


class CatalogError(OperatorError):
    """A catalogue entry does not follow its schema."""


class InvalidResourceError(OperatorError):
    """A document that should be a NemotronDeployment is not one."""


class ClusterError(OperatorError):
    """The API server refused or could not be asked."""

    def __init__(self, message: str, *, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code
        """The HTTP status; None when no answer came."""


class ConflictError(ClusterError):
    """The object changed, appeared or vanished since it was observed (409, or 422 for a replaced uid)."""


class NameTakenError(ClusterError):
    """An object that is needed has a name that belongs to somebody else."""


class ClusterUnreachableError(ClusterError):
    """No API server answered at the address of the configuration."""
