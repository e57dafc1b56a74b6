"""What every program of a Job leaves behind: an exit code, and one JSON line that the operator reads.

It knows no other room: a program's own words and numbers come in as an outcome.
"""
