"""What the files around the code say: stack, versions, live triggers, decisions, advice; and what SQL text does."""
