"""The demo's second half: a model of a megabyte, served by a real vLLM on this machine, asked what the card asks."""

import json

from openai import OpenAI
from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from lab.bring_up import apply
from lab.control_plane import ControlPlane
from lab.progress import Progress, Say
from lab.real_operator import install_real_operator, serve_tiny_model, tiny_resource

NAME = "tiny"
"""The resource."""

READY_SECONDS = 600
"""How long fetch, start and verification may take; half a minute on a quiet machine."""

SYSTEM_PROMPT = "You are a helpful assistant."
QUESTION = "How many r in strawberry?"
"""As the first model's card asks it."""

LONGEST_ANSWER_TOKENS = 24


def show_answer(console: Console, plane: ControlPlane, say_condition: Say) -> None:
    """Install the operator on the real node, serve the tiny model, and print its answer."""
    console.print(Rule("The same for real: kubelet, containerd, the operator's image, vLLM on CPU", align="left"))
    install_real_operator(plane, lambda text: console.print(f"  {escape(text)}", style="dim"), replicas=1)
    with serve_tiny_model(plane) as hub:
        apply(plane, [{**tiny_resource(hub, NAME), "metadata": {"name": NAME, "namespace": "default"}}])
        with console.status("waiting for Ready ..."):
            Progress(plane, NAME, say_condition).follow(READY_SECONDS)
    answer = _ask(_find_url(plane))
    console.print(Rule("A chat completion, through the Service", align="left"))
    console.print(f"  [bold]{QUESTION}[/]\n  {escape(repr(answer))}")
    console.print("  Two layers of random weights know no answer: that one came is what this shows.", style="dim")


def _find_url(plane: ControlPlane) -> str:
    """Return the Service's address, to which the lab's network leads."""
    spec = json.loads(plane.kubectl("get", "service", NAME, "-o", "json"))["spec"]
    return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}/v1"


def _ask(url: str) -> str:
    completion = OpenAI(base_url=url, api_key="none", timeout=120).chat.completions.create(
        model=NAME,
        messages=[{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": QUESTION}],
        max_tokens=LONGEST_ANSWER_TOKENS,
    )
    return completion.choices[0].message.content or ""
