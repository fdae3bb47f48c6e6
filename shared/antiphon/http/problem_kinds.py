"""The kinds of problems: what programs distinguish an error by, in every service. `docs/problems.md` is made of this."""

from enum import Enum, unique
from http import HTTPStatus
from typing import NamedTuple

URN = "urn:antiphon:problem:"


class Definition(NamedTuple):
    """The HTTP status of a kind, its title, and when it is answered."""

    status: int
    title: str
    meaning: str


@unique
class Kind(Enum):
    """One kind of error. Its `type` stays the same; its title and meaning are words for people."""

    # Any operation
    MALFORMED_REQUEST = Definition(400, "Bad request", "The body is not in the form that its media type has.")
    MALFORMED_CURSOR = Definition(400, "Malformed cursor", "`cursor` is not the `next` of a page.")
    NOT_AUTHENTICATED = Definition(401, "Not authenticated", "The request has no valid token.")
    NOT_SIGNED_IN = Definition(
        401, "Not signed in", "The browser has no session, or none any more: sign in at `/session/sign-in`."
    )
    TOKEN_FROM_A_PAGE = Definition(
        400, "Token from a page", "The page port takes no `Authorization`: programs come to the API port."
    )
    COOKIE_FROM_A_PROGRAM = Definition(
        400,
        "Cookie from a program",
        "The API port takes bearer tokens only: the session cookie is for the page port.",
    )
    HEADER_MISSING = Definition(
        403, "Header missing", "The request lacks the header `X-Antiphon: 1`, which the pages send."
    )
    ROLE_MISSING = Definition(403, "Not allowed", "The token has none of the roles that the operation needs.")
    NOT_FOUND = Definition(404, "Not found", "The thing does not exist, or the caller may not see it.")
    METHOD_NOT_ALLOWED = Definition(
        405, "Method not allowed", "The path has no operation of this method; `Allow` lists those it has."
    )
    CURSOR_OF_ANOTHER_DATABASE = Definition(
        410, "Cursor of another database", "The database was restored since: read the export from its start."
    )
    PRECONDITION_FAILED = Definition(
        412, "Precondition failed", "`If-Match` is not the current ETag: read again, and decide again."
    )
    TOO_LARGE = Definition(413, "Too large", "The body, a file or a text is larger than the limit.")
    UNSUPPORTED_MEDIA_TYPE = Definition(
        415, "Unsupported media type", "The operation does not read a body of this `Content-Type`."
    )
    INVALID_INPUT = Definition(
        422, "Invalid input", "A value can't be used: `errors` says which, where it is and why."
    )
    IDEMPOTENCY_KEY_REUSED = Definition(
        422, "Idempotency key reused", "The caller used the `Idempotency-Key` for another request."
    )
    PRECONDITION_REQUIRED = Definition(428, "Precondition required", "The operation needs `If-Match`.")
    TOO_MANY_REQUESTS = Definition(
        429,
        "Too many requests",
        "The caller sent more than the limit: `Retry-After` says when to come again.",
    )
    UNEXPECTED_ERROR = Definition(
        500, "Unexpected error", "The service failed. Its log has the failure under `X-Trace-Id`."
    )
    NOT_AVAILABLE = Definition(503, "Not available", "The service can't answer now: repeat the request.")

    # Cases and answers
    STATUS_NOT_POSSIBLE = Definition(
        409, "Status not possible", "The case can't go from its status to this one."
    )
    CASE_HAS_WORK = Definition(
        409, "Case has work", "The case is open and has its work: transfer that to the queue."
    )
    NOTHING_TO_ANSWER = Definition(
        409, "Nothing to answer", "No interaction on the case is of a person, so none can be answered."
    )
    INTERACTION_DELETED = Definition(
        409, "Interaction deleted", "The customer deleted the interaction, so it can't be answered."
    )
    WRITTEN_BY_A_PROGRAM = Definition(
        409, "Written by a program", "A program wrote the interaction, so it is never answered."
    )
    NO_RECIPIENT = Definition(
        409, "No recipient", "The interaction has no address to which a reply could go."
    )
    RECIPIENT_NOT_CONFIRMED = Definition(
        409,
        "Recipient not confirmed",
        "`recipient` is not an address of the case's customer: repeat its value in `confirm_recipient`.",
    )
    TOO_MANY_PARTS = Definition(
        422,
        "Too many parts",
        "The network would post the reply in `parts`, more than are allowed: shorten it.",
    )
    REPLY_FINISHED = Definition(
        409, "Reply finished", "The other outcome of the reply was reported before; `state` is its outcome."
    )
    EXTERNAL_ID_REUSED = Definition(
        409, "External id reused", "The source used this `external_id` for another interaction."
    )

    # Customers
    IDENTIFIER_OF_ANOTHER_CUSTOMER = Definition(
        409, "Identifier of another customer", "The customer with `customer_id` has the identifier."
    )
    IDENTIFIER_CHANGED_MEANWHILE = Definition(
        409, "Identifier changed meanwhile", "Somebody removed the identifier just now: repeat the request."
    )
    LINK_REMOVED = Definition(
        409, "Link removed", "A supervisor removed this link, so only a supervisor can link it again."
    )

    # Agents and work
    NOT_AN_AGENT = Definition(
        403, "Not an agent", "The caller is no agent of the organisation at this time; `detail` says why."
    )
    PERSON_IS_NO_AGENT = Definition(
        409, "Person is no agent", "The person is no agent at this time; `detail` says why."
    )
    PRESENCE_NOT_SETTABLE = Definition(
        403, "Presence not settable", "Routing sets this presence, people do not."
    )
    DECLINING_NOT_ALLOWED = Definition(
        403, "Declining not allowed", "The queue's policy is that agents do not decline its work."
    )
    PICKING_NOT_ALLOWED = Definition(
        403, "Picking not allowed", "The queue gives its work out in order; agents do not pick it."
    )
    EXTENDING_NOT_ALLOWED = Definition(
        403, "Extending not allowed", "The queue's policy is that agents do not extend its offers."
    )
    EXTENSIONS_USED_UP = Definition(
        409, "Extensions used up", "The agent extended the offer as often as its queue allows."
    )
    OFFER_OVER = Definition(
        409, "Offer over", "The offer ended with `result`; the work is in `state`, with `agent_id`."
    )
    WORK_COMPLETED = Definition(409, "Work completed", "The work is completed, so nobody can have it.")
    WORK_OF_ANOTHER_AGENT = Definition(
        409, "Work of another agent", "The caller does not have the work; `agent_id` has it."
    )
    WORK_HELD_ALREADY = Definition(
        409, "Work held already", "`agent_id` has the work, or is offered it, already."
    )
    WORK_WITHOUT_AGENT = Definition(409, "Work without agent", "Nobody has the work: it is in `state`.")
    WORK_NOT_WAITING = Definition(
        409, "Work not waiting", "The work does not wait: it is in `state`, with `agent_id`."
    )
    WORK_WAITS_FOR_AGENT = Definition(
        409, "Work waits for agent", "A person handed the work to `agent_id`, for whom alone it waits."
    )
    QUEUE_NOT_OPEN = Definition(409, "Queue not open", "The queue does not give out its work now.")
    AGENT_OFFLINE = Definition(409, "Agent offline", "The agent is offline, and would not see the work.")
    AGENT_UNAVAILABLE = Definition(
        409,
        "Agent unavailable",
        "`agent_id` can be offered nothing now: `why_not` is the reason. With `wait` the work waits for them.",
    )
    AGENT_FULL = Definition(409, "Agent full", "The agent has no free capacity for the work.")
    AGENT_NOT_SUITED = Definition(
        409, "Agent not suited", "The agent can't take the work; `detail` says why."
    )

    # The configuration: drafts, trials, shadows, publications
    INVALID_CONFIGURATION = Definition(
        422, "Invalid configuration", "`errors` has every fault, with its line and column."
    )
    DRAFT_CLOSED = Definition(409, "Draft closed", "It is no draft any more: it is in `state`.")
    DRAFT_NOT_COMPARABLE = Definition(
        409, "Draft not comparable", "The form of a draft is wrong: correct its faults first."
    )
    DRAFT_CHANGES_NOTHING = Definition(
        409, "Draft changes nothing", "The draft says what the active version says."
    )
    BASE_VERSION_NOT_ACTIVE = Definition(
        409,
        "Base version not active",
        "Another version is active than `base_version`; `changed_since` says what changed, a sentence each.",
    )
    ROLLOUT_RUNNING = Definition(
        409, "Rollout running", "`configuration_version` decides about `rollout` percent of the cases."
    )
    ROLLOUT_BEYOND_RULES = Definition(
        409, "Rollout beyond rules", "A rollout can change rules only; `differences` are the other changes."
    )
    ROLLOUT_NOT_WIDER = Definition(
        409, "Rollout not wider", "The version decides about at least as many of the cases already."
    )
    APPROVAL_REQUIRED = Definition(
        409, "Approval required", "A second person must approve; `detail` says how to ask for that."
    )
    APPROVAL_BY_AN_AUTHOR = Definition(
        403, "Approval by an author", "Who wrote a draft or asked for its publication can't approve it."
    )
    WIDENING_BY_AN_AUTHOR = Definition(
        403,
        "Widening by an author",
        "Who wrote a draft or asked for its publication can't widen it, where a second person must approve.",
    )
    PUBLICATION_NOT_WAITING = Definition(
        409, "Publication not waiting", "The publication needs no approval: it is in `state`."
    )
    PUBLICATION_WITHOUT_ROLLOUT = Definition(
        409, "Publication without rollout", "The publication has no rollout to widen: it is in `state`."
    )
    PUBLICATION_ENDED = Definition(409, "Publication ended", "The publication has ended: it is in `state`.")
    PUBLICATION_SUPERSEDED = Definition(
        409, "Publication superseded", "Another version has become active since, so there is nothing to end."
    )
    NO_VERSION_BEFORE = Definition(409, "No version before", "No version was active before this one.")
    TRIAL_NOT_DONE = Definition(409, "Trial not done", "The trial is not done: it is in `state`.")
    TRIAL_OUTDATED = Definition(409, "Trial outdated", "The draft was changed since it was tried.")
    TRIAL_ENDED = Definition(409, "Trial ended", "The trial has ended: it is in `state`.")
    SHADOW_RUNNING = Definition(409, "Shadow running", "Another shadow, `shadow_id`, runs: end it first.")
    SHADOW_ENDED = Definition(409, "Shadow ended", "The shadow has ended.")

    # Connections to mailboxes and accounts
    CONNECTION_WITHOUT_LOGIN = Definition(
        409,
        "Connection without login",
        "The service logs in nowhere for the connection: others bring its mail.",
    )

    @property
    def type(self) -> str:
        """The URI of the kind, the `type` of its problems."""
        return URN + self.name.lower().replace("_", "-")

    @property
    def status(self) -> int:
        """The HTTP status of its problems."""
        return self.value.status

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.value.title


# Errors that the framework raises by their status alone.
BY_STATUS = {
    kind.status: kind
    for kind in (
        Kind.MALFORMED_REQUEST,
        Kind.NOT_FOUND,
        Kind.METHOD_NOT_ALLOWED,
        Kind.TOO_LARGE,
        Kind.NOT_AVAILABLE,
    )
}


def document() -> str:
    """`docs/problems.md`: every kind, by status."""
    parts = [_INTRODUCTION]
    for status in sorted({kind.status for kind in Kind}):
        rows = [
            f"| `{kind.type}` | {kind.title} | {kind.value.meaning} |"
            for kind in Kind
            if kind.status == status
        ]
        parts.append(f"## {status} {HTTPStatus(status).phrase}")
        parts.append("\n".join(["| type | title | when |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = """\
# Problems

`make problems` writes this page from [problem_kinds.py](../shared/antiphon/http/problem_kinds.py).

Every error of every service is a problem of RFC 9457, with the media type `application/problem+json`. A program
distinguishes errors by `type`, which stays the same. `title` and `detail` are words for people. `errors` lists what is wrong,
and where. The schema `ProblemDetails` of each OpenAPI document has the other members: `state`, `agent_id` and so on."""
