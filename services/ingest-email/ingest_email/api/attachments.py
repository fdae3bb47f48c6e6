"""Files that came with mails."""

from fastapi import APIRouter, Response

from antiphon.http.downloads import documented, download
from antiphon.http.problems import not_found, problems
from ingest_email.api.parameters import READER, Api, AttachmentId
from ingest_email.store import attachments


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.get(
        "/attachments/{attachment_id}",
        tags=["attachments"],
        dependencies=[READER],
        response_class=Response,
        responses=problems(404)
        | documented("application/octet-stream", "The bytes of the file.", "%PDF-1.7 …"),
    )
    async def download_attachment(attachment_id: AttachmentId) -> Response:
        """Downloads a file that came with a mail. The mail's interaction states its media type."""
        async with at.engine.connect() as connection:
            row = await attachments.find_attachment(connection, attachment_id)
        if row is None:
            raise not_found("attachment")
        return download(row.data, "application/octet-stream", row.filename)
