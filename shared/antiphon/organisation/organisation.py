"""The organisation: one document of sections, which routing publishes and every service works by (ADR 16)."""

from zoneinfo import ZoneInfo

from pydantic import Field

from antiphon.organisation.agent_policy import AgentsPolicy, Units
from antiphon.organisation.alerts import Alerts
from antiphon.organisation.calendar import Calendar
from antiphon.organisation.capacity_profile import CapacityProfile
from antiphon.organisation.channels import Channels
from antiphon.organisation.person import Person
from antiphon.organisation.presence import USUAL, PresenceKind
from antiphon.organisation.publishing import PublishingPolicy
from antiphon.organisation.queue import Queue
from antiphon.organisation.rule import Rule
from antiphon.organisation.section import Section
from antiphon.organisation.sla_policy import SlaPolicy


class About(Section):
    """Who the organisation is."""

    name: str
    domain: str
    time_zone: str
    region: str = Field(
        pattern=r"^[A-Z]{2}$", description="ISO 3166; national phone numbers are read as of it."
    )


class Department(Section):
    """A department and the words that its topics are known by."""

    name: str
    topics: dict[str, list[str]] = {}


class ToneWords(Section):
    """Words by which the tone of a message is recognised."""

    negative: list[str] = []
    positive: list[str] = []


class Organisation(Section):
    """The whole document. What is wrong with its names, conditions and times routing finds before it is published."""

    organisation: About
    departments: dict[str, Department] = {}
    tone: ToneWords = ToneWords()
    channels: Channels = Channels()
    calendars: dict[str, Calendar]
    sla_policies: dict[str, SlaPolicy]
    skills: dict[str, str] = {}
    queues: dict[str, Queue] = Field(min_length=1)
    fallback_queue: str | None = None
    people: list[Person] = []
    channel_units: dict[str, Units] = {}
    capacity_profiles: list[CapacityProfile] = []
    presences: list[PresenceKind] = USUAL
    agents_policy: AgentsPolicy = AgentsPolicy()
    alerts: Alerts = Alerts()
    publishing: PublishingPolicy = PublishingPolicy()
    rules: list[Rule]

    @property
    def zone(self) -> ZoneInfo:
        """The organisation's time zone. Raises ValueError or OSError for an unknown one."""
        return ZoneInfo(self.organisation.time_zone)
