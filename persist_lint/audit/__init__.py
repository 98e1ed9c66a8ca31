"""The scored audit: context validation, scores, worker reports, consolidated report, results log.

Everything here works on ``model.analysis.Analysis``; ``run.audit`` is the way in.
"""
