"""The configuration active: rows of the database, read in the transaction that decides, compiled once a version."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, TypedDict, Unpack
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

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
from routing.domain.decisions.rollout import in_rollout
from routing.domain.decisions.verdict import Verdict, verdict
from routing.domain.queues.opening import SetState
from routing.domain.rules.conditions import Context
from routing.domain.rules.queue_state import with_calendars
from routing.domain.states import PublicationState
from routing.domain.time.business_calendar import BusinessCalendar

LOG = logs.get(__name__)
_FILE = "organisation file"
_LAST_FILE = text(
    f"select sha256 from configuration where loaded_by = '{_FILE}' order by version desc limit 1"
)


_ACTIVE = text(
    """
    select (select max(version) from configuration where rollout is null) as version, l.version as limited, l.rollout,
        (select shadow_id from shadow where ended_at is null and ends_at > now()) as shadow_id,
        (select jsonb_agg(to_jsonb(s)) from queue_state s) as queues
    from (select) o left join configuration l on l.rollout is not null and l.over_at is null
    """
)
_SOURCE = text("select source from configuration where version = :version")
_SHADOW = text("select source from shadow where shadow_id = :shadow_id")
_OVER = text(
    f"""
    with over as (
        update configuration set over_at = :now where rollout is not null and over_at is null returning version
    )
    update publication set state = '{PublicationState.ENDED}', ended_at = :now, ended_by = :by, ended_why = 'another version became active'
    where version in (select version from over) and state = '{PublicationState.LIMITED}'
    """
)


class NoConfigurationError(Exception):
    """No configuration was ever loaded: nothing can be decided."""


class VersionDetails(TypedDict, total=False):
    """What else is kept of a version: why it is there, what it was made from, and for what share of the cases, in percent."""

    why: str | None
    draft_id: UUID | None
    trial_id: UUID | None
    restores: int | None
    rollout: int | None


class Limited(NamedTuple):
    """A version that decides about a share of the cases, in percent: it has other rules, and nothing else."""

    version: int
    configuration: Configuration
    rollout: int


class Shadow(NamedTuple):
    """A draft that decides beside what is active, and never acts."""

    shadow_id: UUID
    configuration: Configuration
    calendars: dict[str, BusinessCalendar]

    def says(self, context: Context, decided: Verdict, now: datetime) -> Mapping[str, object]:
        """What is kept of its verdict with a decision; every rule's answer where it decides otherwise."""
        open_ones = [name for name, calendar in self.calendars.items() if calendar.is_open(now)]
        found = verdict(self.configuration, with_calendars(context, open_ones))
        differs = [name for name, value in found.outcome.items() if decided.outcome[name] != value]
        told = {
            "shadow_id": str(self.shadow_id),
            "rule": found.rule,
            "outcome": found.outcome,
            "differs": differs,
        }
        errors = {outcome.rule: outcome.error for outcome in found.trace if outcome.error}
        return (
            told
            | ({"trace": [o._asdict() for o in found.trace]} if differs else {})
            | ({"errors": errors} if errors else {})
        )


class ActiveVersion(NamedTuple):
    """A version of the configuration, ready to decide by; what decides about a share of the cases, and what in the shadow.

    `set_to` is how people set queues, by queue, as the transaction found it; those that nobody ever set are not named.
    """

    version: int
    configuration: Configuration
    calendars: dict[str, BusinessCalendar]
    limited: Limited | None = None
    shadow: Shadow | None = None
    set_to: Mapping[str, SetState] = MappingProxyType({})

    def deciding(self, case_id: UUID) -> tuple[int, Configuration]:
        """The version that decides about a case, always the same while these are active."""
        limited = self.limited
        if limited is not None and in_rollout(limited.version, limited.rollout, case_id):
            return limited.version, limited.configuration
        return self.version, self.configuration


class Configurations:
    """Gives the active version; a replica that sees a new one compiles it once."""

    def __init__(self) -> None:
        self._cached: ActiveVersion | None = None

    async def active(self, tx: AsyncConnection) -> ActiveVersion:
        """The newest version, and how queues are set, as this transaction sees it. Raises NoConfigurationError."""
        (found,) = await fetch(tx, _ACTIVE, {})
        set_to = {
            row["queue"]: SetState.of(
                row["state"], datetime.fromisoformat(row["since"]), row["by"], row["reason"]
            )
            for row in found.queues or ()
        }
        if self._cached is None or self._cached.version != found.version:
            row = await store.configurations.latest_configuration(tx)
            if row is None:
                raise NoConfigurationError
            configuration = read(row.source, f"configuration {row.version}", checked=True)
            calendars = {name: calendar.build() for name, calendar in configuration.calendars.items()}
            self._cached = ActiveVersion(row.version, configuration, calendars)
            # Another may have become active between the two statements: the next transaction looks again.
            if row.version != found.version:
                return self._cached._replace(set_to=set_to)
        known = self._cached.limited
        if (known and (known.version, known.rollout)) != (found.limited and (found.limited, found.rollout)):
            limited = await self._limited(tx, found) if found.limited else None
            self._cached = self._cached._replace(limited=limited)
        shadow = self._cached.shadow
        if (shadow and shadow.shadow_id) != found.shadow_id:
            self._cached = self._cached._replace(shadow=await self._shadow(tx, found.shadow_id))
        return self._cached._replace(set_to=set_to)

    @staticmethod
    async def _shadow(tx: AsyncConnection, shadow_id: UUID | None) -> Shadow | None:
        if shadow_id is None:
            return None
        (row,) = await fetch(tx, _SHADOW, {"shadow_id": shadow_id})
        configuration = read(row.source, "shadow", checked=True)
        calendars = {name: calendar.build() for name, calendar in configuration.calendars.items()}
        return Shadow(shadow_id, configuration, calendars)

    async def _limited(self, tx: AsyncConnection, found: AnyRow) -> Limited:
        known = self._cached.limited if self._cached else None
        if known is not None and known.version == found.limited:
            return known._replace(rollout=found.rollout)
        (row,) = await fetch(tx, _SOURCE, {"version": found.limited})
        return Limited(
            found.limited,
            read(row.source, f"configuration {found.limited}", checked=True),
            found.rollout,
        )

    @classmethod
    async def load_file(cls, tx: AsyncConnection, source: str, name: str, now: datetime) -> tuple[int, bool]:
        """`load` for the organisation's file at a start: only when it is not the file that was loaded last.

        So what was published since stays active, until somebody changes the file.
        """
        await store.configurations.lock_configuration(tx)
        known = await tx.scalar(_LAST_FILE)
        latest = await store.configurations.latest_configuration(tx)
        if latest is not None and known == _digest(source):
            return latest.version, False
        return await cls.load(tx, source, name, _FILE, now)

    @staticmethod
    async def load(
        tx: AsyncConnection,
        source: str,
        name: str,
        by: str,
        now: datetime,
        *,
        checked: bool = False,
        **told: Unpack[VersionDetails],
    ) -> tuple[int, bool]:
        """Checks a source and makes it the active version; the version, and whether it is new. `checked` as `read`.

        `told` are further columns of the version: why, draft_id, trial_id, restores, share. Raises ConfigurationError with
        every fault; then nothing changes. The source that is active already is not loaded again. What was active for a share
        is over.
        """
        configuration = read(source, name, checked=checked)
        await store.configurations.lock_configuration(tx)
        latest = await store.configurations.latest_configuration(tx)
        if latest is not None and latest.sha256 == _digest(source):
            return latest.version, False
        added = await tx.execute(
            insert(store.configurations.CONFIGURATION)
            .values(sha256=_digest(source), source=source, loaded_at=now, loaded_by=by, **told)
            .returning(store.configurations.CONFIGURATION.c.version)
        )
        version: int = added.scalar_one()
        if told.get("rollout") is None:
            await tx.execute(_OVER, {"now": now, "by": by})
        await tell_published(tx, version, by, now, **told)
        await store.timers.review_at(tx, now)  # its timer before agents, as a review that is due takes them
        await agent_changes.publish_agent_changes(tx, latest.source if latest else None, configuration, now)
        if latest is not None:
            await _note_policies(tx, latest.source, configuration, version)
        await store.work_items.wake(tx)
        LOG.info("configuration loaded", version=version, by=by)
        return version, True


async def tell_published(
    tx: AsyncConnection, version: int, by: str, now: datetime, **told: Unpack[VersionDetails]
) -> None:
    """Tells that a version is active, for all cases or for a share of them."""
    event = ConfigurationPublished(
        version=version, rollout=told.get("rollout") or 100, draft_id=told.get("draft_id"),
        restores=told.get("restores"), by=by, why=told.get("why"), at=now,
    )  # fmt: skip
    await outbox.publish(tx, [encode(event, source=ROUTING, time=now)])
    shown = {"by": by, "rollout": event.rollout}
    await record(tx, [Change("configuration", str(version), ["operations"], shown)])


async def _note_policies(
    tx: AsyncConnection, before: str, configuration: Configuration, version: int
) -> None:
    """Notes the policies whose running clocks are to be recomputed by a new version."""
    old = shape(before)
    calendars = {name for name in old.calendars if old.calendars[name] != configuration.calendars.get(name)}
    changed = [
        name
        for name, policy in old.sla_policies.items()
        if policy != configuration.sla_policies.get(name) or not calendars.isdisjoint(policy.calendars)
    ]
    rows = [{"policy": name, "version": version, "after": UUID(int=0)} for name in changed]
    await store.base.upsert(tx, store.clocks.POLICY_CHANGE, rows)


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()
