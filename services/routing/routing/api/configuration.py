"""The configuration: checked as a whole, active at once, or refused with every fault."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import select

from antiphon.http import pages
from antiphon.http.app import Words
from antiphon.http.pages import Page
from antiphon.http.problems import Problem, not_found, problems
from antiphon.organisation.document import ConfigurationError, Document
from routing import store
from routing.api.draft_views import Back, Difference, Published, VersionLine, VersionView, version_line
from routing.api.views import (
    Checked,
    ConfigurationView,
    Cursor,
    Limit,
    Loaded,
    Match,
    Operations,
    Overseer,
    Routing,
    RuleWarningView,
    Warnings,
)
from routing.configuration import drafts, rule_counts
from routing.domain.configuration.document import Configuration as RoutingConfiguration
from routing.domain.configuration.document import read
from routing.domain.rules import reachability

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
YAML_BODY: dict[str, object] = {
    "requestBody": {"required": True, "content": {"application/yaml": {"schema": {"type": "string"}}}}
}


def add(routes: APIRouter, at: Routing) -> None:  # noqa: C901, PLR0915
    """Adds the routes."""
    one_check = asyncio.Lock()

    async def warned(source: str, found: RoutingConfiguration) -> list[RuleWarningView]:
        # Seconds of a solver, outside the loop; one at a time, so that checks leave the machine to the work.
        async with one_check:
            warnings = await asyncio.to_thread(reachability.warnings, Document(source), found.rules)
        return [RuleWarningView(**warning._asdict()) for warning in warnings]

    @routes.get("/configuration", tags=["configuration"], responses=problems(404))
    async def get_configuration(who: Overseer, response: Response) -> ConfigurationView:
        """The configuration active, as it was written."""
        del who
        table = store.configurations.CONFIGURATION
        async with at.engine.connect() as connection:
            whole = select(table).where(table.c.rollout.is_(None))
            found = await connection.execute(whole.order_by(table.c.version.desc()).limit(1))
        row = found.one_or_none()
        if row is None:
            raise not_found("configuration")
        response.headers["ETag"] = f'"{row.version}"'
        return ConfigurationView.model_validate(row, from_attributes=True)

    @routes.put(
        "/configuration",
        tags=["configuration"],
        openapi_extra=YAML_BODY,
        responses=problems(400, 409, 412, 413, 428),
    )
    async def put_configuration(
        request: Request, who: Operations, if_match: Match = None,
        why: Annotated[Words | None, Query(min_length=1, max_length=2000)] = None,
    ) -> Loaded:  # fmt: skip
        """Checks a configuration (YAML) and puts it into effect at once; a faulty one changes nothing."""
        source = await _source(request)
        async with at.engine.begin() as tx:
            await store.configurations.lock_configuration(tx)
            latest = await store.configurations.latest_configuration(tx)
            if if_match is None:
                raise unmatched("the configuration")
            if latest is not None and if_match.strip('"') != str(latest.version):
                raise Problem(412, "Precondition failed", f"Version {latest.version} is active now.")
            await drafts.require_whole(tx)
            if latest is not None and (await at.active(tx)).configuration.publishing.needs_approval:
                raise Problem(
                    409, "Conflict", "A second person must approve: write a draft, and publish that."
                )
            try:
                version, new = await at.configurations.load(
                    tx, source, "configuration", who.subject, at.clock(), why=why
                )
            except ConfigurationError as error:
                raise faulty(error) from error
        return Loaded(version=version, new=new)

    @routes.post(
        "/configuration/check", tags=["configuration"], openapi_extra=YAML_BODY, responses=problems(400, 413)
    )
    async def check_configuration(request: Request, who: Operations) -> Checked:
        """Whether a configuration (YAML) could be loaded; every fault and warning with its line and column."""
        del who
        source = await _source(request)
        try:
            found = read(source, "configuration")
        except ConfigurationError as error:
            raise faulty(error) from error
        return Checked(
            rules=len(found.rules),
            queues=len(found.queues),
            agents=len(found.agents),
            warnings=await warned(source, found),
        )

    @routes.get("/drafts/{draft_id}/warnings", tags=["drafts"], responses=problems(404))
    async def warn_of_draft(draft_id: UUID, who: Overseer) -> Warnings:
        """What is odd about a draft's rules: what never matches, contradicts itself, is always true, or is caught by none."""
        del who
        async with at.engine.connect() as connection:
            row = await drafts.draft(connection, draft_id)
        try:
            found = read(row.source, "draft")
        except ConfigurationError as error:
            raise faulty(error) from error
        return Warnings(revision=row.revision, warnings=await warned(row.source, found))

    @routes.get("/configuration/rules", tags=["configuration"], responses=problems(404))
    async def count_rules(
        who: Overseer,
        last: Annotated[
            int, Query(ge=1, le=rule_counts.MOST, description="So many decisions are looked at.")
        ] = 1000,
    ) -> rule_counts.RuleCounts:
        """The active rules, and what each did lately: how often it was true, decided, and erred."""
        del who
        async with at.engine.begin() as tx:
            return await rule_counts.count(tx, await at.active(tx), last)

    @routes.get("/configuration/versions", tags=["configuration"], responses=problems(400))
    async def list_versions(who: Overseer, cursor: Cursor = None, limit: Limit = 50) -> Page[VersionLine]:
        """Every version that was ever active, the newest first: who, when and why."""
        del who
        table = store.configurations.CONFIGURATION
        query = select(table).order_by(table.c.version.desc())
        if cursor:
            (last,) = pages.decode_cursor(cursor, (int,))
            if not 0 <= int(last or 0) < 2**31:
                raise pages.malformed()
            query = query.where(table.c.version < last)
        async with at.engine.connect() as connection:
            active_version = await store.configurations.version(connection) or 0
            rows = (await connection.execute(query.limit(limit + 1))).all()
        more = rows[limit - 1] if len(rows) > limit else None
        return Page(
            items=[version_line(row, active_version) for row in rows[:limit]],
            next=pages.encode_cursor(more.version) if more else None,
        )

    @routes.get("/configuration/versions/{version}", tags=["configuration"], responses=problems(404))
    async def get_version(version: Number, who: Overseer) -> VersionView:
        """One version with its source."""
        del who
        async with at.engine.connect() as connection:
            active_version = await store.configurations.version(connection) or 0
            row = await drafts.version(connection, version)
        return VersionView(**version_line(row, active_version).model_dump(), source=row.source)

    @routes.get(
        "/configuration/versions/{version}/difference", tags=["configuration"], responses=problems(404, 409)
    )
    async def compare_versions(
        version: Number,
        who: Overseer,
        to: Annotated[int, Query(ge=1, le=2**31 - 1, description="The version to compare it with.")],
    ) -> Difference:
        """What changed from one version to another, in words."""
        del who
        async with at.engine.connect() as connection:
            one, other = await drafts.version(connection, version), await drafts.version(connection, to)
        told = drafts.told(one.source, other.source)
        return Difference(from_version=version, to=f"version {to}", differences=told)

    @routes.post("/configuration/back", tags=["configuration"], responses=problems(409, 412, 428))
    async def step_back(given: Back, who: Operations, if_match: Match = None) -> Published:
        """Takes the active version back: a new version says again what the one before it said."""
        version = seen(if_match)
        try:
            async with at.engine.begin() as tx:
                number, restored = await drafts.back(tx, version, given.why, who.subject, at.clock())
        except ConfigurationError as error:
            raise faulty(error) from error
        return Published(version=number, restores=restored)


def seen(if_match: str | None) -> int:
    """The number in an ETag of ours. Raises Problem 428 without one, 412 for another."""
    if if_match is None:
        raise unmatched("what you saw")
    number = if_match.strip().strip('"')
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise Problem(412, "Precondition failed", "That is no ETag of this.")
    return int(number)


def unmatched(what: str) -> Problem:
    """428: a change needs to say what it changes."""
    return Problem(428, "Precondition required", f"Send If-Match with the ETag of {what}.")


async def _source(request: Request) -> str:
    body = await request.body()
    if len(body) > 1_000_000:
        raise Problem(413, "Too large", "A configuration may have a million bytes.")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "Bad request", "The configuration is not UTF-8.") from error


def faulty(error: ConfigurationError) -> Problem:
    """422 with every fault: its line, column and place."""
    errors = [
        {"detail": f.message, "pointer": f.path, "line": f.line, "column": f.column} for f in error.faults
    ]
    return Problem(
        422, "Invalid input", "The configuration can't be used; the active one stays.", errors=errors
    )
