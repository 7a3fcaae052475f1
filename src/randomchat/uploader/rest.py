"""The routes of the uploader."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

from randomchat.errors import Forbidden, InvalidInput, Unauthorized
from randomchat.infra.http_app import create_api
from randomchat.infra.object_store import ObjectKey, ObjectStore
from randomchat.interfaces.chat import TokenHolder
from randomchat.uploader.admission import Admission
from randomchat.uploader.download import ObjectResponse
from randomchat.uploader.form import read_files
from randomchat.uploader.links_signed import PATH, SignedLinks
from randomchat.uploader.pace import Pace
from randomchat.uploader.service import Incoming, UploaderService

Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False, description="A channel token."))]
_WHERE = "Relative to the origin of the page, or at the public address of the object store."
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "type": "object",
    "required": ["files"],
    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
}


async def _admit(request: Request, credentials: Bearer) -> TokenHolder:
    admission: Admission = request.app.state.admission
    if credentials is None:
        raise Unauthorized
    return await admission.admit(credentials.credentials)


Admitted = Annotated[TokenHolder, Depends(_admit)]


class UploadLink(BaseModel):
    """Where to `PUT` the bytes, and the key by which a `file` frame names them."""

    object_key: str
    url: str = Field(description=_WHERE)


class DownloadLink(BaseModel):
    """Where the bytes can be read for some minutes."""

    url: str = Field(description=_WHERE)


class UploadedFile(DownloadLink):
    """A file that was taken."""

    name: str


class UploadedFiles(BaseModel):
    """The files of a form, in its order."""

    uploaded_files: list[UploadedFile]


def create_rest(service: UploaderService, links: SignedLinks, objects: ObjectStore, admission: Admission, pace: Pace) -> FastAPI:
    """The routes below `/api/uploader`. `pace`: how slowly bytes may come."""
    api = create_api("uploader", "Files: links to upload and to download them.")
    api.state.admission = admission
    _add_presigned(api, service)
    _add_form(api, service, pace)
    _add_links(api, service, links, objects, pace)
    return api


def _add_presigned(api: FastAPI, service: UploaderService) -> None:
    @api.get("/api/uploader/upload/presigned")
    async def presign_upload(
        holder: Admitted,
        ext: Annotated[str, Query(description="The extension without a dot; empty for a file that has none.")],
        size: Annotated[int | None, Query(ge=0, description="How many bytes will come, exactly.")] = None,
        mime: Annotated[str, Query(alias="type", description="The MIME type that the browser will send.")] = "",
    ) -> UploadLink:
        """Get a new object key, and a link that takes its bytes."""
        key, url = await service.presign_upload(holder, ext, size, mime or None)
        return UploadLink(object_key=str(key), url=url)

    @api.get("/api/uploader/download/presigned")
    async def presign_download(
        holder: Admitted,
        okb64: Annotated[str, Query(description="The object key in base64, of either alphabet, padded or not.")],
        name: Annotated[str, Query(description="The name under which a browser saves the file.")] = "",
        save: Annotated[bool, Query(description="Whether a browser saves it, even if it could show it.")] = False,  # noqa: FBT002
    ) -> DownloadLink:
        """Get a link to a file of the conversation."""
        return DownloadLink(url=await service.presign_download(holder, okb64, name or None, saved=save))


def _add_form(api: FastAPI, service: UploaderService, pace: Pace) -> None:
    body = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}}

    @api.post("/api/uploader/upload/files", status_code=201, deprecated=True, openapi_extra=body)
    async def upload_files(holder: Admitted, request: Request) -> UploadedFiles:
        """Upload files as a form. Use presigned links instead: they show progress and name the object key."""
        uploaded = []
        async for file in read_files(request.headers.get("content-type", ""), pace.keep(request.stream())):
            url = await service.upload(holder, file.name, Incoming(file.chunks, file.mime, None))
            uploaded.append(UploadedFile(name=file.name, url=url))
        if not uploaded:
            raise InvalidInput("files: there is none.")
        return UploadedFiles(uploaded_files=uploaded)


def _add_links(api: FastAPI, service: UploaderService, links: SignedLinks, objects: ObjectStore, pace: Pace) -> None:
    path = f"{PATH}/{{channel}}/{{file}}"
    taken: dict[str, Any] = {"requestBody": {"required": True, "content": {"*/*": _BYTES}}}
    whole: dict[int | str, dict[str, Any]] = {
        200: {"description": "The bytes.", "content": {"*/*": _BYTES}},
        206: {"description": "Some of the bytes.", "content": {"*/*": _BYTES}},
        304: {"description": "The client has them."},
    }

    def key_of(channel: str, file: str) -> ObjectKey:
        key = ObjectKey.parse(f"{channel}/{file}")
        if key is None:
            raise Forbidden("This link is not valid.")
        return key

    @api.put(path, openapi_extra=taken, response_class=Response)
    async def upload(channel: str, file: str, request: Request) -> Response:
        """Take the bytes that a link was made for. The query is the link's own."""
        key = key_of(channel, file)
        terms = links.read_upload(key, request.query_params)
        length = request.headers.get("content-length")
        incoming = Incoming(
            pace.keep(request.stream()), request.headers.get("content-type"), None if length is None else int(length)
        )
        await service.receive(key, terms, incoming)
        return Response()

    @api.head(path, include_in_schema=False)
    @api.get(path, response_class=Response, responses=whole)
    async def download(channel: str, file: str, request: Request) -> Response:
        """Read the bytes that a link was made for, or a range of them. The query is the link's own."""
        key = key_of(channel, file)
        return ObjectResponse(objects, key, links.read_download(key, request.query_params))
