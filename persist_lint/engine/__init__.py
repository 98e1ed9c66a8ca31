"""One run: configuration, discovery, facts cache, rules, suppression, fingerprints; ``run.analyse`` is the way in."""
