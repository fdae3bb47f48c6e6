"""Rule counts: how often each rule of the active version was true, decided, or erred lately."""

from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.query import AnyRow
from routing.configuration.active import ActiveVersion
from routing.domain.rules.conditions import RuleResult

MOST = 10_000
# Reads a fixed number of the newest decisions, of whichever version: this bounds the cost.
COUNTS = text(
    f"""
    with newest as materialized (
        select version, rule, trace, at from decision order by at desc, decision_id desc limit :last
    ), result as (
        select n.at, n.rule = t.one ->> 'rule' as decided, t.one ->> 'rule' as rule, t.one ->> 'result' as result,
            t.one ->> 'error' as error
        from newest n, jsonb_array_elements(n.trace) as t(one) where n.version = :version
    )
    select rule, count(*) as asked, count(*) filter (where result = '{RuleResult.TRUE}') as matched,
        count(*) filter (where decided) as decided, count(*) filter (where result = '{RuleResult.ERROR}') as errored,
        (array_agg(error order by at desc) filter (where result = '{RuleResult.ERROR}'))[1] as last_error
    from result group by rule
    """
)


class RuleCount(BaseModel):
    """A rule, and its results in the decisions that were read."""

    rule: str
    when: str
    matched: int = Field(description="How often it was true.")
    decided: int = Field(description="How often it decided the queue.")
    errored: int = Field(description="How often it erred, and so did not match.")
    last_error: str | None


class RuleCounts(BaseModel):
    """The rules of the active version, in order."""

    version: int
    decisions: int = Field(description="How many of the decisions that were read this version made.")
    rules: list[RuleCount]


async def count(tx: AsyncConnection, active: ActiveVersion, last: int) -> RuleCounts:
    """Counts the results of the active rules in the newest `last` decisions, MOST at most."""
    by_rule: dict[str, AnyRow] = {
        row.rule: row for row in await tx.execute(COUNTS, {"version": active.version, "last": last})
    }
    rules: list[RuleCount] = []
    for rule in active.configuration.rules:
        row = by_rule.get(rule.name)
        counted = {name: getattr(row, name) if row else 0 for name in ("matched", "decided", "errored")}
        last_error = row.last_error if row else None
        rules.append(RuleCount(rule=rule.name, when=rule.when.strip(), last_error=last_error, **counted))
    return RuleCounts(
        version=active.version, decisions=max((row.asked for row in by_rule.values()), default=0), rules=rules
    )
