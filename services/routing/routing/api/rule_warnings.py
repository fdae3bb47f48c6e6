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
        examples=["never matches: the rule 'Planning' decides before it"],
    )
    line: int = Field(description="The line of the source, from 1.", examples=[171])
    column: int = Field(description="The column of the source, from 1.", examples=[11])


async def rule_warnings(at: Api, source: str, configuration: Configuration) -> list[RuleWarningView]:
    """What is odd about the rules of a source."""
    warnings = await at.rule_checker.warnings(source, configuration)
    return [RuleWarningView(**warning._asdict()) for warning in warnings]
