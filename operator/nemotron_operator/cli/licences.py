"""What the commands say of a model's licences."""

from nemotron_operator.api.fields import ApiModel
from nemotron_operator.catalog.entry import CatalogEntry
from nemotron_operator.catalog.licences import UNKNOWN, find_licence


class LicenceReport(ApiModel):
    """One licence that holds for a model."""

    identifier: str
    """Its identifier. Example: `llama3.1`."""

    title: str
    """What it is called; the identifier where nobody described it. Example: `Llama 3.1 Community License`."""

    url: str
    """Where its text is; empty where that is not known. Example: `https://www.llama.com/llama3_1/license/`."""

    terms: str
    """What it asks of who serves the model, in sentences; empty where that is not known."""

    notice: str
    """Line to keep in a Notice file with copies of the model; empty for none."""


def list_licences(entry: CatalogEntry) -> tuple[LicenceReport, ...]:
    """List the licences that hold for a model; none where nobody said which."""
    found = {identifier: find_licence(identifier) for identifier in entry.licences if identifier != UNKNOWN}
    return tuple(
        LicenceReport(
            identifier=identifier,
            title=licence.title,
            url=licence.url,
            terms=licence.terms,
            notice=licence.notice,
        )
        for identifier, licence in found.items()
    )


def describe_licence(licence: LicenceReport) -> str:
    """Name it with the place of its text, and say what it asks."""
    named = f"{licence.title} ({licence.url})" if licence.url else licence.title
    return f"{named}. {licence.terms}" if licence.terms else named
