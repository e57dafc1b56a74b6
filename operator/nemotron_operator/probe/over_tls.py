"""Run `engine_probe.py`, whose text is the first argument, beside an engine that serves HTTPS.

Whatever certificate the engine shows is taken: who listens on the loopback of the pod is in the pod, and one that has
expired, or is renewed just now, is no reason to take an engine out of service or to start it again.
"""

import functools
import http.client
import ssl
import sys

context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
http.client.HTTPConnection = functools.partial(  # type: ignore[assignment,misc]
    http.client.HTTPSConnection, context=context
)
program = compile(sys.argv.pop(1), "engine_probe.py", "exec")
exec(program, {"__name__": "__main__"})  # noqa: S102 - a text of the same package, not of a user's
