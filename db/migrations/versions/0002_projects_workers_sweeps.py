"""Projects with keys and audit, workers, sweeps; jobs that are dispatched and fenced."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_PROJECT = sa.String(64)


def upgrade() -> None:
    """Extend the tables; what is stored belongs to the local project."""
    _documents()
    _jobs()
    _work()
    _access()


def _documents() -> None:
    op.add_column("documents", sa.Column("project", _PROJECT, nullable=False, server_default="local"))
    op.create_index("ix_documents_project", "documents", ["project"])
    _request_keys()


def _request_keys() -> None:
    """The primary key gains the project: the rows move into a table made anew, on every database alike."""
    op.create_table(
        "request_keys_by_project",
        sa.Column("project", _PROJECT, primary_key=True, server_default="local"),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(64), sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.execute(
        "INSERT INTO request_keys_by_project (project, key, request_sha256, job_id, created_at) "
        "SELECT 'local', key, request_sha256, job_id, created_at FROM request_keys"
    )
    op.drop_table("request_keys")
    op.rename_table("request_keys_by_project", "request_keys")


def _jobs() -> None:
    columns = (
        sa.Column("project", _PROJECT, nullable=False, server_default="local"),
        sa.Column("kind", sa.String(16), nullable=False, server_default="plan"),
        sa.Column("priority", sa.Integer, nullable=False, server_default="50"),
        sa.Column("question_sha256", sa.String(64)),
        sa.Column("answered_by", sa.String(64)),
        sa.Column("sweep_id", sa.String(64)),
        sa.Column("owner", sa.String(64)),
        sa.Column("interruptions", sa.Integer, nullable=False, server_default="0"),
        sa.Column("dispatched", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("dispatches", sa.Integer, nullable=False, server_default="0"),
    )
    for column in columns:
        op.add_column("jobs", column)
    op.create_index("jobs_by_project", "jobs", ["project", "kind", "id"])
    op.create_index("jobs_by_question", "jobs", ["project", "question_sha256"])
    op.create_index("jobs_to_dispatch", "jobs", ["dispatched", "state", "priority", "id"])
    op.create_index("jobs_by_sweep", "jobs", ["sweep_id"])


def _work() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("beat", sa.Integer, nullable=False),
        sa.Column("started_at", _INSTANT, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "sweeps",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", _PROJECT, nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("scenario", sa.JSON, nullable=False),
        sa.Column("axes", sa.JSON, nullable=False),
        sa.Column("revisions", sa.JSON, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("cancelled_at", _INSTANT),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_index("sweeps_by_project", "sweeps", ["project", "id"])
    op.create_table(
        "sweep_points",
        sa.Column("sweep_id", sa.String(64), sa.ForeignKey("sweeps.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("finished_at", _INSTANT, nullable=False),
    )


def _access() -> None:
    op.create_table(
        "projects",
        sa.Column("name", _PROJECT, primary_key=True),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", _PROJECT, sa.ForeignKey("projects.name"), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT),
        sa.Column("revoked_at", _INSTANT),
    )
    op.create_index("ix_api_keys_project", "api_keys", ["project"])
    op.create_table(
        "sessions",
        sa.Column("secret_sha256", sa.String(64), primary_key=True),
        sa.Column("project", _PROJECT, nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(300), nullable=False),
        sa.Column("key_id", sa.String(64)),
        sa.Column("expires_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("project", _PROJECT, nullable=False),
        sa.Column("actor", sa.String(300), nullable=False),
        sa.Column("action", sa.String(100), nullable=False),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
    )
    op.create_index("audit_by_project", "audit", ["project", "number"])
