"""Files that an interaction has, e.g. the scan of a letter."""

from typing import Annotated

from fastapi import APIRouter, Form, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from antiphon.contracts.interactions import Attachment
from antiphon.http.downloads import download
from antiphon.http.idempotency import OnceTx
from antiphon.http.problem_kinds import Kind
from antiphon.http.problems import Problem, problems
from antiphon.text import clean
from ingest_direct.actions import attachments
from ingest_direct.api.parameters import Api, AttachmentId, Reader, Writer

LONGEST_NAME = 255
_KEPT = {
    "content": {
        "application/json": {
            "example": {
                "attachment_id": "5f0c8f4e-7a53-4b5f-9d0e-0d7a1b6f2c11",
                "filename": "letter.pdf",
                "media_type": "application/pdf",
                "size_bytes": 48213,
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            }
        }
    }
}
_FILE = {"content": {"application/octet-stream": {"example": "%PDF-1.7 …"}}}


class Upload(BaseModel):
    """A form with one file."""

    model_config = ConfigDict(json_schema_extra={"example": {"file": "%PDF-1.7 …"}})

    file: UploadFile = Field(description="A scan or another file.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.post(
        "/attachments", status_code=201, tags=["attachments"], responses={201: _KEPT, **problems(400, 413)}
    )
    async def upload_attachment(
        form: Annotated[Upload, Form(media_type="multipart/form-data")], who: Writer, tx: OnceTx
    ) -> Attachment:
        """Keeps a file for an interaction of yours. A file that no interaction uses within a day is deleted."""
        file = form.file
        content = await file.read(at.max_attachment_bytes + 1)
        if len(content) > at.max_attachment_bytes:
            raise Problem(Kind.TOO_LARGE, f"A file may have {at.max_attachment_bytes} bytes.")
        return await attachments.keep(
            tx,
            source=who.subject,
            filename=clean(file.filename or "file")[:LONGEST_NAME],
            media_type=clean(file.content_type or "application/octet-stream")[:LONGEST_NAME],
            content=content,
            now=at.clock(),
        )

    @routes.get(
        "/attachments/{attachment_id}", tags=["attachments"], response_class=Response,
        responses={200: _FILE, **problems(404)},
    )  # fmt: skip
    async def download_attachment(attachment_id: AttachmentId, who: Reader) -> Response:
        """The file, always as a download: no browser shows it inside a page."""
        async with at.engine.connect() as connection:
            row = await attachments.get(connection, attachment_id, who)
        return download(bytes(row.content), "application/octet-stream", row.filename)
