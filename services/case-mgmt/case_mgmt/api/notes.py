"""Internal notes on a case."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import ConfigDict, Field, StringConstraints

from antiphon.http.app import Body, Words
from antiphon.http.idempotency import OnceTx
from antiphon.http.problems import problems
from case_mgmt import cases
from case_mgmt.api.cases import CaseView, case_view
from case_mgmt.api.parameters import Api, CaseId, Writer


class NewNote(Body):
    """An internal note. It is never sent, and stops no SLA clock."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "She also called: the notice names the wrong owner."}]}
    )

    text: Annotated[Words, StringConstraints(min_length=1, max_length=20_000, strip_whitespace=True)] = Field(
        description="The text of the note."
    )


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.post(
        "/cases/{case_id}/notes",
        status_code=201,
        tags=["cases"],
        responses=problems(400, 404),
    )
    async def add_note(case_id: CaseId, note: NewNote, who: Writer, tx: OnceTx) -> CaseView:
        """Adds an internal note to the record of a case."""
        return case_view(await cases.add_note(tx, case_id, note.text, who, at.clock()))

    _ = add_note
