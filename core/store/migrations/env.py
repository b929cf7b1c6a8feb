"""What Alembic runs for each command: one connection, one transaction, the tables as they should be.

The house passes its connection in (see ``core/store/migrate.py``); the command line names a database:
``alembic -x url=sqlite:///var/teamcredits.db check``.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel

from core.store import tables  # noqa: F401  (fills the metadata)
from core.store.engine import open_engine, writing


def run(connection: Connection) -> None:
    # render_as_batch: SQLite alters a table only by copying it.
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = open_engine(context.get_x_argument(as_dictionary=True)["url"])
    with writing(engine) as connection:
        run(connection)
    engine.dispose()
