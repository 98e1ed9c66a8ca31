"""Transaction correctness: PSL2xx, one module per rule."""
