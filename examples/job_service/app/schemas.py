"""What goes over the wire."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class FromRow(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class CustomerIn(BaseModel):
    name: str = Field(max_length=100)
    external_ref: str = Field(max_length=50)
    callback_url: str | None = None


class CustomerOut(FromRow):
    id: int
    name: str
    tier: str
    rating: str | None


class TierChange(BaseModel):
    customer_id: int
    tier: str = Field(max_length=20)


class JobIn(BaseModel):
    customer_id: int
    title: str = Field(max_length=200)
    steps: list[str]


class JobOut(FromRow):
    id: int
    customer_id: int
    title: str
    status: str
    progress: int
    result: str | None
    created_at: datetime


class StepOut(FromRow):
    position: int
    name: str
    done: bool


class JobDetail(JobOut):
    steps: list[StepOut]


class JobLine(BaseModel):
    id: int
    title: str
    status: str
    customer: str


class ReportLine(BaseModel):
    job_id: int
    title: str
    status: str
    open_steps: int


class AttachmentOut(FromRow):
    id: int
    job_id: int
    name: str
    size: int
    expired: bool


class Note(BaseModel):
    message: str = Field(max_length=400)


class AuditLine(BaseModel):
    job_id: int
    customer: str
    message: str


class Ids(BaseModel):
    ids: list[int]


class Changed(BaseModel):
    count: int


class Delivery(BaseModel):
    delivered: bool


class Health(BaseModel):
    status: str


class Insights(BaseModel):
    jobs: int
    records: int


class Standing(BaseModel):
    credits: int
    tier: str
    customers: int


class Owner(BaseModel):
    job_id: int
    name: str


class Tables(BaseModel):
    jobs: int


class Spending(BaseModel):
    amount: int = Field(ge=1)


class Left(BaseModel):
    credits: int


class Password(BaseModel):
    password: str = Field(min_length=8)
