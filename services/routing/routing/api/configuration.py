"""The configuration: checked as a whole, in force at once, or refused with every fault."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from antiphon.organisation import ConfigurationError, Document
from antiphon.problems import Problem, not_found, problems
from routing import store
from routing.api.views import (
    Checked,
    ConfigurationView,
    Loaded,
    Match,
    Operations,
    Overseer,
    Routing,
    RuleWarningView,
)
from routing.domain import reach
from routing.domain.configuration import read

YAML_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/yaml": {"schema": {"type": "string"}}}}
}


def add(routes: APIRouter, at: Routing) -> None:
    """Adds the routes."""
    one_check = asyncio.Lock()

    @routes.get("/configuration", tags=["configuration"], responses=problems(404))
    async def get_configuration(who: Overseer, response: Response) -> ConfigurationView:
        """The configuration in force, as it was written."""
        del who
        table = store.CONFIGURATION
        async with at.engine.connect() as connection:
            found = await connection.execute(select(table).order_by(table.c.version.desc()).limit(1))
        row = found.one_or_none()
        if row is None:
            raise not_found("configuration")
        response.headers["ETag"] = f'"{row.version}"'
        return ConfigurationView.model_validate(row, from_attributes=True)

    @routes.put(
        "/configuration",
        tags=["configuration"],
        openapi_extra=YAML_BODY,
        responses=problems(400, 412, 413, 428),
    )
    async def put_configuration(request: Request, who: Operations, if_match: Match = None) -> Loaded:
        """Checks a configuration (YAML) and puts it in force at once; a faulty one changes nothing."""
        source = await _source(request)
        async with at.engine.begin() as tx:
            latest = await store.latest_configuration(tx)
            if if_match is None:
                raise Problem(
                    428, "Precondition required", "Send If-Match with the ETag of the configuration you saw."
                )
            if latest is not None and if_match.strip('"') != str(latest.version):
                raise Problem(412, "Precondition failed", f"Version {latest.version} is in force now.")
            try:
                version, new = await at.configurations.load(
                    tx, source, "configuration", who.subject, at.clock()
                )
            except ConfigurationError as error:
                raise _faulty(error) from error
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
            raise _faulty(error) from error
        # Seconds of a solver, outside the loop; one at a time, so that checks leave the machine to the work.
        async with one_check:
            warnings = await asyncio.to_thread(reach.warnings, Document(source), found.rules)
        return Checked(
            rules=len(found.rules),
            queues=len(found.queues),
            agents=len(found.agents),
            warnings=[RuleWarningView(**warning._asdict()) for warning in warnings],
        )


async def _source(request: Request) -> str:
    body = await request.body()
    if len(body) > 1_000_000:
        raise Problem(413, "Too large", "A configuration may have a million bytes.")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "Bad request", "The configuration is not UTF-8.") from error


def _faulty(error: ConfigurationError) -> Problem:
    errors = [
        {"detail": f.message, "pointer": f.path, "line": f.line, "column": f.column} for f in error.faults
    ]
    return Problem(
        422, "Invalid input", "The configuration can't be used; the one in force stays.", errors=errors
    )
