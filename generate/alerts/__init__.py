"""Alerts and recording rules, a module for each group."""
