"""The copy of routing's work in a table of its own, with the place of the event that it is of.

What was copied before says as little about its event as nothing: any event is newer.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COPIED = "work_state, queue, assignee, assignee_name, due_at, breached"


def upgrade() -> None:
    op.execute(
        "create table case_work (case_id uuid constraint case_work_pkey primary key, work_item_id uuid, work_state text not null, "
        "queue text, assignee text, assignee_name text, due_at timestamptz, breached text[] not null, as_of timestamptz not null, "
        "event_partition integer not null, event_offset bigint not null, case_changed_at timestamptz not null) with (fillfactor = 75)"
    )
    op.execute(
        f"insert into case_work (case_id, {COPIED}, as_of, event_partition, event_offset, case_changed_at) "
        f"select case_id, {COPIED}, opened_at, -1, -1, changed_at from case_file where work_state is not null"
    )
    for column in ("queue", "assignee"):
        op.execute(
            f"create index case_work_{column}_ix on case_work ({column}, case_changed_at desc, case_id desc) where {column} is not null"
        )
        op.execute(f"drop index case_file_{column}_ix")
    for column in COPIED.split(", "):
        op.execute(f"alter table case_file drop column {column}")


def downgrade() -> None:
    op.execute(
        "alter table case_file add assignee text, add assignee_name text, add queue text, add work_state text, "
        "add due_at timestamptz, add breached text[] not null default '{}'"
    )
    op.execute(
        f"update case_file c set ({COPIED}) = (select {COPIED} from case_work w where w.case_id = c.case_id) "
        "where case_id in (select case_id from case_work)"
    )
    op.execute("alter table case_file alter breached drop default")
    for column in ("queue", "assignee"):
        op.execute(
            f"create index case_file_{column}_ix on case_file ({column}, changed_at desc) where {column} is not null"
        )
    op.execute("drop table case_work")
