"""The active configuration: read, checked and replaced as a whole, and what its rules did."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse

from antiphon.http.app import Words
from antiphon.http.idempotency import OnceTx
from antiphon.http.preconditions import Seen, SendsETag, seen
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, not_found, problems
from antiphon.organisation.document import ConfigurationError
from routing import store
from routing.api.configuration_errors import invalid_configuration
from routing.api.parameters import (
    Api,
    ConfigurationVersion,
    IfMatch,
    Operations,
    Overseer,
)
from routing.api.rule_warnings import RuleWarningView, rule_warnings
from routing.configuration import drafts, rule_counts
from routing.domain.configuration.schema import json_schema

EXCERPT = """\
queues:
  planning: { name: Planning, calendar: office, sla_policy: standard }
rules:
  - name: Planning
    when: case.department == "planning"
    then: { queue: planning, priority: 50 }
"""
YAML_BODY: dict[str, object] = {
    "requestBody": {
        "required": True,
        "description": "The whole configuration as YAML; the example is an excerpt.",
        "content": {"application/yaml": {"schema": {"type": "string"}, "example": EXCERPT}},
    }
}


SCHEMA_TYPE = "application/schema+json"
SCHEMA_ANSWER: dict[int | str, dict[str, object]] = {
    200: {
        "description": "The JSON Schema, 2020-12; the example is an excerpt.",
        "content": {
            SCHEMA_TYPE: {
                "schema": {"type": "object"},
                "example": {
                    "$id": "urn:antiphon:organisation",
                    "required": ["organisation", "queues", "rules"],
                },
            }
        },
    }
}


class ConfigurationView(BaseModel):
    """The active version of the configuration, with its source."""

    configuration_version: ConfigurationVersion = Field(description="The number of the version.")
    loaded_at: datetime = Field(description="When it was loaded.")
    loaded_by: str = Field(description="Who loaded it.", examples=["olga"])
    source: str = Field(description="The configuration as YAML.", examples=[EXCERPT])


class Loaded(BaseModel):
    """The version that is active now."""

    configuration_version: ConfigurationVersion = Field(description="The number of the version.")
    new: bool = Field(description="False when the active version has this source already.")


class Checked(BaseModel):
    """A configuration without faults, and what is odd about its rules."""

    rules: int = Field(description="How many rules it has.", examples=[14])
    queues: int = Field(description="How many queues it has.", examples=[6])
    people: int = Field(description="How many people it has.", examples=[9])
    warnings: list[RuleWarningView] = Field(description="Rules that can never decide, and the like.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get("/configuration", tags=["configuration"], responses=problems(404))
    async def get_configuration(_caller: Overseer, tag: SendsETag) -> ConfigurationView:
        """The active configuration, as it was written. Its ETag is for `PUT /configuration` and `POST /configuration/back`."""
        async with at.engine.connect() as connection:
            row = await store.configurations.active_row(connection)
        if row is None:
            raise not_found("configuration")
        tag.of(row.version)
        return ConfigurationView.model_validate(row, from_attributes=True)

    @routes.put(
        "/configuration",
        tags=["configuration"],
        openapi_extra=YAML_BODY,
        responses=problems(400, 409, 412, 413, 428),
    )
    async def replace_configuration(
        request: Request, caller: Operations, if_match: IfMatch = None,
        why: Annotated[Words | None, Query(min_length=1, max_length=2000, description="Why it is replaced.")] = None,
    ) -> Loaded:  # fmt: skip
        """Checks a configuration and makes it the active version at once. 422 with every fault; then nothing changes."""
        source = await _source(request)
        match = seen(if_match)
        try:
            async with at.engine.begin() as tx:
                await _require_replaceable(tx, at, match)
                version, new = await at.configurations.load(
                    tx, source, "configuration", caller.subject, at.clock(), why=why
                )
        except ConfigurationError as error:
            raise invalid_configuration(error) from error
        return Loaded(configuration_version=version, new=new)

    @routes.post(
        "/configuration/check", tags=["configuration"], openapi_extra=YAML_BODY, responses=problems(400, 413)
    )
    async def check_configuration(
        request: Request, _caller: Operations, _tx: OnceTx,
        warnings: Annotated[
            bool, Query(description="Whether to look for warnings too, which takes seconds where rules are many.")
        ] = True,
    ) -> Checked:  # fmt: skip
        """Checks a configuration and changes nothing. 422 with every fault, each with its line and column.

        Without `warnings` it is fast enough for an editor to ask while somebody types.
        """
        source = await _source(request)
        try:
            configuration = await at.rule_checker.read(source, "configuration")
        except ConfigurationError as error:
            raise invalid_configuration(error) from error
        return Checked(
            rules=len(configuration.rules),
            queues=len(configuration.queues),
            people=len(configuration.people),
            warnings=await rule_warnings(at, source, configuration) if warnings else [],
        )

    @routes.get(
        "/configuration/schema", tags=["configuration"], response_class=Response, responses=SCHEMA_ANSWER
    )
    async def get_configuration_schema(_caller: Overseer) -> Response:
        """The JSON Schema of a configuration: an editor completes and checks by it, a form is made of it."""
        return JSONResponse(json_schema(), media_type=SCHEMA_TYPE)

    @routes.get("/configuration/rules", tags=["configuration"], responses=problems(404))
    async def get_rule_counts(
        _caller: Overseer,
        last: Annotated[
            int, Query(ge=1, le=rule_counts.MOST, description="Over how many of the newest decisions.")
        ] = 1000,
    ) -> rule_counts.RuleCounts:
        """The active rules, and how often each was true, decided and failed among the newest decisions."""
        async with at.engine.begin() as tx:
            return await rule_counts.count(tx, await at.active(tx), last)


async def _require_replaceable(tx: AsyncConnection, at: Api, match: Seen) -> None:
    """Holds the active version until the end of the transaction.

    Raises Problem 412 when it is not the one that `match` names, 409 during a rollout, and where a second person must
    approve.
    """
    await store.configurations.lock_configuration(tx)
    latest = await store.configurations.latest_configuration(tx)
    if latest is not None and not match.matches(latest.version):
        raise Problem(
            Kind.PRECONDITION_FAILED,
            f"Version {latest.version} is active now.",
            active_version=latest.version,
        )
    await drafts.require_no_rollout(tx)
    if latest is not None and (await at.active(tx)).configuration.publishing.needs_approval:
        raise Problem(
            Kind.APPROVAL_REQUIRED, "A second person must approve: write a draft, and publish that."
        )


async def _source(request: Request) -> str:
    body = await request.body()
    if len(body) > 1_000_000:
        raise Problem(Kind.TOO_LARGE, "A configuration may have a million bytes.")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Problem(
            Kind.MALFORMED_REQUEST, "The configuration is not UTF-8: save it in that encoding."
        ) from error
