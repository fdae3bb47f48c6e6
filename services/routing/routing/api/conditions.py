"""Conditions while they are written: what they may ask about, and what one says about a case."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from antiphon.http.app import Body, Words
from antiphon.http.idempotency import OnceTx
from antiphon.http.problems import not_found, problems
from antiphon.organisation.document import ConfigurationError
from routing import store
from routing.api.configuration_errors import invalid_configuration
from routing.api.drafts import Source
from routing.api.parameters import Api, Overseer, QueueManager
from routing.domain.configuration.document import Configuration
from routing.domain.configuration.rule import known_names
from routing.domain.rules.conditions import MAX_LENGTH, WORDS
from routing.domain.rules.facts import FACTS, FUNCTIONS, STATE_FACTS, Fact
from routing.domain.rules.queue_state import variable

FactType = Literal["text", "number", "boolean", "list"]
_TYPES: Mapping[type, FactType] = {str: "text", int: "number", bool: "boolean", list: "list"}


class NewCondition(Body):
    """A condition to try on a case."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "when": 'case.department == "planning" && queues["planning"].waiting > 20',
                    "case_id": "0192f0c4-7a00-7000-8000-000000000005",
                }
            ]
        }
    )

    when: Annotated[Words, Field(min_length=1, max_length=MAX_LENGTH)] = Field(
        description="The condition (CEL), as in a rule."
    )
    case_id: UUID = Field(description="The case on whose facts it is tried.")
    source: Source | None = Field(
        None,
        description="A configuration as YAML, whose queues, labels and calendars the condition may name. Without it, those of the "
        "active version.",
    )


class ConditionFault(BaseModel):
    """Why a condition has no result."""

    detail: str = Field(
        description="What is wrong, in words.",
        examples=["undeclared reference to 'case.departmnt', did you mean 'case.department'?"],
    )
    line: int | None = Field(
        description="The line of the condition, from 1; null for an error that only these facts cause."
    )
    column: int | None = Field(description="The column of that line, from 1.")


class TriedCondition(BaseModel):
    """What a condition says about a case."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "result": False,
                    "error": None,
                    "values": {"case.department": "planning", 'queues["planning"].waiting': 3},
                    "facts_at": "2026-12-01T09:30:00Z",
                    "has_words": True,
                }
            ]
        }
    )

    result: bool | None = Field(
        description="Whether it holds; null with an `error`. A rule with an error does not match."
    )
    error: ConditionFault | None = Field(description="Why it has no result.")
    values: dict[str, str | int | bool | list[str]] = Field(
        description="The facts that the condition names, texts up to 2,000 characters."
    )
    facts_at: datetime = Field(
        description="When the rules read these facts: at the newest decision about the case."
    )
    has_words: bool = Field(description="Whether the customer's words are still kept.")


class ConditionField(BaseModel):
    """A fact that a condition may ask about."""

    path: str = Field(
        description="How a condition writes it.",
        examples=["interaction.channel", 'queues["planning"].waiting'],
    )
    type: FactType = Field(
        description="The type of its value. An absent text is empty, an absent number -1; a `list` is one of texts."
    )
    description: str = Field(
        description="What it says, in a line.", examples=["The channel of the newest message."]
    )
    choices: list[str] = Field(
        description="The values that it may have, as far as they are known; empty: any.",
        examples=[["email", "phone"]],
    )
    is_words: bool = Field(
        description="Whether it is the customer's words, which routing keeps for a limited time."
    )


class ConditionFunction(BaseModel):
    """A function, macro or operator of conditions."""

    name: str = Field(description="Its name.", examples=["contains"])
    example: str = Field(
        description="A condition that uses it.", examples=['interaction.text.contains("gas")']
    )
    description: str = Field(
        description="What it says, in a line.", examples=["Whether a text has these characters."]
    )


class ConditionFields(BaseModel):
    """All that a condition may ask about, and the functions of its language (CEL)."""

    fields: list[ConditionField] = Field(
        description="The facts; those of each queue, label and calendar of the active version too."
    )
    functions: list[ConditionFunction] = Field(description="The functions.")


def add(routes: APIRouter, at: Api) -> None:
    """Adds the routes."""

    @routes.post("/configuration/try-condition", tags=["configuration"], responses=problems(400, 404))
    async def try_condition(body: NewCondition, _caller: QueueManager, tx: OnceTx) -> TriedCondition:
        """What a condition says about a case, on the facts that the rules read at the newest decision about it.

        It changes nothing. 404 for a case about which no rule was asked. 422 for a `source` that can't be read.
        """
        row = await store.decisions.last_asked(tx, body.case_id)
        if row is None:
            raise not_found("decision about the case")
        configuration: Configuration = (await at.active(tx)).configuration
        if body.source is not None:
            try:
                configuration = await at.rule_checker.shape(body.source)
            except ConfigurationError as error:
                raise invalid_configuration(error) from error
        known = known_names(configuration.rules, configuration.queues, configuration.calendars)
        tried = await at.rule_checker.try_condition(body.when, row.context, known, has_words=row.has_words)
        fault = tried.error and ConditionFault(detail=tried.error, line=tried.line, column=tried.column)
        return TriedCondition.model_validate(
            {
                "result": tried.result,
                "error": fault or None,
                "values": tried.values,
                "facts_at": row.at,
                "has_words": row.has_words,
            }
        )

    @routes.get("/configuration/fields", tags=["configuration"], responses=problems(404))
    async def list_condition_fields(_caller: Overseer) -> ConditionFields:
        """What conditions of rules may ask about, with the functions of their language: an editor completes by it."""
        async with at.engine.connect() as connection:
            configuration = (await at.active(connection)).configuration
        functions = [ConditionFunction(**one._asdict()) for one in FUNCTIONS]
        return ConditionFields(fields=list(_fields(configuration)), functions=functions)


def _fields(configuration: Configuration) -> Iterable[ConditionField]:
    departments = list(configuration.departments)
    topics = [topic for department in configuration.departments.values() for topic in department.topics]
    choices = {
        "interaction.department": departments,
        "case.department": departments,
        "interaction.topics": list(dict.fromkeys(topics)),
    }
    for path, fact in FACTS.items():
        yield _field(path, fact, choices.get(path, list(fact.choices)))
    known = known_names(configuration.rules, configuration.queues, configuration.calendars)
    for what, parts in STATE_FACTS.items():
        for name in known[what]:
            for part, fact in parts.items():
                yield _field(variable(what, name, part), fact, [])


def _field(path: str, fact: Fact, choices: list[str]) -> ConditionField:
    return ConditionField(
        path=path,
        type=_TYPES[fact.kind],
        description=fact.description,
        choices=choices,
        is_words=path in WORDS,
    )
