"""Drafts of the configuration: written, checked, compared, discarded."""

import json
from datetime import datetime
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from antiphon.http.app import Body, Words
from antiphon.http.idempotency import OnceTx
from antiphon.http.pages import Cursor, Limit, Page
from antiphon.http.preconditions import SendsETag, seen
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, problems
from antiphon.organisation.document import ConfigurationError
from antiphon.postgres.query import AnyRow
from routing import store
from routing.api.configuration import EXCERPT
from routing.api.configuration_errors import invalid_configuration
from routing.api.difference_views import Difference
from routing.api.parameters import (
    Api,
    DraftId,
    IfMatch,
    Operations,
    OptionalConfigurationVersion,
    Overseer,
    Reason,
    invalid_field,
)
from routing.api.rule_warnings import RuleWarningView, rule_warnings
from routing.configuration import drafts
from routing.domain.states import DraftState

MAX_CHARACTERS = 1_000_000
Title = Annotated[Words, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Source = Annotated[Words, Field(min_length=1, max_length=MAX_CHARACTERS)]


class NewDraft(Body):
    """A draft: of the active version, or of a configuration as YAML (`source`) or JSON (`configuration`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Objections first", "why": "Objections have a legal deadline"}]
        }
    )

    name: Title = Field(description="A name for people.")
    why: Reason = Field(description="What the draft is for.")
    source: Source | None = Field(None, description="The whole configuration as YAML.")
    configuration: dict[str, object] | None = Field(
        None, description="The whole configuration as JSON, with the same sections as in YAML."
    )


class SavedDraft(NewDraft):
    """A draft as it is to be."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "Objections first", "why": "Objections have a legal deadline", "source": EXCERPT}
            ]
        }
    )

    base_version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="The active version, when the draft takes in what changed up to it."
    )


class FaultView(BaseModel):
    """What is wrong with a draft, and where in its source."""

    detail: str = Field(
        description="What is wrong, in words.",
        examples=["unknown queue 'planing', did you mean 'planning'?"],
    )
    pointer: str = Field(
        description="The place in the configuration, with dots.", examples=["rules.6.then.queue"]
    )
    line: int = Field(description="The line of the source, from 1.", examples=[172])
    column: int = Field(description="The column of the source, from 1.", examples=[20])


class DraftLine(BaseModel):
    """A draft without its source."""

    draft_id: UUID = Field(description="The draft's id.")
    name: str = Field(description="Its name for people.", examples=["Objections first"])
    why: str = Field(description="What it is for.", examples=["Objections have a legal deadline"])
    state: Literal["draft", "planned", "published", "discarded"] = Field(
        description="Draft: can be changed. Planned: its publication waits. Published: it became a version."
    )
    base_version: int = Field(description="The version that it was made from.", examples=[11])
    revision: int = Field(description="The number of its last change; its ETag.", examples=[2])
    created_at: datetime = Field(description="When it was created.")
    created_by: str = Field(description="Who created it.", examples=["olga"])
    changed_at: datetime = Field(description="When it was last changed.")
    changed_by: str = Field(description="Who last changed it.", examples=["olga"])
    configuration_version: OptionalConfigurationVersion = Field(
        description="The number of the version that it became; null before it is published."
    )


class DraftView(DraftLine):
    """A draft with its source, and everything that is wrong with it."""

    source: str = Field(description="The configuration as YAML.", examples=[EXCERPT])
    faults: list[FaultView] = Field(
        description="Why it can be neither tried nor published; empty when it can."
    )


class DraftWarnings(BaseModel):
    """What is odd about the rules of a draft, as it was at this revision."""

    revision: int = Field(description="The revision that was checked.", examples=[2])
    warnings: list[RuleWarningView] = Field(description="Rules that can never decide, and the like.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.post("/drafts", tags=["drafts"], status_code=201, responses=problems(404, 413))
    async def create_draft(body: NewDraft, caller: Operations, tx: OnceTx, tag: SendsETag) -> DraftView:
        """Creates a draft, faults or not: the answer lists each fault with its line and column."""
        source = _source(body)
        row = await drafts.create(tx, body.name, body.why, source, caller.subject, at.clock())
        tag.of(row.revision)
        return await _view(at, row)

    @routes.get("/drafts", tags=["drafts"], responses=problems(400))
    async def list_drafts(_caller: Overseer, cursor: Cursor = None, limit: Limit = 50) -> Page[DraftLine]:
        """All drafts, the newest change first; published and discarded ones too."""
        async with at.engine.connect() as connection:
            rows = await store.drafts.newest(connection, cursor, limit)
        view = partial(DraftLine.model_validate, from_attributes=True)
        return store.drafts.BY_CHANGE.page(rows, limit, view)

    @routes.get("/drafts/{draft_id}", tags=["drafts"], responses=problems(404))
    async def get_draft(draft_id: DraftId, _caller: Overseer, tag: SendsETag) -> DraftView:
        """A draft, with everything that is wrong with it."""
        async with at.engine.connect() as connection:
            row = await drafts.draft(connection, draft_id)
        tag.of(row.revision)
        return await _view(at, row)

    @routes.put("/drafts/{draft_id}", tags=["drafts"], responses=problems(404, 409, 412, 413, 428))
    async def save_draft(
        draft_id: DraftId, body: SavedDraft, caller: Operations, tag: SendsETag, if_match: IfMatch = None
    ) -> DraftView:
        """Saves a draft, faults or not. 412 when somebody else saved it meanwhile."""
        revision, changed = seen(if_match), _changed(body)
        async with at.engine.begin() as tx:
            if body.base_version is not None:
                await drafts.require_active(tx, body.base_version)
            row = await drafts.save(tx, draft_id, revision, caller.subject, at.clock(), **changed)
        tag.of(row.revision)
        return await _view(at, row)

    @routes.delete("/drafts/{draft_id}", tags=["drafts"], responses=problems(404, 409, 412, 428))
    async def discard_draft(draft_id: DraftId, caller: Operations, if_match: IfMatch = None) -> DraftLine:
        """Discards a draft; it stays listed."""
        revision = seen(if_match)
        async with at.engine.begin() as tx:
            row = await drafts.save(
                tx, draft_id, revision, caller.subject, at.clock(), state=DraftState.DISCARDED
            )
        return DraftLine.model_validate(row, from_attributes=True)

    @routes.get("/drafts/{draft_id}/difference", tags=["drafts"], responses=problems(404, 409))
    async def compare_draft(draft_id: DraftId, _caller: Overseer) -> Difference:
        """What changes when the draft becomes active, one sentence for each change."""
        async with at.engine.connect() as connection:
            row = await drafts.draft(connection, draft_id)
            active = await drafts.version(connection, await store.configurations.version(connection) or 0)
        differences = await drafts.describe_differences(active.source, row.source)
        return Difference(from_version=active.version, to=f"draft {row.name!r}", differences=differences)

    @routes.get("/drafts/{draft_id}/warnings", tags=["drafts"], responses=problems(404))
    async def list_draft_warnings(draft_id: DraftId, _caller: Overseer) -> DraftWarnings:
        """Rules of a draft that never match, contradict themselves or are always true, and cases that no rule catches."""
        async with at.engine.connect() as connection:
            row = await drafts.draft(connection, draft_id)
        try:
            configuration = await at.rule_checker.read(row.source, "draft")
        except ConfigurationError as error:
            raise invalid_configuration(error) from error
        return DraftWarnings(
            revision=row.revision, warnings=await rule_warnings(at, row.source, configuration)
        )


async def require_usable(at: Api, row: AnyRow, *states: DraftState) -> None:
    """Raises Problem 409 when a draft is in none of these states, 422 with every fault when it has some."""
    if row.state not in states:
        raise Problem(Kind.DRAFT_CLOSED, f"It is no draft any more: {row.state}.", state=row.state)
    if faults := await at.rule_checker.faults(row.source):
        raise invalid_configuration(ConfigurationError(row.name, faults))


def _changed(body: SavedDraft) -> dict[str, object]:
    """The columns that saving changes. Raises Problem 422 when the body has no configuration."""
    source = _source(body)
    if source is None:
        raise invalid_field("/source", "give a source or a configuration")
    changed: dict[str, object] = {"name": body.name, "why": body.why, "source": source}
    return changed | ({} if body.base_version is None else {"base_version": body.base_version})


def _source(body: NewDraft) -> str | None:
    """The source of a draft; JSON as indented lines, which are YAML too. Raises Problem 422 when there are two, 413."""
    if body.source is not None and body.configuration is not None:
        raise invalid_field("/configuration", "give a source or a configuration, not both")
    if body.configuration is None:
        return body.source
    try:
        source = json.dumps(body.configuration, indent=2, ensure_ascii=False)
        source.encode()
    except RecursionError as error:
        raise invalid_field("/configuration", "is nested too deeply") from error
    except UnicodeEncodeError as error:
        raise invalid_field("/configuration", "must not contain lone surrogates") from error
    if len(source) > MAX_CHARACTERS:
        raise Problem(Kind.TOO_LARGE, f"A configuration may have {MAX_CHARACTERS} characters.")
    return source


async def _view(at: Api, row: AnyRow) -> DraftView:
    line = DraftLine.model_validate(row, from_attributes=True)
    faults = [
        FaultView(detail=fault.message, pointer=fault.path, line=fault.line, column=fault.column)
        for fault in await at.rule_checker.faults(row.source)
    ]
    return DraftView(**line.model_dump(), source=row.source, faults=faults)
