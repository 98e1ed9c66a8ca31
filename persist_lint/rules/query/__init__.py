"""Query efficiency: PSL1xx, one module per rule."""
