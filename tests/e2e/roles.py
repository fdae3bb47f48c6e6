"""Who may call what: every route of every service and its roles, stated once more by hand.

The code says it too, and from it each OpenAPI document (`x-roles`); a test holds the two together. So a new route, or a
role that a route gained by accident, fails until a person has written here that it is meant.
"""

from antiphon.access import STAFF, Role

DESK = (Role.AGENT, Role.SUPERVISOR, Role.OPERATIONS)
WORKERS = (Role.AGENT, Role.SUPERVISOR)
OVERSEERS = (Role.SUPERVISOR, Role.OPERATIONS, Role.MANAGER)
EVERYBODY = (*STAFF, Role.INTEGRATION)
# Health and metrics answer without a token.
OPEN = {"GET /livez", "GET /readyz", "GET /metrics"}

ROLES: dict[str, dict[str, tuple[Role, ...]]] = {
    "ingest-email": {
        "GET /mails": STAFF,
        "GET /mails/{interaction_id}": STAFF,
        "GET /mails/{interaction_id}/raw": STAFF,
        "GET /attachments/{attachment_id}": STAFF,
        "GET /counts": EVERYBODY,
        "GET /replies/{reply_id}": STAFF,
    },
    "ingest-social": {
        "GET /posts": STAFF,
        "GET /posts/{interaction_id}": STAFF,
        "GET /attachments/{attachment_id}": STAFF,
        "GET /replies/{reply_id}": STAFF,
        "GET /streams": STAFF,
        "GET /counts": EVERYBODY,
    },
    "ingest-direct": {
        "POST /interactions": (*DESK, Role.INTEGRATION),
        "GET /interactions": EVERYBODY,
        "GET /interactions/{interaction_id}": EVERYBODY,
        "POST /attachments": (*DESK, Role.INTEGRATION),
        "GET /attachments/{attachment_id}": EVERYBODY,
        "GET /replies": EVERYBODY,
        "GET /replies/changes": STAFF,
        "GET /replies/{reply_id}": EVERYBODY,
        "POST /replies/{reply_id}/sent": (*WORKERS, Role.INTEGRATION),
        "POST /replies/{reply_id}/failed": (*WORKERS, Role.INTEGRATION),
        "GET /counts": EVERYBODY,
    },
    "customer-profile": {
        "GET /customers": STAFF,
        "GET /customers/{customer_id}": STAFF,
        "PATCH /customers/{customer_id}": WORKERS,
        "POST /customers/{customer_id}/identifiers": WORKERS,
        "DELETE /customers/{customer_id}/identifiers/{key}": (Role.SUPERVISOR,),
        "GET /customers/{customer_id}/timeline": STAFF,
        "GET /conflicts": STAFF,
        "GET /counts": EVERYBODY,
        "GET /changes": STAFF,
    },
    "case-mgmt": {
        "GET /cases": STAFF,
        "GET /cases/{case_id}": STAFF,
        "POST /cases/{case_id}/replies": WORKERS,
        "POST /cases/{case_id}/notes": WORKERS,
        "POST /cases/{case_id}/status": WORKERS,
        "GET /replies/{reply_id}": STAFF,
        "GET /counts": EVERYBODY,
        "GET /changes": STAFF,
    },
    "routing": {
        "PUT /agents/me/presence": (Role.AGENT,),
        "POST /agents/me/heartbeat": (Role.AGENT,),
        "GET /agents/me": (Role.AGENT,),
        "GET /agents": OVERSEERS,
        "PUT /agents/{agent_id}/presence": (Role.SUPERVISOR,),
        "GET /offers/me": (Role.AGENT,),
        "POST /offers/{offer_id}/accept": (Role.AGENT,),
        "POST /offers/{offer_id}/decline": (Role.AGENT,),
        "GET /work": STAFF,
        "GET /work/{work_item_id}": STAFF,
        "POST /agents/me/next": (Role.AGENT,),
        "POST /work/{work_item_id}/pick": (Role.AGENT,),
        "POST /work/{work_item_id}/assign": (Role.SUPERVISOR,),
        "POST /work/{work_item_id}/take-back": (Role.SUPERVISOR,),
        "PATCH /work/{work_item_id}": (Role.SUPERVISOR,),
        "POST /work/{work_item_id}/complete": WORKERS,
        "POST /work/{work_item_id}/transfer": WORKERS,
        "GET /queues": STAFF,
        "PUT /queues/{queue}/state": (Role.SUPERVISOR, Role.OPERATIONS),
        "GET /live": OVERSEERS,
        "GET /live/changes": OVERSEERS,
        "GET /counts": EVERYBODY,
        "GET /changes": STAFF,
        "GET /configuration": OVERSEERS,
        "PUT /configuration": (Role.OPERATIONS,),
        "POST /configuration/check": (Role.OPERATIONS,),
        "POST /configuration/back": (Role.OPERATIONS,),
        "GET /configuration/versions": OVERSEERS,
        "GET /configuration/versions/{version}": OVERSEERS,
        "GET /configuration/versions/{version}/difference": OVERSEERS,
        "POST /drafts": (Role.OPERATIONS,),
        "GET /drafts": OVERSEERS,
        "GET /drafts/{draft_id}": OVERSEERS,
        "PUT /drafts/{draft_id}": (Role.OPERATIONS,),
        "DELETE /drafts/{draft_id}": (Role.OPERATIONS,),
        "GET /drafts/{draft_id}/difference": OVERSEERS,
        "POST /drafts/{draft_id}/publish": (Role.OPERATIONS,),
        "GET /publications": OVERSEERS,
        "GET /publications/{publication_id}": OVERSEERS,
        "POST /publications/{publication_id}/approve": (Role.OPERATIONS,),
        "POST /publications/{publication_id}/widen": (Role.OPERATIONS,),
        "POST /publications/{publication_id}/end": (Role.OPERATIONS,),
        "POST /drafts/{draft_id}/trial": (Role.OPERATIONS,),
        "GET /drafts/{draft_id}/trials": OVERSEERS,
        "GET /trials/{trial_id}": OVERSEERS,
        "GET /trials/{trial_id}/items": OVERSEERS,
        "DELETE /trials/{trial_id}": (Role.OPERATIONS,),
    },
}
