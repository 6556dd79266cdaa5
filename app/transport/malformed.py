"""A request that is refused before anything of the application runs."""

from http import HTTPStatus

from app.transport.reception import API_HEADERS


class Malformed(Exception):
    """The status that it is answered with; `reason` is one of a few words."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason

    def answer(self) -> bytes:
        """The answer, after which the connection ends."""
        text = f"{self.status.phrase}: {self.reason}".encode("ascii")
        headers = {
            "content-type": "text/plain; charset=utf-8",
            "content-length": str(len(text)),
            "connection": "close",
            **API_HEADERS,
        }
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + text
