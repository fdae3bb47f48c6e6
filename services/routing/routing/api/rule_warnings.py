"""Warnings about the rules of a configuration: conditions that can never decide."""

from pydantic import BaseModel, Field

from routing.api.parameters import Api
from routing.domain.configuration.document import Configuration
from routing.domain.rules.reachability import Kind


class RuleWarningView(BaseModel):
    """What is odd about a rule, at its condition; about all rules when `rule` is null."""

    rule: str | None = Field(description="The rule's name; null for all rules.", examples=["Objections"])
    kind: Kind = Field(description="What is odd.")
    message: str = Field(
        description="What is odd, in words.",
        examples=["can never match: 'Planning' before it catches all items that it would match"],
    )
    line: int = Field(description="The line of the source, from 1.", examples=[171])
    column: int = Field(description="The column of the source, from 1.", examples=[11])
    pointer: str = Field(description="The place in the configuration, with dots.", examples=["rules.6.when"])
    hidden_by: list[str] = Field(
        description="The rules before it that catch all that it would match, for `never-matches` and `later-words-only`.",
        examples=[["Planning"]],
    )


async def rule_warnings(at: Api, source: str, configuration: Configuration) -> list[RuleWarningView]:
    """What is odd about the rules of a source."""
    warnings = await at.rule_checker.warnings(source, configuration)
    return [RuleWarningView(**warning._asdict()) for warning in warnings]
