"""Tables and set-based queries of customer-profile, one file a noun."""

from customer_profile.store import conflicts, counts, customers, identification, identifiers, interactions
from customer_profile.store.base import METADATA

__all__ = [
    "METADATA",
    "conflicts",
    "counts",
    "customers",
    "identification",
    "identifiers",
    "interactions",
]
