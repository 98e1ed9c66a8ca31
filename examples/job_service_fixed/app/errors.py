"""Errors of the service, and how they are answered."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse


class NotFound(Exception):
    def __init__(self, what: str, key: int) -> None:
        super().__init__(f"{what} {key} does not exist")


class Conflict(Exception):
    pass


async def answer_not_found(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=404)


async def answer_conflict(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=409)


def register(app: FastAPI) -> None:
    app.add_exception_handler(NotFound, answer_not_found)
    app.add_exception_handler(Conflict, answer_conflict)
