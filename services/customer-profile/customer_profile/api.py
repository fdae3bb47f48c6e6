"""The HTTP door of customer-profile: the customer, their identifiers, everything they said."""

from datetime import datetime
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import delete, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from antiphon import identifiers
from antiphon.access.roles import STAFF, Identity, Role
from antiphon.contracts.customers import CustomerRecord
from antiphon.contracts.interactions import Identifier
from antiphon.http import pages
from antiphon.http.app import Body, Moment, Words
from antiphon.http.changes import EVERYTHING, ChangeFeed, EventStream, Interest
from antiphon.http.pages import KeysetPage, Page
from antiphon.http.permissions import Guarded, require
from antiphon.http.problems import Problem, not_found, problems
from antiphon.postgres.query import AnyRow
from antiphon.process.clock import Clock
from customer_profile import actions, store

Reader = Annotated[Identity, Depends(require(*STAFF))]
Writer = Annotated[Identity, Depends(require(Role.AGENT, Role.SUPERVISOR))]
Supervisor = Annotated[Identity, Depends(require(Role.SUPERVISOR))]
Counter = Annotated[Identity, Depends(require(*STAFF, Role.INTEGRATION))]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Short = Annotated[Words, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]
Match = Annotated[
    str | None, Header(alias="If-Match", max_length=50, description='The ETag that you saw, e.g. `"3"`.')
]

# A stranger can make a conflict with each of their forms: what is shown with a customer does not grow with them.
CONFLICTS_SHOWN = 20


class Spoken(BaseModel):
    """One interaction on a timeline. Words that were taken back are not shown."""

    interaction_id: UUID
    channel: str
    network: str | None
    visibility: str
    subject: str | None
    text: str | None
    topics: list[str]
    department: str | None
    tone: str
    automation: str
    occurred_at: datetime
    accepted_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    case_id: UUID | None
    case_reference: str | None


class CustomerView(CustomerRecord):
    """A customer: who they are, and how often they spoke."""

    interactions: int


class ConflictView(BaseModel):
    """An identifier that one customer stated and that is another's."""

    id: int
    identifier: str
    customer_id: UUID
    customer_name: str | None
    other_customer_id: UUID
    other_customer_name: str | None
    source: str
    at: datetime


class WholeCustomer(CustomerView):
    """A customer with what stands between them and others."""

    conflicts: list[ConflictView] = Field(
        description=f"The newest {CONFLICTS_SHOWN} that they are a side of; all: `GET /conflicts?customer_id=`."
    )


class NewIdentifier(Body):
    """An identifier that the customer stated."""

    kind: Literal["email", "phone", "account", "did"]
    value: Short


class CustomerChange(Body):
    """Fields to change; what is not given stays."""

    name: Short | None = None
    labels: list[Short] | None = Field(None, max_length=50)


class Counts(BaseModel):
    """What this service has."""

    interactions: int
    customers: int
    identifiers: int
    conflicts: int
    dead_letters: int


def router(engine: AsyncEngine, feed: ChangeFeed, clock: Clock, *, region: str) -> APIRouter:  # noqa: C901, PLR0915
    """The routes."""
    routes = APIRouter(route_class=Guarded)

    @routes.get("/customers", tags=["customers"], responses=problems(400))
    async def find_customers(
        who: Reader, cursor: Cursor = None, limit: Limit = 50,
        identifier: Annotated[str | None, Query(max_length=600, description="`kind:value`, exact.")] = None,
        name: Annotated[Words | None, Query(max_length=300, description="How the name begins.")] = None,
    ) -> Page[CustomerView]:  # fmt: skip
        """Customers by an exact identifier or the beginning of the name; all, in the order of names, without."""
        del who
        c = store.CUSTOMER.c
        query = select(c.customer_id, c.folded_name).order_by(c.folded_name, c.customer_id)
        if identifier:
            kind, _, value = identifier.partition(":")
            query = query.join(store.IDENTIFIER, store.IDENTIFIER.c.customer_id == c.customer_id).where(
                store.IDENTIFIER.c.key == _normalised(kind, value, region)
            )
        if name:
            query = query.where(c.folded_name.startswith(name.lower(), autoescape=True))
        if cursor:
            after, last = pages.decode_cursor(cursor, (str, str))
            query = query.where(tuple_(c.folded_name, c.customer_id) > (after, pages.uuid(last)))
        async with engine.connect() as connection:
            rows = (await connection.execute(query.limit(limit + 1))).all()
            found = await store.records(connection, [row.customer_id for row in rows[:limit]])
        more = rows[limit - 1] if len(rows) > limit else None
        return Page(
            items=[_customer(*found[row.customer_id]) for row in rows[:limit]],
            next=pages.encode_cursor(more.folded_name, str(more.customer_id)) if more else None,
        )

    @routes.get("/customers/{customer_id}", tags=["customers"], responses=problems(404))
    async def get_customer(customer_id: UUID, who: Reader, response: Response) -> WholeCustomer:
        """The customer with every identifier and where it came from, and the conflicts about them."""
        del who
        async with engine.connect() as connection:
            record, interactions = await _record(connection, customer_id)
            newest = await store.conflicts(connection, CONFLICTS_SHOWN, of=customer_id, newest=True)
        view = WholeCustomer(
            **dict(record), interactions=interactions, conflicts=[_conflict(row) for row in newest]
        )
        response.headers["ETag"] = f'"{view.revision}"'
        return view

    @routes.patch("/customers/{customer_id}", tags=["customers"], responses=problems(400, 404, 412, 428))
    async def change_customer(
        customer_id: UUID, given: CustomerChange, who: Writer, response: Response, if_match: Match = None
    ) -> CustomerView:
        """Changes name or labels; what a person set is not overwritten by what channels say."""
        async with engine.begin() as tx:
            await store.lock_customers(tx, [customer_id])
            record, _ = await _record(tx, customer_id)
            if if_match is None:
                raise Problem(428, "Precondition required", "Send If-Match with the ETag that you saw.")
            if if_match.strip('"') != str(record.revision):
                raise Problem(
                    412, "Precondition failed", f"The customer is at revision {record.revision} now."
                )
            values = {
                field: getattr(given, field)
                for field in given.model_fields_set
                if getattr(given, field) is not None
            }
            if values:
                table = store.CUSTOMER
                source = {"name_source": f"person:{who.subject}"} if "name" in values else {}
                await tx.execute(
                    update(table)
                    .where(table.c.customer_id == customer_id)
                    .values(**values, **source, revision=table.c.revision + 1)
                )
                await actions.tell_updated(tx, customer_id, sorted(values), who.actor(), clock())
            view = _customer(*await _record(tx, customer_id))
        response.headers["ETag"] = f'"{view.revision}"'
        return view

    @routes.post(
        "/customers/{customer_id}/identifiers",
        status_code=201,
        tags=["identifiers"],
        responses=problems(400, 404, 409),
    )
    async def link_identifier(customer_id: UUID, given: NewIdentifier, who: Writer) -> CustomerView:
        """Links an identifier that the customer stated; linking it again changes nothing.

        Where a supervisor took that very link back, only a supervisor makes it again.
        """
        key = _normalised(given.kind, given.value, region)
        kind, _, value = key.partition(":")
        async with engine.begin() as tx:
            await _record(tx, customer_id)
            now = clock()
            row = {
                "key": key, "kind": kind, "value": value, "customer_id": customer_id, "stated_by": "agent",
                "source": f"person:{who.subject}", "linked_at": now,
            }  # fmt: skip
            table = store.IDENTIFIER
            linked = await tx.execute(
                insert(table).values(row).on_conflict_do_nothing().returning(table.c.key)
            )
            # After the identifier, as the consumer does: the two never wait for each other in a ring.
            await store.lock_customers(tx, [customer_id])
            if linked.one_or_none() is None:
                owner = (await store.owners(tx, [key])).get(key)
                if owner is None:
                    raise Problem(409, "Conflict", "The identifier was taken from its customer just now.")
                if owner != customer_id:
                    raise Problem(
                        409, "Conflict", "The identifier belongs to another customer.", customer_id=str(owner)
                    )
            else:
                if not who.has(Role.SUPERVISOR) and await store.is_removed(tx, key, customer_id):
                    raise Problem(
                        409, "Conflict", "A supervisor took this link back: only a supervisor makes it again."
                    )
                await _grow(tx, customer_id)
                await actions.tell_updated(tx, customer_id, ["identifiers"], who.actor(), now)
            return _customer(*await _record(tx, customer_id))

    @routes.delete(
        "/customers/{customer_id}/identifiers/{key}", tags=["identifiers"], responses=problems(404)
    )
    async def unlink_identifier(customer_id: UUID, key: str, who: Supervisor) -> CustomerView:
        """Takes back a wrong link (`kind:value`); that it was there is kept, and no message makes it again."""
        async with engine.begin() as tx:
            await store.lock_customers(tx, [customer_id])
            table = store.IDENTIFIER
            gone = await tx.execute(
                delete(table).where(table.c.key == key, table.c.customer_id == customer_id).returning(table)
            )
            row = gone.one_or_none()
            if row is None:
                raise not_found("identifier of this customer")
            now = clock()
            await tx.execute(
                insert(store.UNLINKED).values(
                    key=key, customer_id=customer_id, stated_by=row.stated_by, source=row.source,
                    linked_at=row.linked_at, unlinked_by=who.subject, unlinked_at=now,
                )
            )  # fmt: skip
            await _grow(tx, customer_id)
            await actions.tell_updated(tx, customer_id, ["identifiers"], who.actor(), now)
            return _customer(*await _record(tx, customer_id))

    @routes.get("/customers/{customer_id}/timeline", tags=["customers"], responses=problems(400, 404))
    async def timeline(
        customer_id: UUID, who: Reader, cursor: Cursor = None, limit: Limit = 50,
        channel: Annotated[Words | None, Query(max_length=50)] = None, since: Moment | None = None,
    ) -> Page[Spoken]:  # fmt: skip
        """Everything this customer said, on every channel, newest first."""
        del who
        s = store.SPOKEN.c
        query = select(store.SPOKEN).where(s.customer_id == customer_id)
        if channel:
            query = query.where(s.channel == channel)
        if since:
            query = query.where(s.occurred_at >= since)
        keyset = KeysetPage(s.occurred_at, s.interaction_id)
        async with engine.connect() as connection:
            await _record(connection, customer_id)
            rows = (await connection.execute(keyset.after(query, cursor, limit))).all()
        return keyset.page(rows, limit, _spoken)

    @routes.get("/conflicts", tags=["identifiers"], responses=problems(400))
    async def list_conflicts(
        who: Reader, cursor: Cursor = None, limit: Limit = 50,
        customer_id: Annotated[UUID | None, Query(description="Who is one of the two sides.")] = None,
    ) -> Page[ConflictView]:  # fmt: skip
        """Identifiers that one customer stated and that are another's: for a person to decide. The oldest first."""
        del who
        after = int(pages.decode_cursor(cursor, (int,))[0] or 0) if cursor else 0
        async with engine.connect() as connection:
            rows = await store.conflicts(connection, limit + 1, of=customer_id, after=after)
        items = [_conflict(row) for row in rows[:limit]]
        return Page(items=items, next=pages.encode_cursor(items[-1].id) if len(rows) > limit else None)

    @routes.get("/counts", tags=["counts"])
    async def counts(who: Counter) -> Counts:
        """How much this service has recorded."""
        del who
        async with engine.connect() as connection:
            row = (
                await connection.execute(
                    text(
                        "select (select count(*) from spoken) as interactions, (select count(*) from customer) as customers, "
                        "(select count(*) from identifier) as identifiers, "
                        "(select count(*) from identifier_conflict) as conflicts, "
                        "(select count(*) from dead_letter where replayed_at is null) as dead_letters"
                    )
                )
            ).one()
        return Counts.model_validate(row, from_attributes=True)

    @routes.get("/changes", tags=["live"], response_class=EventStream)
    async def follow(
        who: Reader,
        customer_id: UUID | None = None,
        last_event_id: Annotated[str | None, Header(max_length=100)] = None,
    ) -> EventStream:
        """Server-sent events `customer` and `timeline`, of all customers or one; resumes by Last-Event-ID."""
        del who
        one = Interest(frozenset({f"customer:{customer_id}"}))
        return EventStream(feed.stream(last_event_id, one if customer_id else EVERYTHING))

    return routes


def _normalised(kind: str, value: str, region: str) -> str:
    readers = {
        "email": identifiers.email,
        "phone": partial(identifiers.phone, region=region),
        "account": identifiers.account,
        "did": identifiers.did,
    }
    read = readers.get(kind)
    found: Identifier | None = read(value) if read else None
    if found is not None:
        return found.key
    if kind in {"handle", "partner"} and value:
        return f"{kind}:{value}"
    wrong = {"detail": f"is not a valid {kind or 'identifier'}", "pointer": "/value"}
    raise Problem(422, "Invalid input", "The identifier can't be used.", errors=[wrong])


async def _record(connection: AsyncConnection, customer_id: UUID) -> tuple[CustomerRecord, int]:
    found = await store.records(connection, [customer_id])
    if customer_id not in found:
        raise not_found("customer")
    return found[customer_id]


async def _grow(tx: AsyncConnection, customer_id: UUID) -> None:
    table = store.CUSTOMER
    await tx.execute(
        update(table).where(table.c.customer_id == customer_id).values(revision=table.c.revision + 1)
    )


def _customer(record: CustomerRecord, interactions: int) -> CustomerView:
    return CustomerView(**dict(record), interactions=interactions)


def _conflict(row: AnyRow) -> ConflictView:
    return ConflictView.model_validate(row, from_attributes=True)


def _spoken(row: AnyRow) -> Spoken:
    view = Spoken.model_validate(row, from_attributes=True)
    return view.model_copy(update={"text": None, "subject": None}) if row.deleted_at else view
