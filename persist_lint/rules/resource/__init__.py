"""Resource lifecycle: PSL4xx, one module per rule."""
