"""The client of the storage: it asks the named endpoint, with the given credentials, and nothing and nobody else.

The client is imported late: it takes longer than reading the arguments.
"""

import os
from typing import Any

from nemotron_operator.downloader.origin import SILENCE_SECONDS
from nemotron_operator.downloader.s3_access import S3Access

CONNECT_TIMEOUT_SECONDS = 10
"""How long a connection may take to be made."""

CONNECTIONS = 32
"""How many connections are kept: as many as files and questions are under way at once."""


def make_client(access: S3Access) -> Any:  # noqa: ANN401 - the client has no types: it makes its methods from data
    """Make the client.

    Notes
    -----
    Left alone, it looks for what it is not given: in the files of the home directory and, on a machine that is none
    of AWS's, at the address of its metadata service, which does not answer. It tries nothing again by itself: who
    calls the origin has one budget of patience for everything.
    """
    import boto3
    import botocore.session
    from botocore import UNSIGNED
    from botocore.config import Config

    files_and_profile = {
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
        "profile": (None, None, None, None),
    }
    session = boto3.session.Session(botocore_session=botocore.session.Session(session_vars=files_and_profile))
    credentials = access.credentials
    return session.client(
        "s3",
        endpoint_url=access.endpoint,
        region_name=access.region,
        aws_access_key_id=credentials and credentials.access_key_id,
        aws_secret_access_key=credentials and credentials.secret_access_key,
        aws_session_token=credentials and credentials.session_token,
        verify=access.ca_file,
        config=Config(
            signature_version=None if credentials else UNSIGNED,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=SILENCE_SECONDS,
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": 1},
            # Names like BUCKET.HOST exist at AWS only.
            s3={"addressing_style": "path" if access.endpoint else "auto"},
            defaults_mode="legacy",
            ignore_configured_endpoint_urls=True,
            # Every byte is checked when it is on the volume. Some storages answer to the newer checksums by an error.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
