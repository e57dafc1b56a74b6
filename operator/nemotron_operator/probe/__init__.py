"""What runs beside every engine: a program that tells the kubelet whether the model answers.

Its text is rendered into the pod and given to `python3 -c` of the engine's image, so it is one file and needs nothing
but Python's standard library. The operator never imports it.
"""
