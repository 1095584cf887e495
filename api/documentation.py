"""The pages that explain this API, served from this machine alone: a server often has no way out to a CDN."""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

FILES = Path(fastapi_offline.__file__).parent / "static"
PLACE = "/docs/files"
FOLDED = {"defaultModelsExpandDepth": 0, "displayRequestDuration": True, "tryItOutEnabled": True}


def add_documentation(app: FastAPI) -> None:
    """`/docs`, and `/` which leads there."""
    app.mount(PLACE, StaticFiles(directory=FILES))
    app.add_api_route("/docs", _page, include_in_schema=False)
    app.add_api_route("/", _front_door, include_in_schema=False)


async def _page(request: Request) -> HTMLResponse:
    root = request.scope.get("root_path", "")
    return get_swagger_ui_html(
        openapi_url=f"{root}/openapi.json",
        title="Sojourn API",
        swagger_js_url=f"{root}{PLACE}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{PLACE}/swagger-ui.css",
        swagger_favicon_url=f"{root}{PLACE}/favicon.png",
        swagger_ui_parameters=FOLDED,
    )


async def _front_door(request: Request) -> RedirectResponse:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/docs")
