"""The values of the operator's chart, a module for each part."""
