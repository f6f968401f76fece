"""The application: routes to the page, its files, the live stream and the panels."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from runtime.dashboard import csv_file
from runtime.dashboard.database import Database, Login, LostError, NotReadyError, TooSlowError
from runtime.dashboard.guard import Guard
from runtime.dashboard.live.poller import Live
from runtime.dashboard.live.snapshot import TABLES, text_of
from runtime.dashboard.live.stream import stream
from runtime.dashboard.panels.filters import FilterError
from runtime.dashboard.panels.reading import Panels, UnknownPanelError

STATIC = Path(__file__).parent / "static"
CHARTS = Path(__file__).parents[2] / "node_modules" / "echarts" / "dist"
CHART_FILE = "echarts.min.js"
PAGES = ("live", "channels", "journeys", "customers", "experiments", "health")


def create(login: Login, port: int) -> tuple[ASGIApp, Live]:
    """Returns the application, and its live part, which has to be closed before the server can end."""
    database = Database(login)
    live, panels = Live(database), Panels(database)
    static = StaticFiles(directory=STATIC)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await live.close()
        await database.close()

    async def page(request: Request) -> Response:
        return await static.get_response("index.html", request.scope)

    async def file(request: Request) -> Response:
        return await static.get_response(request.path_params["path"], request.scope)

    async def live_stream(request: Request) -> Response:
        return stream(request, live)

    app = Starlette(
        routes=[
            Route("/", _to_first_page),
            *(Route(f"/{name}", page) for name in PAGES),
            Route(f"/static/vendor/{CHART_FILE}", _charts),
            Route("/static/{path:path}", file),
            Route("/api/live", live_stream),
            *(Route(f"/api/live/{name}.csv", partial(_live_csv, live, name)) for name in TABLES),
            Route("/api/filters", partial(_filters, panels)),
            Route("/api/panels/{name}.csv", partial(_panel_csv, panels)),
            Route("/api/panels/{name}", partial(_panel, panels)),
        ],
        exception_handlers=_handlers(),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return Guard(app, port), live


async def _to_first_page(_: Request) -> Response:
    return RedirectResponse(f"/{PAGES[0]}")


async def _charts(request: Request) -> Response:
    if not (CHARTS / CHART_FILE).exists():
        return JSONResponse({"error": "node_modules has no echarts: run `make setup`"}, 404)
    return await StaticFiles(directory=CHARTS).get_response(CHART_FILE, request.scope)


async def _filters(panels: Panels, _: Request) -> Response:
    return JSONResponse(await panels.filters())


async def _panel(panels: Panels, request: Request) -> Response:
    return JSONResponse(await panels.panel(request.path_params["name"], request.query_params.multi_items()))


async def _panel_csv(panels: Panels, request: Request) -> Response:
    name = request.path_params["name"]
    panel = await panels.panel(name, request.query_params.multi_items())
    return _csv(f"{name}-{panel['from']}-{panel['to']}.csv", panel["columns"], panel["rows"])


async def _live_csv(live: Live, name: str, _: Request) -> Response:
    return _csv(f"live-{name}.csv", *live.table(name))


def _csv(file_name: str, columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Any]]) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
    return Response(csv_file.text(columns, rows), media_type="text/csv", headers=headers)


def _handlers() -> dict[type[Exception] | int, Callable[[Request, Exception], Awaitable[Response]]]:
    """Returns the handlers that turn errors into JSON."""

    def handler(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def handle(_: Request, error: Exception) -> Response:
            body = {"error": str(error)}
            if isinstance(error, LostError):
                body["since"] = text_of(error.since)
            return JSONResponse(body, status)

        return handle

    async def http_error(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        text = f"there is nothing at {request.url.path}" if status == 404 else str(error)
        return JSONResponse({"error": text}, status)

    return {
        FilterError: handler(400),
        UnknownPanelError: handler(404),
        NotReadyError: handler(503),
        LostError: handler(503),
        TooSlowError: handler(503),
        psycopg.Error: handler(500),
        HTTPException: http_error,
    }
