"""The change log's entries about cases."""

from collections.abc import Sequence

from antiphon.http.changes import Change
from antiphon.postgres.query import as_json, recordset
from antiphon.postgres.writes import Writes
from case_mgmt.store.base import PLUMBING

# What a change says of routing's work: the fields of `api.cases.CaseView` that are a copy of it.
OF_WORK = ("agent_id", "agent_name", "queue", "work_state", "due_at", "breached")

_LOG = PLUMBING.change_log
_UNCHANGED = ", ".join(
    f"'{name}', " + ("coalesce(w.breached, '{{}}')" if name == "breached" else f"w.{name}")
    for name in OF_WORK
)
_ADD = (
    "insert into change_log (kind, subject, audience, data) select r.kind, r.subject, "
    "array(select distinct name from unnest(r.audience || array['agent:' || w.agent_id, 'queue:' || w.queue]) name "
    f"where name is not null), jsonb_build_object({_UNCHANGED}) || r.data "
    f"from {recordset([_LOG.c.kind, _LOG.c.subject, _LOG.c.audience, _LOG.c.data], '{rows}')} r "
    "left join case_work w on w.case_id = cast(r.subject as uuid)"
)


def add(writes: Writes, changes: Sequence[Change]) -> None:
    """Adds changes of cases to the log. They also concern the queue and the agent that had the case's work until now.

    `data` has what it says of the work (`OF_WORK`) only where this transaction changes that; else the log has what the copy says.
    The statement reads these under the lock of the case, since what was read before the lock may be old.
    """
    if changes:
        writes.add(_ADD, rows=as_json([change._asdict() for change in changes]))
