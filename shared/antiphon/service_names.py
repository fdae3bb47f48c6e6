"""The names of the services, as events, databases and people name them; their packages have `_` for `-`.

`SERVICES` handle events. The desktop's back end handles none, so what is about events, the organisation or counts is not about it.
"""

INGEST_EMAIL = "ingest-email"
INGEST_SOCIAL = "ingest-social"
INGEST_DIRECT = "ingest-direct"
CUSTOMER_PROFILE = "customer-profile"
CASE_MGMT = "case-mgmt"
ROUTING = "routing"
DESKTOP = "desktop"

INGEST = (INGEST_EMAIL, INGEST_SOCIAL, INGEST_DIRECT)
SERVICES = (*INGEST, CUSTOMER_PROFILE, CASE_MGMT, ROUTING)
PROCESSES = (*SERVICES, DESKTOP)
