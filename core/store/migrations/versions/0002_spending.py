"""Spending: a transfer's cause may be a hold; plans, windows, caps, holds and resets."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _name_causes()
    _free_kinds()
    op.add_column("usage_event", sa.Column("tier", sa.Text(), nullable=True))
    op.add_column("usage_event", sa.Column("allowance", sa.BigInteger(), nullable=True))
    op.add_column("usage_event", sa.Column("overage", sa.BigInteger(), nullable=True))
    op.add_column("usage_event", sa.Column("at", sa.BigInteger(), nullable=True))
    op.execute(
        """UPDATE usage_event SET at = (SELECT t.at FROM transfer t WHERE t.org_id = usage_event.org_id
           AND t.transfer_id = usage_event.transfer_id)"""
    )
    op.create_index("usage_event_by_member", "usage_event", ["org_id", "member_id", "at", "transfer_id"])
    op.add_column("obligation", sa.Column("cancelled", sa.BigInteger(), nullable=True))
    _create_spending()
    op.create_index("member_by_email", "member", ["org_id", "email"])
    _create_rate_rows()
    _create_boosts()
    _create_supply()
    _create_sharing()


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
    op.create_table(
        "cap",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cap_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("pool_id", sa.BigInteger(), nullable=True),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("inherits", sa.Boolean(), nullable=False),
        sa.CheckConstraint("period IN ('day', 'week', 'month')", name="period_known"),
        sa.CheckConstraint("amount >= 0", name="amount_not_negative"),
        sa.PrimaryKeyConstraint("org_id", "cap_id"),
    )
    with op.batch_alter_table("cap", schema=None) as batch_op:
        batch_op.create_index("cap_by_subject", ["org_id", "subject_id"], unique=False)

    op.create_table(
        "hold",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hold_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("allowance", sa.BigInteger(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("charged", sa.BigInteger(), nullable=False),
        sa.Column("overage", sa.BigInteger(), nullable=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'captured', 'released', 'expired')", name="state_known"),
        sa.CheckConstraint("amount >= 0 AND allowance >= 0 AND allowance <= amount", name="amounts_fit"),
        sa.PrimaryKeyConstraint("org_id", "hold_id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(
            "hold_due",
            ["deadline_at"],
            unique=False,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )
        batch_op.create_index("hold_by_member", ["org_id", "member_id", "hold_id"], unique=False)

    op.create_table(
        "plan",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("plan_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("five_hours", sa.BigInteger(), nullable=True),
        sa.Column("weekly", sa.BigInteger(), nullable=True),
        sa.Column("monthly", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "plan_id"),
    )
    op.create_table(
        "plan_seat",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("from_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=True),
        sa.Column("anchor_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "member_id", "from_at"),
    )
    op.create_table(
        "reset",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reset_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("warned_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("org_id", "reset_id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("reset", schema=None) as batch_op:
        batch_op.create_index("reset_by_member", ["org_id", "member_id"], unique=False)

    op.create_table(
        "usage_window",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("opens_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("closes_at", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("reset_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("used >= 0", name="used_not_negative"),
        sa.PrimaryKeyConstraint("org_id", "member_id", "meter", "opens_at"),
        sqlite_with_rowid=False,
    )
    op.create_index("usage_window_live", "usage_window", ["org_id", "member_id", "closes_at"])
    op.create_table(
        "window_posting",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("opens_at", sa.BigInteger(), nullable=False),
        sa.Column("closes_at", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount <> 0", name="amount_not_zero"),
        sa.PrimaryKeyConstraint("org_id", "transfer_id", "line"),
        sqlite_with_rowid=False,
    )


def _create_boosts() -> None:
    op.create_table(
        "boost",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("boost_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("factor", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("tell_at", sa.BigInteger(), nullable=True),
        sa.Column("budget_days", sa.Integer(), nullable=False),
        sa.CheckConstraint("factor > 1000", name="factor_multiplies"),
        sa.CheckConstraint("starts_at <= ends_at", name="ends_after_start"),
        sa.PrimaryKeyConstraint("org_id", "boost_id"),
        sqlite_with_rowid=False,
    )
    untold, of_a_campaign = sa.text("tell_at IS NOT NULL"), sa.text("campaign_id IS NOT NULL")
    op.create_index("boost_by_subject", "boost", ["org_id", "subject_id"])
    op.create_index("boost_to_tell", "boost", ["tell_at"], sqlite_where=untold, postgresql_where=untold)
    op.create_index(
        "boost_by_campaign",
        "boost",
        ["org_id", "campaign_id", "ends_at"],
        sqlite_where=of_a_campaign,
        postgresql_where=of_a_campaign,
    )
    op.create_table(
        "campaign",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("factor", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("team_ids", sa.JSON(), nullable=False),
        sa.Column("form", sa.JSON(), nullable=False),
        sa.Column("opens_at", sa.BigInteger(), nullable=False),
        sa.Column("closes_at", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seed", sa.Text(), nullable=True),
        sa.Column("drawn_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("applied", sa.Integer(), nullable=False),
        sa.Column("admitted", sa.Integer(), nullable=False),
        sa.Column("waitlisted", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Integer(), nullable=False),
        sa.CheckConstraint("method IN ('arrival', 'lottery', 'hand')", name="method_known"),
        sa.CheckConstraint("factor > 1000", name="factor_multiplies"),
        sa.CheckConstraint("opens_at < closes_at AND starts_at < ends_at", name="ends_after_start"),
        sa.CheckConstraint("admitted <= capacity", name="within_capacity"),
        sa.CheckConstraint(
            "applied >= 0 AND admitted >= 0 AND waitlisted >= 0 AND refused >= 0 AND withdrawn >= 0",
            name="counts_not_negative",
        ),
        sa.PrimaryKeyConstraint("org_id", "campaign_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "application",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("application_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('applied', 'admitted', 'waitlisted', 'refused', 'withdrawn')", name="state_known"
        ),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name="rating_fits"),
        sa.PrimaryKeyConstraint("org_id", "application_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("application_by_member", "application", ["org_id", "member_id", "campaign_id"], unique=True)
    op.create_index("application_by_rank", "application", ["org_id", "campaign_id", "state", "rank"])
    op.create_table(
        "boost_budget",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("team_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("days_per_month", sa.Integer(), nullable=False),
        sa.Column("max_factor", sa.BigInteger(), nullable=False),
        sa.Column("month_at", sa.BigInteger(), nullable=False),
        sa.Column("spent_days", sa.Integer(), nullable=False),
        sa.CheckConstraint("days_per_month >= 0 AND spent_days >= 0", name="days_not_negative"),
        sa.PrimaryKeyConstraint("org_id", "team_id"),
    )


def _create_rate_rows() -> None:
    op.create_table(
        "rate_row",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("load_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Text(), nullable=False),
        sa.Column("input", sa.BigInteger(), nullable=False),
        sa.Column("cached_input", sa.BigInteger(), nullable=False),
        sa.Column("output", sa.BigInteger(), nullable=False),
        sa.Column("cache_write", sa.BigInteger(), nullable=True),
        sa.Column("cache_write_1h", sa.BigInteger(), nullable=True),
        sa.Column("tiers", sa.JSON(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("loaded_by", sa.BigInteger(), nullable=False),
        sa.Column("loaded_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("input > 0 AND output > 0 AND cached_input >= 0", name="rates_fit"),
        sa.CheckConstraint("cache_write >= 0 AND cache_write_1h >= 0", name="cache_rates_fit"),
        sa.PrimaryKeyConstraint("org_id", "load_number", "model", "effective_from"),
    )


def _create_supply() -> None:
    op.create_table(
        "allotment",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("allotment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("lasts", sa.Integer(), nullable=False),
        sa.Column("giftable", sa.Boolean(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("day BETWEEN 1 AND 31", name="day_of_a_month"),
        sa.CheckConstraint("lasts BETWEEN 1 AND 24", name="lasts_some_months"),
        sa.CheckConstraint("passed >= 0 AND granted >= 0", name="counts_not_negative"),
        sa.PrimaryKeyConstraint("org_id", "allotment_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("allotment_by_account", "allotment", ["org_id", "account_id"])
    running = sa.text("ended_at IS NULL")
    op.create_index("allotment_due", "allotment", ["next_at"], sqlite_where=running, postgresql_where=running)
    op.create_table(
        "refund",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("charge_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("cancelled", sa.BigInteger(), nullable=False),
        sa.Column("allowance", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("cancelled >= 0 AND allowance >= 0 AND cancelled + allowance <= amount", name="parts_fit"),
        sa.PrimaryKeyConstraint("org_id", "transfer_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("refund_by_charge", "refund", ["org_id", "charge_id"])
    op.create_table(
        "reset_order",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("is_banked", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("after_member", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("done >= 0 AND unchanged >= 0", name="counts_not_negative"),
        sa.PrimaryKeyConstraint("org_id", "order_id"),
        sqlite_with_rowid=False,
    )
    still_open = sa.text("finished_at IS NULL")
    op.create_index(
        "reset_order_open", "reset_order", ["created_at"], sqlite_where=still_open, postgresql_where=still_open
    )
    unwarned = sa.text("used_at IS NULL AND warned_at IS NULL")
    op.create_index("reset_unwarned", "reset", ["expires_at"], sqlite_where=unwarned, postgresql_where=unwarned)


def _create_sharing() -> None:
    op.create_table(
        "credit_request",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("request_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("asker_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("given", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("lapses_at", sa.BigInteger(), nullable=False),
        sa.Column("open_asker_id", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'filled', 'accepted', 'declined', 'withdrawn', 'lapsed')", name="state_known"
        ),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("given >= 0 AND given <= amount", name="given_within_amount"),
        sa.CheckConstraint("(state = 'open') = (open_asker_id IS NOT NULL)", name="asker_of_open"),
        sa.PrimaryKeyConstraint("org_id", "request_id"),
        sqlite_with_rowid=False,
    )
    is_open = sa.text("state = 'open'")
    op.create_index(
        "credit_request_due", "credit_request", ["lapses_at"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_index("credit_request_by_asker", "credit_request", ["org_id", "asker_id", "request_id"])
    op.create_index("credit_request_open_by_asker", "credit_request", ["org_id", "open_asker_id"])
    op.create_table(
        "pledge",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("request_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("was_asked", sa.Boolean(), nullable=False),
        sa.Column("has_declined", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("gift_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("amount >= 0", name="amount_not_negative"),
        sa.PrimaryKeyConstraint("org_id", "request_id", "member_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("pledge_by_member", "pledge", ["org_id", "member_id", "request_id"])
    op.create_table(
        "referral_code",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "member_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("referral_code_by_code", "referral_code", ["org_id", "code"], unique=True)
    op.create_table(
        "referral",
        sa.Column("org_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("invited_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("inviter_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("rewarded_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("invited_id <> inviter_id", name="not_by_oneself"),
        sa.PrimaryKeyConstraint("org_id", "invited_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("referral_by_inviter", "referral", ["org_id", "inviter_id", "created_at"])
    unrewarded = sa.text("rewarded_at IS NULL")
    op.create_index("referral_open", "referral", ["created_at"], sqlite_where=unrewarded, postgresql_where=unrewarded)
