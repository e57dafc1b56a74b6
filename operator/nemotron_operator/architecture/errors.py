"""What reading a config.json raises."""

from nemotron_operator.errors import OperatorError


class ArchitectureError(OperatorError):
    """A config.json from which no account can be made; the message names the field, its value and the way out."""
