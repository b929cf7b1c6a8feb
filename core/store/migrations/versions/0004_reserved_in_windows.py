"""A window tells what open holds reserve in it from what was really used."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# Of what open holds have reserved, what was not taken back by a reset since.
_RESERVED = """UPDATE usage_window SET reserved = held.amount FROM (
                    SELECT p.org_id, p.member_id, p.meter, p.opens_at, p.closes_at,
                           CAST(sum(p.amount) AS BIGINT) AS amount
                    FROM hold h JOIN window_posting p ON p.org_id = h.org_id AND p.transfer_id = h.hold_id
                    JOIN usage_window w ON w.org_id = p.org_id AND w.member_id = p.member_id AND w.meter = p.meter
                    AND w.opens_at = p.opens_at AND w.closes_at = p.closes_at
                    WHERE h.state = 'open' AND (w.reset_at IS NULL OR w.reset_at < h.created_at)
                    GROUP BY p.org_id, p.member_id, p.meter, p.opens_at, p.closes_at
                ) held
                WHERE held.org_id = usage_window.org_id AND held.member_id = usage_window.member_id
                AND held.meter = usage_window.meter AND held.opens_at = usage_window.opens_at
                AND held.closes_at = usage_window.closes_at"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _add_to_sqlite()
    else:
        op.add_column("usage_window", sa.Column("reserved", sa.BigInteger(), nullable=False, server_default="0"))
        op.alter_column("usage_window", "reserved", server_default=None)
        op.create_check_constraint("reserved_not_negative", "usage_window", "reserved >= 0")
    op.execute(_RESERVED)


def _add_to_sqlite() -> None:
    """A column that is never null cannot be added there without a default that stays."""
    op.drop_index("usage_window_live", "usage_window")
    op.rename_table("usage_window", "usage_window_before")
    op.create_table(
        "usage_window",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("opens_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("closes_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("reset_at", sa.BigInteger(), nullable=True),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("used >= 0", name="used_not_negative"),
        sa.CheckConstraint("reserved >= 0", name="reserved_not_negative"),
        sa.PrimaryKeyConstraint("org_id", "member_id", "meter", "opens_at", "closes_at"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO usage_window SELECT w.*, 0 FROM usage_window_before w")
    op.drop_table("usage_window_before")
    op.create_index("usage_window_live", "usage_window", ["org_id", "member_id", "closes_at"])
