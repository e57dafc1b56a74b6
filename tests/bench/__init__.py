"""Measurements with the machine's name beside them; never a test."""
