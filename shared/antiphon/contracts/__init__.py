"""The events that services exchange: CloudEvents whose data is one of these models.

A topic carries the event types that `topics.TOPICS` lists for it. Within a version a type only grows: new
fields are optional, readers ignore fields they do not know and accept values outside an `Known` list.
"""
