"""Publishing: whether a draft needs approval before it becomes active."""

from antiphon.organisation.section import Section


class PublishingPolicy(Section):
    """Without `needs_approval`, the author of a draft may publish it alone."""

    needs_approval: bool = False
    """Whether a second person must approve a publication."""
