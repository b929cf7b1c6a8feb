"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "account_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "command",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("actor_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "actor_id", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "delivery",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gift_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("to_org", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('queued', 'arrived', 'bounced')", name="state_known"),
        sa.PrimaryKeyConstraint("org_id", "gift_id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(
            "delivery_queued",
            ["next_at"],
            unique=False,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )

    op.create_table(
        "device_grant",
        sa.Column("device_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_code", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("org_id", sa.BigInteger(), nullable=True),
        sa.Column("member_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=True),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'approved', 'denied', 'used')", name="state_known"),
        sa.PrimaryKeyConstraint("device_hash"),
    )
    with op.batch_alter_table("device_grant", schema=None) as batch_op:
        batch_op.create_index("device_grant_by_user_code", ["user_code"], unique=True)

    op.create_table(
        "entry",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name="amount_not_zero"),
        sa.PrimaryKeyConstraint("org_id", "account_id", "at", "transfer_id", "line"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gift",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gift_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sender_account", sa.BigInteger(), nullable=False),
        sa.Column("recipient_org", sa.BigInteger(), nullable=True),
        sa.Column("recipient_account", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("settles_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decision", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'in_review', 'settled', 'cancelled', 'declined', 'rejected', 'returned', 'reversed')",
            name="state_known",
        ),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("sender_account <> recipient_account", name="not_to_oneself"),
        sa.PrimaryKeyConstraint("org_id", "gift_id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("gift", schema=None) as batch_op:
        batch_op.create_index(
            "gift_by_recipient", ["org_id", "recipient_account", "created_at", "gift_id"], unique=False
        )
        batch_op.create_index("gift_by_sender", ["org_id", "sender_account", "created_at", "gift_id"], unique=False)
        batch_op.create_index(
            "gift_due",
            ["settles_at"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(
            "gift_open_by_recipient",
            ["org_id", "recipient_account"],
            unique=False,
            sqlite_where=sa.text("state IN ('pending', 'in_review')"),
            postgresql_where=sa.text("state IN ('pending', 'in_review')"),
        )
        batch_op.create_index(
            "gift_open_by_sender",
            ["org_id", "sender_account"],
            unique=False,
            sqlite_where=sa.text("state IN ('pending', 'in_review')"),
            postgresql_where=sa.text("state IN ('pending', 'in_review')"),
        )

    op.create_table(
        "lot",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("giftable", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("origin_org", sa.BigInteger(), nullable=True),
        sa.Column("origin_lot", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("source IN ('purchase', 'allotment', 'promo', 'referral')", name="source_known"),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.PrimaryKeyConstraint("org_id", "lot_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "member",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("slack_team_id", sa.Text(), nullable=True),
        sa.Column("slack_user_id", sa.Text(), nullable=True),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=True),
        sa.Column("frozen_at", sa.BigInteger(), nullable=True),
        sa.Column("deactivated_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('person', 'service', 'bot')", name="kind_known"),
        sa.CheckConstraint("role IN ('admin', 'member')", name="role_known"),
        sa.PrimaryKeyConstraint("org_id", "member_id"),
    )
    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.create_index("member_by_name", ["org_id", "name"], unique=False)
        batch_op.create_index("member_by_slack", ["slack_team_id", "slack_user_id"], unique=True)

    op.create_table(
        "note",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "transfer_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "obligation",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("gift_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("debtor_account", sa.BigInteger(), nullable=False),
        sa.Column("creditor_account", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("repaid", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("repaid >= 0 AND repaid <= amount", name="repaid_within_amount"),
        sa.PrimaryKeyConstraint("org_id", "gift_id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("obligation", schema=None) as batch_op:
        batch_op.create_index(
            "obligation_open",
            ["org_id", "debtor_account"],
            unique=False,
            sqlite_where=sa.text("repaid < amount"),
            postgresql_where=sa.text("repaid < amount"),
        )

    op.create_table(
        "organisation",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slack_team_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id"),
        sa.UniqueConstraint("slack_team_id"),
    )
    op.create_table(
        "outbox",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("notice_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("gift_id", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("for_editor", sa.Boolean(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("slack_state", sa.Text(), nullable=False),
        sa.Column("slack_channel", sa.Text(), nullable=True),
        sa.Column("slack_ts", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("slack_state IN ('none', 'queued', 'sending', 'sent', 'failed')", name="slack_state_known"),
        sa.PrimaryKeyConstraint("org_id", "notice_id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "outbox_queued",
            ["next_at"],
            unique=False,
            sqlite_where=sa.text("slack_state IN ('queued', 'sending')"),
            postgresql_where=sa.text("slack_state IN ('queued', 'sending')"),
        )
        batch_op.create_index(
            "outbox_unclaimed",
            ["org_id", "member_id"],
            unique=False,
            sqlite_where=sa.text("claimed_at IS NULL AND for_editor"),
            postgresql_where=sa.text("claimed_at IS NULL AND for_editor"),
        )

    op.create_table(
        "policy",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "version"),
    )
    op.create_table(
        "position",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("account_id % 8 IN (0, 1, 2)", name="not_a_house_account"),
        sa.CheckConstraint("remaining >= 0", name="remaining_not_negative"),
        sa.PrimaryKeyConstraint("org_id", "account_id", "lot_id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("position", schema=None) as batch_op:
        batch_op.create_index(
            "position_by_expiry",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("expires_at IS NOT NULL"),
            postgresql_where=sa.text("expires_at IS NOT NULL"),
        )

    op.create_table(
        "seal",
        sa.Column("writer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("batch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("transfers", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("heads", sa.JSON(), nullable=True),
        sa.Column("touched", sa.JSON(), nullable=True),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("batch >= 1", name="batch_from_one"),
        sa.PrimaryKeyConstraint("writer_id", "batch"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "team",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("team_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "team_id"),
    )
    op.create_table(
        "team_member",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("team_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_lead", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "team_id", "member_id"),
    )
    with op.batch_alter_table("team_member", schema=None) as batch_op:
        batch_op.create_index("team_member_by_member", ["org_id", "member_id"], unique=False)

    op.create_table(
        "token",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("token_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("org_id", "token_id"),
    )
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.create_index("token_by_hash", ["hash"], unique=True)

    op.create_table(
        "transfer",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("gift_id", sa.BigInteger(), nullable=True),
        sa.Column("settles_at", sa.BigInteger(), nullable=True),
        sa.Column("note_hash", sa.LargeBinary(), nullable=True),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('grant', 'void', 'allocate', 'gift_reserve', 'gift_approve', 'gift_settle', 'gift_arrive', 'gift_refuse', 'gift_bounce', 'gift_cancel', 'gift_decline', 'gift_reject', 'gift_return', 'gift_reverse', 'repay', 'charge', 'refund', 'expire', 'freeze', 'leave', 'unfreeze')",
            name="kind_known",
        ),
        sa.PrimaryKeyConstraint("org_id", "transfer_id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("transfer", schema=None) as batch_op:
        batch_op.create_index(
            "transfer_by_gift",
            ["org_id", "gift_id"],
            unique=False,
            sqlite_where=sa.text("gift_id IS NOT NULL"),
            postgresql_where=sa.text("gift_id IS NOT NULL"),
        )

    op.create_table(
        "usage_event",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_1h_tokens", sa.BigInteger(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("is_fallback", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount >= 0", name="amount_not_negative"),
        sa.PrimaryKeyConstraint("org_id", "transfer_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "writer",
        sa.Column("writer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("writer_id"),
    )
