"""How often each rule of the active version was true, decided and failed lately."""

from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon.postgres.query import AnyRow
from routing.configuration.active import ActiveVersion
from routing.domain.rules.conditions import RuleResult

MOST = 10_000
# Reads the newest :last decisions of all versions, and no more: so the cost has a bound.
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
    """A rule, and what it did among the counted decisions."""

    rule: str = Field(description="The rule's name.", examples=["Objections"])
    when: str = Field(description="Its condition.", examples=['"objection" in interaction.topics'])
    matched: int = Field(description="How often its condition was true.", examples=[31])
    decided: int = Field(description="How often it chose the queue.", examples=[29])
    errored: int = Field(description="How often its condition failed; it does not match then.", examples=[0])
    last_error: str | None = Field(description="The last error of its condition.", examples=[None])


class RuleCounts(BaseModel):
    """The rules of the active version, in order, and what each did lately."""

    configuration_version: int = Field(description="The number of the active version.", examples=[12])
    decisions: int = Field(
        description="How many of the newest decisions this version made: those are counted.", examples=[420]
    )
    rules: list[RuleCount] = Field(description="The rules, in order.")


async def count(tx: AsyncConnection, active: ActiveVersion, last: int) -> RuleCounts:
    """What the active rules did among the newest `last` decisions; `last` is at most MOST."""
    counts: dict[str, AnyRow] = {
        row.rule: row for row in await tx.execute(COUNTS, {"version": active.version, "last": last})
    }
    rules: list[RuleCount] = []
    for rule in active.configuration.rules:
        row = counts.get(rule.name)
        counted = {name: getattr(row, name) if row else 0 for name in ("matched", "decided", "errored")}
        last_error = row.last_error if row else None
        rules.append(RuleCount(rule=rule.name, when=rule.when.strip(), last_error=last_error, **counted))
    decisions = max((row.asked for row in counts.values()), default=0)
    return RuleCounts(configuration_version=active.version, decisions=decisions, rules=rules)
