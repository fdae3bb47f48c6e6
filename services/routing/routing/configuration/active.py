"""The active version of the configuration: read in the transaction that decides, compiled once per version."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from antiphon import active_organisation
from antiphon.active_organisation import OrganisationVersion
from antiphon.contracts.configuration import ConfigurationPublished
from antiphon.contracts.envelope import encode
from antiphon.http.changes import Change, record
from antiphon.kafka import outbox
from antiphon.postgres.query import AnyRow, fetch
from antiphon.process import logs
from antiphon.service_names import ROUTING
from routing import store
from routing.configuration import agent_changes
from routing.domain.configuration.document import Configuration, read, shape
from routing.domain.decisions import redecision
from routing.domain.decisions.redecision import WorkBefore
from routing.domain.decisions.rollout import in_rollout
from routing.domain.decisions.verdict import verdict
from routing.domain.queues.opening import SetState
from routing.domain.rules.conditions import Context
from routing.domain.rules.queue_state import with_calendars
from routing.domain.states import PublicationState
from routing.domain.time.business_calendar import BusinessCalendar

LOG = logs.get(__name__)


_ACTIVE = text(
    """
    select (select max(version) from configuration where rollout is null) as version, l.version as rollout_version, l.rollout,
        (select shadow_id from shadow where ended_at is null and ends_at > now()) as shadow_id,
        (select jsonb_agg(to_jsonb(s)) from queue_state s) as queues
    from (select) o left join configuration l on l.rollout is not null and l.rollout_ended_at is null
    """
)
_VERSION_SOURCE = text("select source from configuration where version = :version")
_SHADOW_SOURCE = text("select source from shadow where shadow_id = :shadow_id")
_END_ROLLOUT = text(
    f"""
    with ended as (
        update configuration set rollout_ended_at = :now
        where rollout is not null and rollout_ended_at is null returning version
    )
    update publication set state = '{PublicationState.ENDED}', ended_at = :now, ended_by = :by, ended_why = 'another version became active'
    where version in (select version from ended) and state = '{PublicationState.LIMITED}'
    """
)


class NoConfigurationError(Exception):
    """No configuration was ever loaded, so nothing can be decided: load an organisation file."""


class VersionDetails(TypedDict, total=False):
    """Further columns of a version: why it was made and from what, and its `rollout`, in percent of the cases."""

    why: str | None
    draft_id: UUID | None
    trial_id: UUID | None
    restores: int | None
    rollout: int | None


class RolloutVersion(NamedTuple):
    """A version that decides about `rollout` percent of the cases. It differs from the active version in its rules only."""

    version: int
    configuration: Configuration
    rollout: int


class Shadow(NamedTuple):
    """A draft that decides beside the active version, and never acts."""

    shadow_id: UUID
    configuration: Configuration
    calendars: Mapping[str, BusinessCalendar]

    def decide(
        self, context: Context, decided: Mapping[str, object], before: WorkBefore | None, now: datetime
    ) -> Mapping[str, object]:
        """What a decision records of the draft's; with the result of each rule where the outcome differs from `decided`.

        `before` are the values of open work, about which rules decide again.
        """
        open_calendars = [name for name, calendar in self.calendars.items() if calendar.is_open(now)]
        shadow = verdict(
            self.configuration, with_calendars(context, open_calendars), later=before is not None
        )
        outcome = shadow.outcome
        if before is not None:
            after = redecision.redecide_by(self.configuration, before, shadow)
            outcome = redecision.outcome(before, shadow, after)
        differs = [name for name, value in outcome.items() if decided[name] != value]
        recorded = {
            "shadow_id": str(self.shadow_id),
            "rule": shadow.rule,
            "outcome": outcome,
            "differs": differs,
        }
        errors = {outcome.rule: outcome.error for outcome in shadow.trace if outcome.error}
        return (
            recorded
            | ({"trace": [outcome._asdict() for outcome in shadow.trace]} if differs else {})
            | ({"errors": errors} if errors else {})
        )


class ActiveVersion(NamedTuple):
    """The active version, compiled; with the version of a rollout and the shadow, if there are any.

    `queue_states` are the states that people set, by queue, as this transaction sees them; only queues that were ever set.
    """

    version: int
    configuration: Configuration
    calendars: Mapping[str, BusinessCalendar]
    rollout: RolloutVersion | None = None
    shadow: Shadow | None = None
    queue_states: Mapping[str, SetState] = MappingProxyType({})

    def version_for(self, case_id: UUID) -> tuple[int, Configuration]:
        """The version that decides about a case: always the same until another version becomes active."""
        rollout = self.rollout
        if rollout is not None and in_rollout(rollout.version, rollout.rollout, case_id):
            return rollout.version, rollout.configuration
        return self.version, self.configuration


class Configurations:
    """Reads the active version, and compiles each new one once."""

    def __init__(self) -> None:
        self._cached: ActiveVersion | None = None

    async def active(self, tx: AsyncConnection, now: datetime) -> ActiveVersion:
        """The active version and the queue states, as this transaction sees them, with the agents of this time.

        Raises NoConfigurationError.
        """
        (current,) = await fetch(tx, _ACTIVE, {})
        queue_states = {
            row["queue"]: SetState.of(
                row["state"], datetime.fromisoformat(row["since"]), row["by"], row["reason"]
            )
            for row in current.queues or ()
        }
        if self._cached is None or self._cached.version != current.version:
            row = await store.configurations.latest_configuration(tx)
            if row is None:
                raise NoConfigurationError
            configuration = read(row.source, f"configuration {row.version}", checked=True).at(now)
            self._cached = ActiveVersion(row.version, configuration, configuration.business_calendars)
            # Another version became active between the two statements: the next transaction reads again.
            if row.version != current.version:
                return self._cached._replace(queue_states=queue_states)
        self._cached = self._cached._replace(configuration=self._cached.configuration.at(now))
        cached = self._cached.rollout
        wanted = current.rollout_version and (current.rollout_version, current.rollout)
        if (cached and (cached.version, cached.rollout)) != wanted:
            rollout = await self._rollout(tx, current) if current.rollout_version else None
            self._cached = self._cached._replace(rollout=rollout)
        shadow = self._cached.shadow
        if (shadow and shadow.shadow_id) != current.shadow_id:
            self._cached = self._cached._replace(shadow=await self._shadow(tx, current.shadow_id))
        return self._cached._replace(queue_states=queue_states)

    @staticmethod
    async def _shadow(tx: AsyncConnection, shadow_id: UUID | None) -> Shadow | None:
        if shadow_id is None:
            return None
        (row,) = await fetch(tx, _SHADOW_SOURCE, {"shadow_id": shadow_id})
        configuration = read(row.source, "shadow", checked=True)
        return Shadow(shadow_id, configuration, configuration.business_calendars)

    async def _rollout(self, tx: AsyncConnection, current: AnyRow) -> RolloutVersion:
        cached = self._cached.rollout if self._cached else None
        if cached is not None and cached.version == current.rollout_version:
            return cached._replace(rollout=current.rollout)
        (row,) = await fetch(tx, _VERSION_SOURCE, {"version": current.rollout_version})
        return RolloutVersion(
            current.rollout_version,
            read(row.source, f"configuration {current.rollout_version}", checked=True),
            current.rollout,
        )

    @staticmethod
    async def load(
        tx: AsyncConnection,
        source: str,
        name: str,
        by: str,
        now: datetime,
        *,
        checked: bool = False,
        **details: Unpack[VersionDetails],
    ) -> tuple[int, bool]:
        """Checks a source and makes it the active version. Returns the version, and whether it is new. `checked` as `read`.

        A source that is active already is not loaded again. A rollout that runs ends. Raises ConfigurationError with every
        fault; then nothing changes.
        """
        configuration = await asyncio.to_thread(read, source, name, checked=checked)
        await store.configurations.lock_configuration(tx)
        latest = await store.configurations.latest_configuration(tx)
        if latest is not None and latest.sha256 == digest(source):
            return latest.version, False
        added = await tx.execute(
            insert(store.configurations.CONFIGURATION)
            .values(sha256=digest(source), source=source, loaded_at=now, loaded_by=by, **details)
            .returning(store.configurations.CONFIGURATION.c.version)
        )
        version: int = added.scalar_one()
        if details.get("rollout") is None:
            await tx.execute(_END_ROLLOUT, {"now": now, "by": by})
        await publish_version(tx, version, configuration, by, now, **details)
        await store.timers.review_at(
            tx, now
        )  # the timer is locked before agents, in the order of a review that fires
        await agent_changes.publish_agent_changes(tx, latest.source if latest else None, configuration, now)
        if latest is not None:
            await _note_policies(tx, latest.source, configuration, version)
        await store.work_items.wake(tx)
        LOG.info("configuration loaded", version=version, by=by)
        return version, True


async def publish_version(
    tx: AsyncConnection,
    version: int,
    configuration: Configuration,
    by: str,
    now: datetime,
    **details: Unpack[VersionDetails],
) -> None:
    """Publishes that a version is active, for all cases or for its rollout."""
    rollout = details.get("rollout")
    event = ConfigurationPublished(
        configuration_version=version, rollout=rollout or 100, draft_id=details.get("draft_id"),
        restores=details.get("restores"), organisation=None if rollout else configuration,
        by=by, why=details.get("why"), at=now,
    )  # fmt: skip
    await publish(tx, event, now)
    detail = {"by": by, "rollout": event.rollout}
    await record(tx, [Change("configuration", str(version), ["operations"], detail)])


async def publish(tx: AsyncConnection, event: ConfigurationPublished, now: datetime) -> None:
    """Publishes an event, and keeps its organisation in routing's own database, as its readers do."""
    await outbox.publish(tx, [encode(event, source=ROUTING, time=now)])
    if event.organisation is not None:
        version = OrganisationVersion(event.configuration_version, event.organisation)
        await active_organisation.keep(tx, version, now)


async def _note_policies(
    tx: AsyncConnection, before: str, configuration: Configuration, version: int
) -> None:
    """Records the SLA policies that a new version changes: a task recomputes their running clocks."""
    old = await asyncio.to_thread(shape, before)
    calendars = {name for name in old.calendars if old.calendars[name] != configuration.calendars.get(name)}
    changed = [
        name
        for name, policy in old.sla_policies.items()
        if policy != configuration.sla_policies.get(name) or not calendars.isdisjoint(policy.calendars)
    ]
    rows = [{"policy": name, "version": version, "after": UUID(int=0)} for name in changed]
    await store.base.upsert(tx, store.clocks.POLICY_CHANGE, rows)


def digest(source: str) -> str:
    """By which the texts of two versions are compared."""
    return hashlib.sha256(source.encode()).hexdigest()
