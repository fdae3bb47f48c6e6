"""What becomes of a work item: offered, accepted, handed on, escalated, reviewed, reconciled, explained."""
