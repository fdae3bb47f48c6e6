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
from antiphon.service_names import CASE_MGMT, CUSTOMER_PROFILE, INGEST, INGEST_DIRECT, ROUTING


class Topic(NamedTuple):
    """One Kafka topic. `key` says in words what orders its events."""

    name: str
    key: str
    says: str
    events: tuple[type[Event], ...]
    writers: tuple[str, ...]
    readers: tuple[str, ...]


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
            (CUSTOMER_PROFILE,),
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
            (CUSTOMER_PROFILE,),
            (CASE_MGMT,),
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
            (CASE_MGMT,),
            (ROUTING, CUSTOMER_PROFILE, INGEST_DIRECT),
        ),
        Topic(
            "work",
            "case id",
            "work was queued, offered, accepted, …; an SLA clock started, was met or breached",
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
            (ROUTING,),
            (CASE_MGMT,),
        ),
        Topic(
            "replies",
            "case id",
            "an answer was asked for, sent, or failed",
            (replies.ReplyRequested, replies.ReplySent, replies.ReplyFailed),
            (CASE_MGMT, *INGEST),
            (*INGEST, CASE_MGMT, ROUTING),
        ),
        Topic(
            "customers",
            "customer id",
            "a customer record was created or changed",
            (customers.CustomerCreated, customers.CustomerUpdated),
            (CUSTOMER_PROFILE,),
            (),
        ),
        Topic(
            "agents",
            "agent id",
            "presence, skills or capacity of an agent changed",
            (agents.AgentPresenceChanged, agents.AgentSkillsChanged, agents.AgentCapacityChanged),
            (ROUTING,),
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
            (ROUTING,),
            (),
        ),
        Topic(
            "configuration",
            "configuration",
            "a version of the rules, queues and agents is planned, active or over",
            (
                configuration.ConfigurationPlanned,
                configuration.ConfigurationPublished,
                configuration.ConfigurationEnded,
            ),
            (ROUTING,),
            (*INGEST, CUSTOMER_PROFILE, CASE_MGMT),
        ),
    )
}

EVENTS: dict[str, type[Event]] = {event.type: event for topic in TOPICS.values() for event in topic.events}


def dead_letter_topic(topic: str, service: str) -> str:
    """The topic to which `service` publishes its dead letters of `topic`."""
    return f"{topic}-{service}-dlq"
