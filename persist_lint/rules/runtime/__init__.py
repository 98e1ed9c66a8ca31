"""Runtime performance: PSL3xx, one module per rule."""
