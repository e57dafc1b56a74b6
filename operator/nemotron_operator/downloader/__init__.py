"""What runs in the cache Job: a model's repository, from a hub onto a volume, whole and verified or not at all.

It knows nothing of the operator and of Kubernetes: arguments and environment come in, one JSON line goes out.
"""
