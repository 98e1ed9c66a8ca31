"""PostgreSQL tells listeners about every change of a job's status or progress."""

from collections.abc import Sequence

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NOTIFY_FUNCTION = """
CREATE FUNCTION notify_job_events() RETURNS trigger AS $$
BEGIN
    PERFORM pg_notify(
        'job_events',
        json_build_object('job_id', NEW.id, 'status', NEW.status, 'progress', NEW.progress)::text
    );
    RETURN NEW;
END;
$$ LANGUAGE plpgsql
"""

NOTIFY_TRIGGER = """
CREATE TRIGGER jobs_notify AFTER UPDATE OF status, progress ON jobs
FOR EACH ROW EXECUTE FUNCTION notify_job_events()
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(NOTIFY_FUNCTION)
        op.execute(NOTIFY_TRIGGER)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER jobs_notify ON jobs")
        op.execute("DROP FUNCTION notify_job_events()")
