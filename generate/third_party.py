"""The page of what the operator's image holds of others, with its licences."""

from generate.locked_packages import list_locked_packages

INTRODUCTION = """\
# What the operator's image holds of others

<!-- Generated from requirements/downloader.txt by `make generate`. Do not edit. -->

| part | licence | its text, in the image |
|---|---|---|
| nemotron-operator | Apache-2.0 | `/opt/nemotron/lib/python3.11/site-packages/nemotron_operator-*.dist-info/licenses` |
| the packages below | below | `/opt/nemotron/lib/python3.11/site-packages/NAME-*.dist-info` |
| Python | PSF-2.0 | `/usr/local/lib/python3.11/LICENSE.txt` |
| Debian | of each package | `/usr/share/doc/PACKAGE/copyright` |

The image holds no vLLM, no CUDA and no model: vLLM's image is pulled from where its makers publish it, and weights are
fetched by the cluster; [whose terms those have](../licences.md). A bill of materials of the whole image, Debian's
packages included, is [attached to it](../supply-chain.md).

## Python packages

| package | version | licence |
|---|---|---|
"""


def render_third_party() -> str:
    """Render every package of the image's lock, with version and licence."""
    rows = [f"| {package.name} | {package.version} | {package.licence} |" for package in list_locked_packages()]
    return INTRODUCTION + "\n".join(rows) + "\n"
