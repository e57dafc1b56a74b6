"""What goes wrong in the laboratory, as one message that a person can act on."""


class LabError(Exception):
    """Something that the person at the keyboard has to know; its text is the whole message."""
