"""Who reads a case now, and who writes on it."""

from collections.abc import Sequence

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from antiphon.http.app import Body
from antiphon.http.problems import problems
from case_mgmt import here
from case_mgmt.api.parameters import Api, CaseId, Reader, Writer
from case_mgmt.domain.here import Doing, PersonHere


class NewHere(Body):
    """What the caller does on a case."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"doing": "writing"}]})

    doing: Doing = Field(description="`gone` when the caller leaves the case.")


class PersonHereView(BaseModel):
    """A person who is on a case."""

    id: str = Field(description="Who it is.", examples=["amara"])
    name: str | None = Field(description="Their name.", examples=["Amara Osei"])
    doing: str = Field(description="`reading` or `writing`.", examples=["writing"])


class HereView(BaseModel):
    """Who is on a case now."""

    people: list[PersonHereView] = Field(description="In the order of their ids, the caller among them.")


def _view(people: Sequence[PersonHere]) -> HereView:
    return HereView(
        people=[PersonHereView(id=one.person_id, name=one.name, doing=one.doing) for one in people]
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.put("/cases/{case_id}/here", tags=["cases"], responses=problems(400, 404))
    async def set_here(case_id: CaseId, new: NewHere, who: Writer) -> HereView:
        """Says that the caller reads the case, writes on it, or has left it, and returns who is there.

        It counts for 20 seconds, so a desktop repeats it every 10. It is not on the record. Who follows the case gets an event
        `here` with `people`, as this answer has them, when they change.
        """
        async with at.engine.begin() as tx:
            return _view(await here.report(tx, case_id, who, new.doing, at.clock()))

    @routes.get("/cases/{case_id}/here", tags=["cases"], responses=problems(404))
    async def list_here(case_id: CaseId, who: Reader) -> HereView:
        """Returns who reads the case now, and who writes on it."""
        del who
        async with at.engine.connect() as connection:
            return _view(await here.read(connection, case_id, at.clock()))

    _ = (set_here, list_here)
