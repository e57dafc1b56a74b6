"""`python -m lab build|check-real-node|up|down|kubectl`: the laboratory by hand."""

import argparse
import os
import sys

from lab.binaries import find_or_build, find_or_build_node
from lab.bring_up import bring_up, tear_down
from lab.control_plane import cluster_directory, kubectl_environment
from lab.directories import lab_home
from lab.errors import LabError
from lab.real_node_possible import why_no_real_node


def main() -> int:
    """Run one command; a failure is one message."""
    arguments, rest = _parse_arguments()
    try:
        _COMMANDS[arguments.command](arguments, rest)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def _parse_arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m lab", description="A control plane with simulated H100 nodes.")
    parser.add_argument("--name", default="demo", help="the cluster's name (default: demo)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="find or build the programs")
    commands.add_parser("check-real-node", help="say whether this machine can have a real node; exit code 1 if not")
    commands.add_parser("up", help="build, then make the cluster with nodes and volumes")
    commands.add_parser("down", help="delete the cluster")
    commands.add_parser("kubectl", help="run kubectl on the cluster; everything after it is kubectl's")
    # Written after the command, as most people write it.
    for command in ("up", "down"):
        commands.choices[command].add_argument("--name", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    for command in ("build", "up"):
        commands.choices[command].add_argument(
            "--real-node", action="store_true", help="with one node that runs its pods for real (Linux, root)"
        )
    commands.choices["down"].add_argument(
        "--images", action="store_true", help="delete the images of its real node too, which are kept otherwise"
    )
    own, rest = _split_at_kubectl(sys.argv[1:])
    return parser.parse_args(own), rest


def _split_at_kubectl(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "kubectl" not in arguments:
        return arguments, []
    end = arguments.index("kubectl") + 1
    return arguments[:end], arguments[end:]


def _say(text: str) -> None:
    print(text, flush=True)


def _build(arguments: argparse.Namespace, _rest: list[str]) -> None:
    programs = vars(find_or_build(_say))
    if arguments.real_node:
        programs |= vars(find_or_build_node(_say))
    for program, path in programs.items():
        _say(f"{program:<24} {path}")


def _up(arguments: argparse.Namespace, _rest: list[str]) -> None:
    plane = bring_up(arguments.name, _say, real_node=arguments.real_node)
    _say(f"export KUBECONFIG={plane.kubeconfig}")


def _down(arguments: argparse.Namespace, _rest: list[str]) -> None:
    existed = tear_down(arguments.name, with_images=arguments.images)
    _say(f"cluster {arguments.name}: {'deleted' if existed else 'there is none'}")


def _check(_arguments: argparse.Namespace, _rest: list[str]) -> None:
    if reason := why_no_real_node():
        raise LabError(f"no real node here: {reason}")
    _say("This machine can have a real node.")


def _kubectl(arguments: argparse.Namespace, rest: list[str]) -> None:
    name = arguments.name
    directory = cluster_directory(name, lab_home())
    kubeconfig = directory / "kubeconfig.yaml"
    if not kubeconfig.exists():
        raise LabError(f"There is no cluster {name}. Make it with: python -m lab --name {name} up")
    kubectl = str(find_or_build(_say).kubectl)
    # kubectl takes this process's place: its exit code, its terminal, its signals.
    environment = {**os.environ, **kubectl_environment(directory)}
    os.execve(kubectl, [kubectl, "--kubeconfig", str(kubeconfig), *rest], environment)  # noqa: S606 -- no shell is wanted


_COMMANDS = {"build": _build, "check-real-node": _check, "up": _up, "down": _down, "kubectl": _kubectl}


if __name__ == "__main__":
    sys.exit(main())
