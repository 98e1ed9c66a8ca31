"""All files together: names, types, calls, effects, sessions, loops, execution context.

    modules → index (who is defined where) → relevance (which functions any rule could speak of)
            → flow (one typed walk per function: values, call sites, loops) → summary (effects, bottom-up)
            → states (sessions and transactions) → context (entry points, downward) → views (what rules see)

Everything is computed on demand and memoised. An answer that is not known is ``Unknown(reason)`` and harmless.
"""
