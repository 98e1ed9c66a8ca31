"""The rules: one file per rule, in one package per family; ``catalogue`` finds them."""
