"""Writes the files that follow from the code: `make generate`. CI fails when one of them was not written anew."""
