"""Frozen data types that every layer shares; no behaviour but Span's conversions."""
