"""The tables."""

from datetime import datetime, timezone

from sqlalchemy import DateTime, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

DRAFT = "draft"
QUEUED = "queued"
RUNNING = "running"
DONE = "done"
FAILED = "failed"
CANCELLED = "cancelled"
FINAL = frozenset({DONE, FAILED, CANCELLED})


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    tier: Mapped[str] = mapped_column(String(20), default="standard")
    rating: Mapped[str | None] = mapped_column(String(10))
    external_ref: Mapped[str] = mapped_column(String(50))
    callback_url: Mapped[str | None] = mapped_column(String(300))
    credits: Mapped[int] = mapped_column(default=0, server_default="0")


class Price(Base):
    """What a step costs; only migrations change it."""

    __tablename__ = "prices"

    tier: Mapped[str] = mapped_column(String(20), primary_key=True)
    per_step: Mapped[int]


class Job(Base):
    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20), default=DRAFT, index=True)
    progress: Mapped[int] = mapped_column(default=0)
    priority: Mapped[int] = mapped_column(default=0)
    result: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=utc_now)

    customer: Mapped[Customer] = relationship()
    steps: Mapped[list["JobStep"]] = relationship(order_by="JobStep.position", lazy="raise")


class JobStep(Base):
    __tablename__ = "job_steps"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), index=True)
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(100))
    done: Mapped[bool] = mapped_column(default=False)


class Attachment(Base):
    __tablename__ = "attachments"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    size: Mapped[int]
    storage_key: Mapped[str] = mapped_column(String(32))
    expired: Mapped[bool] = mapped_column(default=False)


class AuditRecord(Base):
    __tablename__ = "audit_records"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), index=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    message: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=utc_now)
