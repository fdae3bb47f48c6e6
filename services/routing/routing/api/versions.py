"""Versions of the configuration: listed, read, compared, and one step back."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from antiphon.http import pages
from antiphon.http.app import Body
from antiphon.http.idempotency import OnceTx
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.preconditions import seen
from antiphon.http.problems import problems
from antiphon.organisation.document import ConfigurationError
from antiphon.postgres.query import AnyRow
from routing import store
from routing.api.configuration import EXCERPT
from routing.api.configuration_errors import invalid_configuration
from routing.api.difference_views import Difference
from routing.api.parameters import (
    Api,
    ConfigurationVersion,
    IfMatch,
    Operations,
    Overseer,
    Reason,
    VersionNumber,
)
from routing.api.publication_views import PublicationView, Published
from routing.configuration import drafts, publications


class VersionLine(BaseModel):
    """A version of the configuration."""

    configuration_version: ConfigurationVersion = Field(description="The number of the version.")
    state: Literal["published", "limited", "superseded"] = Field(
        description="Published: active. Limited: active for `rollout` percent of the cases. Superseded: neither."
    )
    rollout: int | None = Field(
        description="The percent of the cases that it decided about; null for a version that was active for all.",
        examples=[None],
    )
    loaded_at: datetime = Field(description="When it became active.")
    loaded_by: str = Field(description="Who made it active.", examples=["olga"])
    why: str | None = Field(description="Why.", examples=["Objections have a legal deadline"])
    draft_id: UUID | None = Field(description="The draft that it was.")
    trial_id: UUID | None = Field(description="The trial that was cited when it was published.")
    restores: int | None = Field(
        description="The version whose source it has, when it is a step back.", examples=[None]
    )


class VersionView(VersionLine):
    """A version with its source."""

    source: str = Field(description="The configuration as YAML.", examples=[EXCERPT])


class StepBack(Body):
    """Why the active version is taken back."""

    why: Reason = Field(description="Why.", examples=["Elena is ill, and nobody else knows objections"])


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/configuration/versions", tags=["configuration"], responses=problems(400))
    async def list_versions(_caller: Overseer, cursor: Cursor = None, limit: Limit = 50) -> Page[VersionLine]:
        """Every version that was ever active, the newest first: who loaded it, when and why."""
        below = _number(cursor) if cursor else None
        async with at.engine.connect() as connection:
            active_version = await store.configurations.version(connection) or 0
            rows = await store.configurations.newest(connection, below, limit + 1)
        more = rows[limit - 1] if len(rows) > limit else None
        return Page(
            items=[_line(row, active_version) for row in rows[:limit]],
            next=pages.encode_cursor(more.version) if more else None,
        )

    @routes.get(
        "/configuration/versions/{configuration_version}", tags=["configuration"], responses=problems(404)
    )
    async def get_version(configuration_version: VersionNumber, _caller: Overseer) -> VersionView:
        """One version with its source."""
        async with at.engine.connect() as connection:
            active_version = await store.configurations.version(connection) or 0
            row = await drafts.version(connection, configuration_version)
        return VersionView(**_line(row, active_version).model_dump(), source=row.source)

    @routes.get(
        "/configuration/versions/{configuration_version}/difference",
        tags=["configuration"],
        responses=problems(404, 409),
    )
    async def compare_versions(
        configuration_version: VersionNumber,
        _caller: Overseer,
        to: Annotated[
            int, Query(ge=1, le=2**31 - 1, description="The version to compare with.", examples=[13])
        ],
    ) -> Difference:
        """What changed from one version to another, one sentence for each change."""
        async with at.engine.connect() as connection:
            one = await drafts.version(connection, configuration_version)
            other = await drafts.version(connection, to)
        differences = await drafts.describe_differences(one.source, other.source)
        return Difference(from_version=configuration_version, to=f"version {to}", differences=differences)

    @routes.post("/configuration/back", tags=["configuration"], responses=problems(409, 412, 428))
    async def restore_previous_version(
        body: StepBack, caller: Operations, tx: OnceTx, if_match: IfMatch = None
    ) -> Published:
        """Takes the active version back: a new version with the source of the one before becomes active.

        Where a second person must approve, it is a publication that waits for that.
        """
        version = seen(if_match)
        try:
            await store.configurations.lock_configuration(tx)
            active = await at.active(tx)
            if active.configuration.publishing.needs_approval:
                row = await publications.ask_to_restore(
                    tx, active, version, body.why, caller.subject, at.clock()
                )
                publication = PublicationView.model_validate(row, from_attributes=True)
                return Published(configuration_version=None, restores=row.restores, publication=publication)
            number, restored = await drafts.restore_previous(
                tx, version, body.why, caller.subject, at.clock()
            )
        except ConfigurationError as error:
            raise invalid_configuration(error) from error
        return Published(configuration_version=number, restores=restored)


def _number(cursor: str) -> int:
    (number,) = pages.decode_cursor(cursor, (int,))
    if not isinstance(number, int) or not 0 <= number < 2**31:
        raise pages.malformed()
    return number


def _line(row: AnyRow, active_version: int) -> VersionLine:
    names = ("loaded_at", "loaded_by", "why", "draft_id", "trial_id", "restores", "rollout")
    state = "published" if row.version == active_version else "superseded"
    if row.rollout is not None and row.rollout_ended_at is None:
        state = "limited"
    return VersionLine(
        configuration_version=row.version, state=state, **{name: getattr(row, name) for name in names}
    )
