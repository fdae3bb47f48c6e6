"""The difference between two configurations as the API shows it."""

from pydantic import BaseModel, Field


class Difference(BaseModel):
    """What changes from a version to another version or to a draft."""

    from_version: int = Field(description="The version that is compared.", examples=[12])
    to: str = Field(description="What it is compared with, in words.", examples=["draft 'Objections first'"])
    differences: list[str] = Field(
        description="One sentence for each change.", examples=[["rule 'Objections' added"]]
    )
