"""What `make status` says of the configuration by which services work."""

import pytest

from deploy.status import differing


@pytest.mark.parametrize("versions", [{}, {"routing": 3}, {"routing": 3, "case-mgmt": 3}])
def test_services_with_one_version_do_not_differ(versions: dict[str, int]) -> None:
    assert differing(versions) is None


def test_services_with_different_versions_are_named_by_version() -> None:
    shown = differing({"ingest-email": 2, "routing": 3, "case-mgmt": 3})
    assert (
        shown
        == "Services work by different versions of the configuration (2: ingest-email; 3: routing, case-mgmt)."
    )
