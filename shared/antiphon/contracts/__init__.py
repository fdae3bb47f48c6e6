"""The events that services exchange: CloudEvents whose data is one of these models.

A topic carries the event types that `topics.TOPICS` lists for it. Within a version a type only grows: new
fields are optional. Readers ignore fields that they do not know, and accept values beyond those that are listed.
"""
