"""A window is known by its end, too; a usage event keeps the moment it was used at, and a hold its tier."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_KEY = ("org_id", "member_id", "meter", "opens_at", "closes_at")


def upgrade() -> None:
    op.add_column("usage_event", sa.Column("happened_at", sa.BigInteger(), nullable=True))
    op.add_column("hold", sa.Column("tier", sa.Text(), nullable=True))
    _key_windows_by_their_ends()


def _key_windows_by_their_ends() -> None:
    """Months from the 28th and from the 31st may begin at one instant and end at two."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("usage_window_pkey", "usage_window")
        op.create_primary_key("usage_window_pkey", "usage_window", list(_KEY))
        return
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
        sa.CheckConstraint("used >= 0", name="used_not_negative"),
        sa.PrimaryKeyConstraint(*_KEY),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO usage_window SELECT * FROM usage_window_before")
    op.drop_table("usage_window_before")
    op.create_index("usage_window_live", "usage_window", ["org_id", "member_id", "closes_at"])
