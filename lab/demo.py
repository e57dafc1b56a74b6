"""`make demo`: the first model on a real control plane with simulated H100 nodes, then a tiny one that answers."""

import json
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.syntax import Syntax

from lab.bring_up import bring_up
from lab.control_plane import ControlPlane
from lab.demo_answer import show_answer
from lab.errors import LabError
from lab.operator_process import NAMESPACE, RELEASE, install_chart, make_operator, start_operator
from lab.progress import Progress, Say
from lab.real_node_possible import why_no_real_node
from lab.real_operator import CONFIG
from lab.unasked import read_unasked

ROOT = Path(__file__).resolve().parent.parent
"""The repository."""

EXAMPLE = ROOT / "examples" / "model-card.yaml"
"""The resource: as the model card of the first model serves it."""

RESOURCE_NAME = "nemotron-70b"
"""Its name."""

READY_SECONDS = 120
"""How long the simulated download and start may take; they take about ten."""

_MARKS = {"True": "[green]✔[/]", "False": "[yellow]…[/]", "Unknown": "[dim]?[/]"}

_GOING_ON = """\
  export KUBECONFIG={kubeconfig}
  export PATH={binaries}:$PATH
  kubectl get nemo -o wide                         # the URL and Ready's message
  kubectl describe nemo {name}               # conditions, plan and events
  kubectl explain nemo.spec.engine                 # every field, with default and example
  kubectl scale nemo {name} --replicas=2     # two replicas of 8 GPUs
  kubectl delete deploy {name}               # drift: back within a second
  kubectl apply -f examples/bf16-base.yaml         # the base on 4 GPUs; it is asked, and NoAnswer is the truth
  {log}
  make demo-down                                   # when you have seen enough"""


def main() -> int:
    """Run the demo; a failure is one message."""
    console = Console(highlight=False)
    try:
        run_demo(console)
    except LabError as error:
        console.print(f"demo: {escape(str(error))}", style="red")
        return 1
    except KeyboardInterrupt:
        console.print("demo: stopped; `make demo` goes on from here, `make demo-down` cleans up")
        return 130
    return 0


def run_demo(console: Console) -> None:
    """Show each step as it happens."""
    started = time.monotonic()
    obstacle = why_no_real_node()
    console.print(Rule("A control plane with simulated H100 nodes", align="left"))
    plane = bring_up("demo", lambda text: console.print(f"  {escape(text)}", style="dim"), real_node=obstacle is None)
    # As strict as a platform can be: what the operator makes must pass.
    plane.kubectl("label", "namespace", "default", "pod-security.kubernetes.io/enforce=restricted", "--overwrite")
    install_chart(plane)
    operator = make_operator(plane, options=[f"--config={CONFIG}"])
    start_operator(operator)
    console.print("  operator: installed by its Helm chart, running with the chart's permissions", style="dim")
    _show_nodes(console, plane)
    _show_plan(console)
    _show_rollout(console, plane)
    console.print(Rule(f"Ready, {time.monotonic() - started:.0f} s after the start", align="left"))
    console.print(escape(plane.kubectl("get", "nemo", RESOURCE_NAME)), soft_wrap=True)
    log = f"tail -f {operator.log}"
    if obstacle is None:
        operator.stop()
        show_answer(console, plane, _say_condition(console))
        console.print(escape(plane.kubectl("get", "nemo")), soft_wrap=True)
        log = f"kubectl -n {NAMESPACE} logs -f deployment/{RELEASE}"
    else:
        console.print(f"No real node here, so nothing answers: {obstacle}", style="yellow")
    _tell_how_to_go_on(console, plane, log)


def _tell_how_to_go_on(console: Console, plane: ControlPlane, log: str) -> None:
    console.print("The cluster stays up. How to go on:")
    places = {"kubeconfig": plane.kubeconfig, "binaries": plane.binaries.kubectl.parent}
    console.print(escape(_GOING_ON.format(**places, name=RESOURCE_NAME, log=log)), soft_wrap=True)


def _show_nodes(console: Console, plane: ControlPlane) -> None:
    console.print(Rule("The nodes: KWOK plays the kubelets, all else is real", align="left"))
    columns = "NAME:.metadata.name,GPUS:.status.allocatable.nvidia\\.com/gpu"
    columns += ",PRODUCT:.metadata.labels.nvidia\\.com/gpu\\.product"
    console.print(escape(plane.kubectl("get", "nodes", "-o", f"custom-columns={columns}")))


def _show_plan(console: Console) -> None:
    console.print(Rule(f"The resource: examples/{EXAMPLE.name}", align="left"))
    console.print(Syntax(EXAMPLE.read_text().strip(), "yaml", background_color="default", word_wrap=True))
    console.print(Rule("The plan, before a GPU is taken: nemoctl plan", align="left"))
    console.file.flush()
    nemoctl = Path(sys.executable).with_name("nemoctl")
    subprocess.run([str(nemoctl), "plan", str(EXAMPLE.relative_to(ROOT))], check=True, cwd=ROOT)


def _show_rollout(console: Console, plane: ControlPlane) -> None:
    console.print(Rule("Download and rollout, as the status tells them", align="left"))
    console.print("  Simulated kubelets finish download and loading in seconds, and nobody answers.", style="dim")
    console.print("  So it is applied with `verification: {mode: Never}`, and Verified says so.", style="dim")
    plane.kubectl("apply", "-f", "-", input=json.dumps(read_unasked(EXAMPLE)))
    with console.status("waiting for Ready ..."):
        Progress(plane, RESOURCE_NAME, _say_condition(console)).follow(READY_SECONDS)


def _say_condition(console: Console) -> Say:
    def say(seconds: float, kind: str, status: str, reason: str, message: str) -> None:
        mark = _MARKS[status]
        console.print(f"{seconds:5.1f} s {mark} [bold]{kind}[/] {reason}: {escape(message)}", soft_wrap=True)

    return say


if __name__ == "__main__":
    sys.exit(main())
