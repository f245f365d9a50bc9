"""Server-side includes, by a real nginx and a real Apache httpd: both write what the recipe says."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests.deploy.proxies import Proxy, binary
from tests.engines import free_port
from tests.integrations.recipes import Recipe, Site, document, keyed, recipe

NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ }}
http {{
  access_log off; default_type text/html;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; root {folder}/pages; ssi on; }}
}}
"""
APACHE = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
{modules}
TypesConfig /dev/null
DocumentRoot {folder}/pages
<Directory {folder}/pages>
  Options +Includes
  Require all granted
  AddType text/html .shtml .html
  AddOutputFilter INCLUDES .shtml .html
</Directory>
"""
LOADED = ("mpm_event", "authz_core", "mime", "include")
MODULES = Path("/usr/lib/apache2/modules")


class Including(Proxy):
    """A web server with the recipe's pages."""

    def __init__(self, program: str, configuration: str) -> None:
        found = binary(program)
        assert found
        super().__init__(found.parent, found.name)
        self._program, self.port = str(found), free_port()
        pages = self.folder / "pages" / "includes"
        pages.mkdir(parents=True)
        (pages / "reactions.html").write_text(recipe("ssi/reactions.html"), encoding="utf-8")
        self._configuration = self.folder / "server.conf"
        loads = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED)
        text = configuration.format(folder=self.folder, port=self.port, modules=loads)
        self._configuration.write_text(text, encoding="utf-8")

    def put(self, name: str, page: bytes) -> None:
        (self.folder / "pages" / name).write_bytes(page)

    def command(self) -> list[str]:
        return [self._program, "-p", str(self.folder), "-c", str(self._configuration)]


class Apache(Including):
    def __init__(self) -> None:
        super().__init__("apache2", APACHE)

    def command(self) -> list[str]:
        return [self._program, "-f", str(self._configuration), "-DFOREGROUND"]


def including(server: Including, key: str) -> str:
    """The page that a server makes of the recipe."""
    with closing(server):
        server.put("bridge.shtml", document(keyed("ssi/article.shtml", key)))
        server.start()
        return server.ask("/bridge.shtml").body.decode()


def nginx(folder: Path) -> Site:
    return {"/ssi/bridge.html": including(Including("nginx", NGINX), "ssi-bridge").encode()}


def apache(folder: Path) -> Site:
    return {"/ssi/apache.html": including(Apache(), "apache-bridge").encode()}


INCLUDED = [
    Recipe("ssi-nginx", nginx, "/ssi/bridge.html", "ssi-bridge", program="nginx"),
    Recipe("ssi-apache", apache, "/ssi/apache.html", "apache-bridge", program="apache2"),
]
