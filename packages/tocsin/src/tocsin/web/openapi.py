"""The OpenAPI document, made from the routes and from the very types that are read and written.

`msgspec` writes the schema of what `msgspec` encodes, so the document cannot say something else than the code does.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Litestar, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition
from whenever import Date, Instant, TimeDelta

from tocsin.store.codec import encode
from tocsin.web.problems import MEDIA_TYPE, Problem
from tocsin.web.site import VERSION, Said, TheSite, says

_FORMATS: Final[Mapping[type, str]] = {Instant: "date-time", Date: "date", TimeDelta: "duration"}
_REF: Final = "#/components/schemas/{name}"


@get("/schema/openapi.json", opt=says(None, answers=dict[str, Any]))
async def serve(site: TheSite) -> Response[bytes]:
    """Answer this document."""
    return Response(site.describe(), media_type="application/json")


def document(app: Litestar) -> bytes:
    """Describe the routes of an application."""
    found = sorted(_routes(app), key=lambda each: (each[0], each[1]))
    kinds = [Problem, *(kind for _, _, handler in found for kind in _kinds(handler))]
    schemas, components = _schemas(kinds)
    paths: dict[str, dict[str, Any]] = {}
    for path, method, handler in found:
        paths.setdefault(path, {})[method.lower()] = _operation(path, method, handler, schemas)
    return encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Tocsin",
                "version": VERSION,
                "description": "Runs an incident playbook. Errors are problem+json with a remedy.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "security": [{"token": []}],
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "tcn_…"}},
            },
        }
    )


def _routes(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if "said" in handler.opt:
                    path = route.path_format.rstrip("/") or "/"
                    yield from ((path, str(method), handler) for method in handler.http_methods)


def _said(handler: HTTPRouteHandler) -> Said:
    said: Said = handler.opt["said"]
    return said


def _answered(handler: HTTPRouteHandler) -> Any:
    said = _said(handler)
    return said.answers if said.answers is not None else handler.parsed_fn_signature.return_type.annotation


def _kinds(handler: HTTPRouteHandler) -> Iterator[Any]:
    yield _answered(handler)
    takes = _said(handler).takes
    if takes is not None:
        yield takes
    yield from (field.annotation for _, field, _ in _query(handler))


def _schemas(kinds: Iterable[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    distinct = {repr(kind): kind for kind in kinds}
    refs, components = msgspec.json.schema_components(
        list(distinct.values()), schema_hook=_schema_of, ref_template=_REF
    )
    return dict(zip(distinct, refs, strict=True)), components


def _schema_of(kind: type) -> dict[str, Any]:
    if kind in _FORMATS:
        return {"type": "string", "format": _FORMATS[kind]}
    raise NotImplementedError(f"{kind.__name__} has no schema")


def _query(handler: HTTPRouteHandler) -> Iterator[tuple[str, FieldDefinition, QueryParameter]]:
    """Answer a handler's query parameters: name, type and default, and how it is described."""
    for name, field in handler.parsed_fn_signature.parameters.items():
        about = field.kwarg_definition
        if isinstance(about, QueryParameter):
            yield about.name or name, field, about


def _operation(path: str, method: str, handler: HTTPRouteHandler, schemas: Mapping[str, Any]) -> dict[str, Any]:
    said, role = _said(handler), handler.opt["role"]
    text = inspect.cleandoc(handler.fn.__doc__ or "")
    operation: dict[str, Any] = {
        "operationId": _operation_id(path, method),
        "summary": text.partition("\n")[0],
        "description": f"Needs a token with the role {role.value} or a higher one." if role else "Open to everybody.",
        "parameters": [*_path_parameters(path), *_query_parameters(handler, schemas)],
        "responses": _responses(handler, said, schemas),
    }
    if role is None:
        operation["security"] = []
    if said.takes is not None:
        content = {"application/json": {"schema": schemas[repr(said.takes)]}}
        operation["requestBody"] = {"content": content, "required": bool(_required(said.takes))}
    elif said.takes_example:
        kind = "object" if said.takes_media_type == "application/json" else "string"
        content = {said.takes_media_type: {"schema": {"type": kind, "description": said.takes_example}}}
        operation["requestBody"] = {"content": content, "required": True}
    return operation


def _operation_id(path: str, method: str) -> str:
    words = [word.strip("{}") for word in path.split("/") if word not in ("", "api", "v1")]
    return "_".join([method.lower(), *words]).replace(".", "_")


def _required(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.encode_name for field in msgspec.structs.fields(kind) if field.required)


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(handler: HTTPRouteHandler, schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, field, about in _query(handler):
        bounds = {"minimum": about.ge, "maximum": about.le, "pattern": about.pattern, "default": field.default}
        schema = {**schemas[repr(field.annotation)], **{key: each for key, each in bounds.items() if each is not None}}
        found.append(
            {"name": name, "in": "query", "required": False, "schema": schema, "description": about.description or ""}
        )
    return found


def _responses(handler: HTTPRouteHandler, said: Said, schemas: Mapping[str, Any]) -> dict[str, Any]:
    status = HTTPStatus(int(handler.status_code))
    return {
        str(status.value): {
            "description": status.phrase,
            "content": {said.media_type: {"schema": schemas[repr(_answered(handler))]}},
        },
        "default": {
            "description": "Why not, and what to do about it.",
            "content": {MEDIA_TYPE: {"schema": schemas[repr(Problem)]}},
        },
    }
