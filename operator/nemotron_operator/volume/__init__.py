"""A model's directory on a volume: where it lies, what proves it, how it becomes visible, how fast it is read.

It knows no hub and no storage, nothing of the operator and of Kubernetes.
"""
