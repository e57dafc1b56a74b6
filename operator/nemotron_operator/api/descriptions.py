"""Whether the fields of models know their docstrings.

Reading them takes a tenth of the time of a whole `nemoctl plan`, and only the generated files show them.
"""

are_wanted = True
"""Looked at when a model's class is made: whoever does not want them says so before the first import of a model."""
