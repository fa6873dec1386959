"""libcurl's engine on a pyuv loop, with the adapter of this package.  Runs on the Pythons pyuv builds on (3.9 and older).

Those cannot import the package, so the adapter is loaded by its path: it is a file that stands alone.
"""

from __future__ import annotations

import importlib.util
import io
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pycurl
import pyuv

ADAPTER = Path(__file__).resolve().parents[1] / "reactor" / "adapters" / "pyuv.py"


class Hello(BaseHTTPRequestHandler):
    """Answers every request."""

    def do_GET(self):
        """The method's name is http.server's."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello " * 100_000)

    def log_request(self, *args):
        """Nothing on the terminal."""


def main():
    """Fetch from a server of our own."""
    spec = importlib.util.spec_from_file_location("evtorrent_pyuv_adapter", str(ADAPTER))
    adapter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(adapter)

    server = HTTPServer(("127.0.0.1", 0), Hello)
    thread = threading.Thread(target=server.handle_request)
    thread.start()

    loop, multi, easy, body = pyuv.Loop(), pycurl.CurlMulti(), pycurl.Curl(), io.BytesIO()
    easy.setopt(pycurl.URL, f"http://127.0.0.1:{server.server_port}/")
    easy.setopt(pycurl.WRITEDATA, body)
    driver = adapter.drive_pyuv(multi, loop)

    def drain():
        _, succeeded, failed = multi.info_read()
        for handle in [*succeeded, *(handle for handle, _, _ in failed)]:
            multi.remove_handle(handle)
            print(f"{len(body.getvalue()):,} bytes through libcurl on libuv {pyuv.LIBUV_VERSION}")
            driver.close()

    driver.on_messages = drain
    multi.add_handle(easy)
    loop.run()
    easy.close()
    multi.close()
    thread.join()
    server.server_close()


if __name__ == "__main__":
    main()
