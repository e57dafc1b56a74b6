"""What runs in the verification Job: one question to a served model, as any client would ask it, and a verdict.

It knows nothing of the operator and of Kubernetes: arguments and environment come in, one JSON line goes out.
"""
