"""Which event types a topic carries, who writes it and who reads it."""

from typing import NamedTuple

from antiphon.contracts import (
    agents,
    cases,
    configuration,
    customers,
    identified,
    interactions,
    queues,
    replies,
    work,
)
from antiphon.contracts.base import Event


class Topic(NamedTuple):
    """One Kafka topic. `key` says in words what orders its events."""

    name: str
    key: str
    says: str
    events: tuple[type[Event], ...]
    writers: tuple[str, ...]
    readers: tuple[str, ...]


INGEST = ("ingest-email", "ingest-social", "ingest-direct")

TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(
            "interactions",
            "the speaker's address on the channel",
            "something was said, edited or deleted",
            (
                interactions.InteractionReceived,
                interactions.InteractionEdited,
                interactions.InteractionDeleted,
            ),
            INGEST,
            ("customer-profile",),
        ),
        Topic(
            "identified-interactions",
            "customer id",
            "…by this customer, about these topics, in this tone",
            (
                identified.IdentifiedInteractionReceived,
                identified.IdentifiedInteractionEdited,
                identified.IdentifiedInteractionDeleted,
            ),
            ("customer-profile",),
            ("case-mgmt",),
        ),
        Topic(
            "cases",
            "case id",
            "a case was opened, gained an interaction, or changed status",
            (
                cases.CaseOpened,
                cases.CaseInteractionAdded,
                cases.CaseInteractionEdited,
                cases.CaseInteractionDeleted,
                cases.CaseStatusChanged,
            ),
            ("case-mgmt",),
            ("routing", "customer-profile", "ingest-direct"),
        ),
        Topic(
            "work",
            "case id",
            "work was queued, offered, accepted, …; a service clock started, was met or breached",
            (
                work.WorkQueued,
                work.WorkOffered,
                work.WorkAccepted,
                work.WorkDeclined,
                work.WorkOfferTimedOut,
                work.WorkRequeued,
                work.WorkTransferred,
                work.WorkReprioritised,
                work.WorkRedecided,
                work.WorkReconciled,
                work.WorkEscalated,
                work.WorkHeld,
                work.WorkCompleted,
                work.SlaStarted,
                work.SlaPaused,
                work.SlaResumed,
                work.SlaRecomputed,
                work.SlaWarned,
                work.SlaMet,
                work.SlaBreached,
                work.SlaCancelled,
            ),
            ("routing",),
            ("case-mgmt",),
        ),
        Topic(
            "replies",
            "case id",
            "an answer was asked for, sent, or failed",
            (replies.ReplyRequested, replies.ReplySent, replies.ReplyFailed),
            ("case-mgmt", *INGEST),
            (*INGEST, "case-mgmt", "routing"),
        ),
        Topic(
            "customers",
            "customer id",
            "a customer record was created or changed",
            (customers.CustomerCreated, customers.CustomerUpdated),
            ("customer-profile",),
            (),
        ),
        Topic(
            "agents",
            "agent id",
            "presence, skills or capacity of an agent changed",
            (agents.AgentPresenceChanged, agents.AgentSkillsChanged, agents.AgentCapacityChanged),
            ("routing",),
            (),
        ),
        Topic(
            "queues",
            "queue",
            "far more work than usual arrives, or as much as usual again; a person opened, paused or closed it",
            (
                queues.QueueSurgeBegan,
                queues.QueueSurgeEnded,
                queues.QueueStateChanged,
                queues.LabelSurgeBegan,
                queues.LabelSurgeEnded,
            ),
            ("routing",),
            (),
        ),
        Topic(
            "configuration",
            "configuration",
            "a version of the rules, queues and agents is planned, in force or over",
            (
                configuration.ConfigurationPlanned,
                configuration.ConfigurationPublished,
                configuration.ConfigurationEnded,
            ),
            ("routing",),
            (),
        ),
    )
}

EVENTS: dict[str, type[Event]] = {event.type: event for topic in TOPICS.values() for event in topic.events}


def dead_letter_topic(topic: str, service: str) -> str:
    """Where `service` puts what it could not understand of `topic`."""
    return f"{topic}-{service}-dlq"
