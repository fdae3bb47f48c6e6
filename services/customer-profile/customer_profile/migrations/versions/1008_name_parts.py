"""Adds the later parts of names, by which customers are found too. A trigger writes them when a name is new or changes."""

import sqlalchemy as sa
from alembic import op

revision = "1008"
down_revision = "1007"


def upgrade() -> None:
    op.create_table(
        "customer_name_part",
        sa.Column("part", sa.Text(collation="C"), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("part", "customer_id", name=op.f("customer_name_part_pkey")),
    )
    op.create_index("customer_name_part_customer_id_ix", "customer_name_part", ["customer_id"])
    op.execute(
        """
        create function write_name_parts() returns trigger language plpgsql as $$
        declare words text[] := regexp_split_to_array(btrim(new.folded_name), '\\s+');
        begin
            if tg_op = 'UPDATE' then delete from customer_name_part where customer_id = new.customer_id; end if;
            insert into customer_name_part (part, customer_id)
            select distinct array_to_string(words[n:], ' '), new.customer_id
            from generate_series(2, least(cardinality(words), 6)) n;
            return null;
        end $$
        """
    )
    op.execute(
        "create trigger customer_name_parts_of_new after insert on customer for each row "
        "when (new.folded_name like '% %') execute function write_name_parts()"
    )
    op.execute(
        "create trigger customer_name_parts_of_changed after update of name on customer for each row "
        "when (old.folded_name <> new.folded_name) execute function write_name_parts()"
    )
    op.execute(
        """
        insert into customer_name_part (part, customer_id)
        select distinct array_to_string(words[n:], ' '), customer_id from (
            select customer_id, regexp_split_to_array(btrim(folded_name), '\\s+') as words from customer
        ) c cross join lateral generate_series(2, least(cardinality(words), 6)) n
        """
    )
