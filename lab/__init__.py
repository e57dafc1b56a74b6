"""A laboratory cluster on one machine: a real control plane, and simulated H100 nodes.

`make demo`, `make test` and `make bench` run on it. It is no part of the operator's wheel.
"""
