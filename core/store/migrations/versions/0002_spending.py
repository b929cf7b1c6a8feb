"""Spending: a transfer's cause may be a hold; plans, windows, caps, holds and resets."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _name_causes()
    _free_kinds()
    op.add_column("usage_event", sa.Column("tier", sa.Text(), nullable=True))
    _create_spending()


def _name_causes() -> None:
    """What belongs to a hold says so in the same column as what belongs to a gift."""
    op.drop_index("transfer_by_gift", "transfer")
    for table in ("transfer", "obligation"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN gift_id TO cause_id")
    op.create_index(
        "transfer_by_cause",
        "transfer",
        ["org_id", "cause_id"],
        sqlite_where=sa.text("cause_id IS NOT NULL"),
        postgresql_where=sa.text("cause_id IS NOT NULL"),
    )


def _free_kinds() -> None:
    """A new kind of transfer shall not need all of them to be written again."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint("kind_known", "transfer")
        return
    op.drop_index("transfer_by_cause", "transfer")
    op.rename_table("transfer", "transfer_before")
    op.create_table(
        "transfer",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("cause_id", sa.BigInteger(), nullable=True),
        sa.Column("settles_at", sa.BigInteger(), nullable=True),
        sa.Column("note_hash", sa.LargeBinary(), nullable=True),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "transfer_id"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO transfer SELECT * FROM transfer_before")
    op.drop_table("transfer_before")
    op.create_index(
        "transfer_by_cause", "transfer", ["org_id", "cause_id"], sqlite_where=sa.text("cause_id IS NOT NULL")
    )


def _create_spending() -> None:
    op.create_table('cap',
    sa.Column('org_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('cap_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('subject_id', sa.BigInteger(), nullable=False),
    sa.Column('pool_id', sa.BigInteger(), nullable=True),
    sa.Column('period', sa.Text(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=True),
    sa.Column('from_at', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("period IN ('day', 'week', 'month')", name='period_known'),
    sa.CheckConstraint('amount >= 0', name='amount_not_negative'),
    sa.PrimaryKeyConstraint('org_id', 'cap_id')
    )
    with op.batch_alter_table('cap', schema=None) as batch_op:
        batch_op.create_index('cap_by_subject', ['org_id', 'subject_id'], unique=False)

    op.create_table('hold',
    sa.Column('org_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('hold_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('member_id', sa.BigInteger(), nullable=False),
    sa.Column('model', sa.Text(), nullable=False),
    sa.Column('card', sa.Text(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.Column('allowance', sa.BigInteger(), nullable=False),
    sa.Column('sources', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('deadline_at', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('charged', sa.BigInteger(), nullable=False),
    sa.Column('overage', sa.BigInteger(), nullable=False),
    sa.Column('is_late', sa.Boolean(), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("state IN ('open', 'captured', 'released', 'expired')", name='state_known'),
    sa.CheckConstraint('amount >= 0 AND allowance >= 0 AND allowance <= amount', name='amounts_fit'),
    sa.PrimaryKeyConstraint('org_id', 'hold_id'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('hold', schema=None) as batch_op:
        batch_op.create_index('hold_due', ['deadline_at'], unique=False, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
        batch_op.create_index('hold_open_by_member', ['org_id', 'member_id'], unique=False, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))

    op.create_table('plan',
    sa.Column('org_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('plan_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('five_hours', sa.BigInteger(), nullable=True),
    sa.Column('weekly', sa.BigInteger(), nullable=True),
    sa.Column('monthly', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'plan_id')
    )
    op.create_table('plan_seat',
    sa.Column('org_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('member_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('from_at', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('plan_id', sa.BigInteger(), nullable=True),
    sa.Column('anchor_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('org_id', 'member_id', 'from_at')
    )
    op.create_table('reset',
    sa.Column('org_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('reset_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('member_id', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('used_at', sa.BigInteger(), nullable=True),
    sa.Column('warned_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('org_id', 'reset_id'),
    sqlite_with_rowid=False
    )
    with op.batch_alter_table('reset', schema=None) as batch_op:
        batch_op.create_index('reset_by_member', ['org_id', 'member_id'], unique=False)

    op.create_table('usage_window',
    sa.Column('org_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('member_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('meter', sa.Text(), nullable=False),
    sa.Column('opens_at', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('closes_at', sa.BigInteger(), nullable=False),
    sa.Column('used', sa.BigInteger(), nullable=False),
    sa.Column('told', sa.Integer(), nullable=False),
    sa.CheckConstraint('used >= 0', name='used_not_negative'),
    sa.PrimaryKeyConstraint('org_id', 'member_id', 'meter', 'opens_at'),
    sqlite_with_rowid=False
    )
    op.create_table('window_posting',
    sa.Column('org_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('transfer_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('line', sa.Integer(), nullable=False),
    sa.Column('member_id', sa.BigInteger(), nullable=False),
    sa.Column('meter', sa.Text(), nullable=False),
    sa.Column('opens_at', sa.BigInteger(), nullable=False),
    sa.Column('closes_at', sa.BigInteger(), nullable=False),
    sa.Column('amount', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('amount <> 0', name='amount_not_zero'),
    sa.PrimaryKeyConstraint('org_id', 'transfer_id', 'line'),
    sqlite_with_rowid=False
    )
