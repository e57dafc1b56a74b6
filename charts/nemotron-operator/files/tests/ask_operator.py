"""What `helm test` runs in a pod: ask the operator whether it is ready, and the API server whether it knows models."""

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PATIENCE_SECONDS = 60
"""How long the operator may take until it is ready."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its token, and who signed the API server's certificate."""

RESOURCE = ("nemotron.dev/v1alpha1", "NemotronDeployment")
"""What the operator serves."""


def ask_operator(url: str) -> str:
    """Ask until it is ready; return why it is not, empty where it is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return ""
        except urllib.error.HTTPError as error:
            problem = f"is not ready: {error.read().decode(errors='replace').strip()}"
        except OSError as error:
            problem = f"does not answer at {url}: {error}"
        if time.monotonic() > deadline:
            return f"The operator {problem}"
        time.sleep(1)


def ask_api_server() -> str:
    """Ask whether it knows the resource; return what is missing, empty where nothing is."""
    version, kind = RESOURCE
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    address = f"[{host}]" if ":" in host else host
    request = urllib.request.Request(f"https://{address}:{port}/apis/{version}")
    request.add_header("Authorization", f"Bearer {(ACCOUNT / 'token').read_text()}")
    trusted = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    try:
        with urllib.request.urlopen(request, timeout=10, context=trusted) as answer:
            known = {each["kind"] for each in json.load(answer)["resources"]}
    except OSError as error:
        return f"The API server does not tell what {version} holds: {error}. Install the definition: crds.install=true."
    return "" if kind in known else f"The API server knows {version}, and no {kind}: upgrade the definition."


def main() -> None:
    """Ask both, and end with what is wrong."""
    problems = [problem for problem in (ask_operator(sys.argv[1]), ask_api_server()) if problem]
    if problems:
        sys.exit("\n".join(problems))
    print("The operator is ready, and the API server knows NemotronDeployments.")


if __name__ == "__main__":
    main()
