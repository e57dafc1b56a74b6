"""The format in which an engine keeps the states of Mamba layers, where it is told another than the model's own."""

from dataclasses import replace
from functools import lru_cache

from nemotron_operator.architecture.model import Architecture, Block


def store_states(
    architecture: Architecture, conv_element_bytes: int | None, ssm_element_bytes: int | None
) -> Architecture:
    """Store the states of all Mamba layers in other formats; None leaves a format as the model has it."""
    if conv_element_bytes is None and ssm_element_bytes is None:
        return architecture
    return _store_states(architecture, conv_element_bytes, ssm_element_bytes)


@lru_cache(maxsize=64)
def _store_states(
    architecture: Architecture, conv_element_bytes: int | None, ssm_element_bytes: int | None
) -> Architecture:
    """Change each kind of block once: equal blocks stay one object, and accounts are remembered by the whole."""

    def change(block: Block) -> Block:
        if block.state is None:
            return block
        state = replace(
            block.state,
            conv_element_bytes=conv_element_bytes or block.state.conv_element_bytes,
            ssm_element_bytes=ssm_element_bytes or block.state.ssm_element_bytes,
        )
        return replace(block, state=state)

    changed = {id(block): change(block) for block in {id(block): block for block in architecture.blocks}.values()}
    return replace(architecture, blocks=tuple(changed[id(block)] for block in architecture.blocks))
