"""Grafana dashboards, written with the builders that Grafana generates from its own schema."""
