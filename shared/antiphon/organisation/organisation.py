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
    """What the organisation is called."""
    domain: str
    """The domain of its mail addresses and Message-IDs."""
    time_zone: str
    """The time zone of its days (IANA), e.g. `Australia/Sydney`."""
    region: str = Field(
        pattern=r"^[A-Z]{2}$", description="ISO 3166; national phone numbers are read as of it."
    )


class Department(Section):
    """A department and the words that its topics are known by."""

    name: str
    """What people call it."""
    topics: dict[str, list[str]] = {}
    """The topics that it is responsible for, each with the words that customers use for it. The order decides between topics with
    equally many words."""


class ToneWords(Section):
    """Words by which the tone of a message is recognised."""

    negative: list[str] = []
    """Words of a customer who is not content."""
    positive: list[str] = []
    """Words of a customer who is content."""


class Organisation(Section):
    """The whole document. What is wrong with its names, conditions and times routing finds before it is published."""

    organisation: About
    """Who the organisation is."""
    departments: dict[str, Department] = {}
    """The departments by id, with their topics."""
    tone: ToneWords = ToneWords()
    """Words by which the tone of a message is recognised."""
    channels: Channels = Channels()
    """Where customers reach us."""
    calendars: dict[str, Calendar]
    """The calendars by id, by which SLA targets and opening hours count."""
    sla_policies: dict[str, SlaPolicy]
    """The SLA policies by id."""
    skills: dict[str, str] = {}
    """The skills by id, with what people call them."""
    queues: dict[str, Queue] = Field(min_length=1)
    """The queues by id. The first one is the fallback where `fallback_queue` names none."""
    fallback_queue: str | None = None
    """The queue of work that no rule matches. Default: the first queue."""
    people: list[Person] = []
    """Everybody on the staff."""
    channel_units: dict[str, Units] = {}
    """The units of capacity that work of a channel takes. Default: 1."""
    capacity_profiles: list[CapacityProfile] = []
    """Limits on how much work of a kind an agent has, besides their capacity."""
    presences: list[PresenceKind] = USUAL
    """The presences that agents can choose or be in."""
    agents_policy: AgentsPolicy = AgentsPolicy()
    """The policy for all agents; a queue can override some of it."""
    alerts: Alerts = Alerts()
    """What supervisors are shown at once."""
    publishing: PublishingPolicy = PublishingPolicy()
    """How a draft becomes active."""
    rules: list[Rule]
    """The rules, asked from the top: the first whose condition holds decides."""

    @property
    def zone(self) -> ZoneInfo:
        """The organisation's time zone. Raises ValueError or OSError for an unknown one."""
        return ZoneInfo(self.organisation.time_zone)
