"""Publishing: what it takes for a draft to become active."""

from antiphon.organisation.document import Section


class PublishingPolicy(Section):
    """Unless set, whoever may write a draft publishes it alone."""

    needs_approval: bool = False
