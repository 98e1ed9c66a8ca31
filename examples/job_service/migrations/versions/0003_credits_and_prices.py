"""Customers have credits; what a step costs stands in a table that only migrations change."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("credits", sa.Integer, nullable=False, server_default="0"))
    prices = op.create_table(
        "prices",
        sa.Column("tier", sa.String(20), primary_key=True),
        sa.Column("per_step", sa.Integer, nullable=False),
    )
    op.bulk_insert(prices, [{"tier": "gold", "per_step": 3}, {"tier": "silver", "per_step": 4}])


def downgrade() -> None:
    op.drop_table("prices")
    op.drop_column("customers", "credits")
