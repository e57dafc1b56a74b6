"""Which parsers of tool calls and reasoning the engine is told, so that clients get fields and not raw text."""

from collections.abc import Sequence

from nemotron_operator.catalog.entry import ServingFlags
from nemotron_operator.plan.extra_arguments import list_names

_TOOL_ARGUMENTS = frozenset({"--enable-auto-tool-choice", "--no-enable-auto-tool-choice", "--tool-call-parser"})
_REASONING_ARGUMENTS = frozenset({"--reasoning-parser"})


def choose_tool_call_parser(flags: ServingFlags, extra_args: Sequence[str]) -> str | None:
    """Take the catalogue's parser of tool calls; None when it is code of the repository, or the user chose."""
    is_chosen = not _TOOL_ARGUMENTS.isdisjoint(list_names(extra_args))
    return None if is_chosen or flags.tool_parser_plugin else flags.tool_call_parser


def choose_reasoning_parser(flags: ServingFlags, extra_args: Sequence[str]) -> str | None:
    """Take the catalogue's parser of reasoning; None when it is code of the repository, or the user chose."""
    is_chosen = not _REASONING_ARGUMENTS.isdisjoint(list_names(extra_args))
    return None if is_chosen or flags.reasoning_parser_plugin else flags.reasoning_parser
