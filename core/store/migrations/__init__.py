"""The history of the schema, as Alembic revisions. ``core/store/migrate.py`` runs them."""
