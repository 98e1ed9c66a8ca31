"""Calls that happen while an example runs stand in the call graph: a small version of ``benchmarks/edges.py``."""

from pathlib import Path

import httpx
import pytest
from example_service import ROOT


def exercise(service: httpx.Client) -> None:
    """Some of everything: reads, writes, a job that the worker runs to its end, errors."""
    customer = service.put("/customers", json={"name": "edges", "external_ref": "E-1", "callback_url": None}).json()
    order = {"customer_id": customer["id"], "title": "run", "steps": ["load", "print"]}
    job = service.post("/jobs", json=order).json()["id"]
    tiers = [{"customer_id": customer["id"], "tier": "gold"}]
    assert service.put("/customers/tiers", json=tiers).status_code == 200
    assert service.post(f"/customers/{customer['id']}/rating").status_code == 200
    assert service.get("/jobs").status_code == service.get("/audit").status_code == 200
    assert service.get(f"/customers/{customer['id']}/report").status_code == 200
    assert service.put(f"/jobs/{job}/attachments/a.txt", content=b"a").status_code == 201
    assert service.post(f"/jobs/{job}/start").status_code == 202
    assert service.post(f"/jobs/{job}/start").status_code == 409
    assert service.get("/jobs/999999").status_code == 404


def test_calls_that_happened(
    example: Path, edges: Path, service: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import call_graph

    exercise(service)
    graph = call_graph.CallGraph.of(example)
    shares, denied = call_graph.compared(graph, call_graph.read_edges(edges, example))
    held, recorded = shares[call_graph.DIRECT]
    assert [one.text for one in denied if one.kind == call_graph.DIRECT] == []
    assert held == recorded >= 50
    assert [one.text for one in denied if one.kind == call_graph.VOCABULARY] == []
