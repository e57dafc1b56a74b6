"""A laboratory cluster on one machine: a real control plane, simulated H100 nodes, and one real node if asked for.

`make demo`, `make test` and `make bench` run on it. It is no part of the operator's wheel.
"""
