"""Whether an image's name begins with what a platform team allows: whole parts of the name, not letters of one."""

from collections.abc import Iterable


def is_below(image: str, prefixes: Iterable[str]) -> bool:
    """Tell whether one of the prefixes allows the image: `vllm/vllm-openai` does not allow `vllm/vllm-openai-mine`.

    A prefix that does not end with a letter or digit, such as `registry.example.com/` or `registry.example.com/team-`,
    says itself where it ends.
    """
    return any(image.startswith(prefix) and _ends_there(image, prefix) for prefix in prefixes)


def _ends_there(image: str, prefix: str) -> bool:
    rest = image[len(prefix) :]
    if not rest or not prefix[-1:].isalnum() or rest.startswith("/"):
        return True
    # A tag or a digest ends the image; with more behind it, it is the port of another registry.
    return rest.startswith((":", "@")) and "/" not in rest
