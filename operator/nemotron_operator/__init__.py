"""Serve NVIDIA Nemotron models with vLLM on Kubernetes."""

__version__ = "0.2.0"
