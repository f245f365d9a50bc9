"""Sites of recipes that are pasted into pages: nothing builds them but a web server, or a template."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from tests.integrations.recipes import HEAD, KEY, PAGES, TEXT, Recipe, Site, document, keyed, module, recipe, write
from tests.widget import checks

TURBO = '<script src="/turbo/turbo.js"></script>'
HTMX = '<script src="/htmx/htmx.js"></script>'


def plain_html(folder: Path) -> Site:
    return {"/html/bridge": document(keyed("html/article.html", "html-bridge") + keyed("html/list.html", "html-bridge"))}


def csp(folder: Path) -> Site:
    page = document(keyed("csp/article.html", "csp-bridge")).decode()
    return {"/csp/bridge": page.replace(HEAD, "").encode()}  # whose own style and icon the policy forbids


def csp_headers() -> dict[str, str]:
    """The headers of the file that hosts of static sites read."""
    rule, *lines = recipe("csp/_headers").splitlines()
    assert rule == "/*"
    return dict(line.strip().split(": ", 1) for line in lines)


def no_script(folder: Path) -> Site:
    form = keyed("no-script/form.html", "form-bridge").replace(f"{PAGES}{KEY}", f"{PAGES}/form/bridge")
    return {"/form/bridge": document(form)}


def amp(folder: Path) -> Site:
    """The frame as AMP's runtime makes it from the tag. The runtime itself comes from AMP's own server only."""
    tag = recipe("amp/article.html").replace(quote(KEY, safe=""), "amp-bridge")
    attributes = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
    given = " ".join(f'{name}="{attributes[name]}"' for name in ("src", "sandbox", "title", "frameborder"))
    return {"/amp/bridge": document(f'<iframe {given} style="width: 100%; height: {attributes["height"]}px"></iframe>')}


def ghost_by_injection(folder: Path) -> Site:
    """A page as Ghost's themes write it: what is injected stands at the end of its head and of its body."""
    page = document("", recipe("ghost/site-header.html")).decode()
    content = f'<article class="gh-article post"><section class="gh-content gh-canvas"><p>{TEXT}</p></section></article>'
    page = page.replace("<body>", '<body class="post-template">').replace(f"<p>{TEXT}</p>", content)
    page = page.replace("</body>", recipe("ghost/site-footer.html") + "</body>")
    static = page.replace('class="post-template"', 'class="page-template page-about"')
    return {"/ghost/bridge/": page.encode(), "/ghost/about/": static.encode()}


RENDER = """
import Handlebars from "handlebars";
const given = { post: { url: '/a-"post"/' } };
Handlebars.registerPartial("reactions", process.argv[2]);
process.stdout.write(Handlebars.compile("{{#post}}{{> reactions}}{{/post}}")(given));
"""


def rendered(folder: Path) -> str:
    """Ghost's partial in a post whose address has quotes."""
    write(folder, {"render.mjs": RENDER})
    return checks.node(folder / "render.mjs", recipe("ghost/partials/reactions.hbs")).stdout


def htmx(folder: Path) -> Site:
    first, second = (keyed("htmx/article.html", f"htmx-{name}") for name in ("bridge", "second"))
    more = (
        '<a href="/htmx/second" hx-get="/htmx/second" hx-target="#more" hx-swap="outerHTML">Next article</a><div id="more"></div>'
    )
    return {
        "/htmx/bridge": document(first + more, HTMX + recipe("htmx/head.html")),
        "/htmx/second": f"<article><h2>Second</h2>{second}</article>".encode(),
        "/htmx/htmx.js": module(folder, "htmx.org/dist/htmx.min.js").read_bytes(),
    }


def turbo(folder: Path) -> Site:
    head = TURBO + recipe("turbo/head.html")
    first, second = (keyed("turbo/article.html", f"turbo-{name}") for name in ("bridge", "second"))
    return {
        "/turbo/bridge": document(first + '<a href="/turbo/second">Next article</a>', head),
        "/turbo/second": document(second, head),
        "/turbo/turbo.js": module(folder, "@hotwired/turbo/dist/turbo.es2017-umd.js").read_bytes(),
    }


def exchanged(folder: Path, name: str, script: str, start: str, container: str) -> Site:
    """Two pages of which a script exchanges a part, as HTML: scripts in that part are not run."""
    head = f'<script src="/{name}/it.js"></script><script>addEventListener("DOMContentLoaded", () => {start})</script>'

    def page(slug: str, link: str) -> bytes:
        made = document(keyed("html/article.html", f"{name}-{slug}") + link, head).decode()
        return made.replace("<main>", f"<main>{container}").replace("</main>", "</div></main>").encode()

    return {
        f"/{name}/bridge": page("bridge", f'<a href="/{name}/second">Next article</a>'),
        f"/{name}/second": page("second", ""),
        f"/{name}/it.js": module(folder, script).read_bytes(),
    }


def barba(folder: Path) -> Site:
    container = '<div data-barba="container" data-barba-namespace="article">'
    site = exchanged(folder, "barba", "@barba/core/dist/barba.umd.js", "barba.init()", container)
    return {path: body.replace(b"<main>", b'<main data-barba="wrapper">') for path, body in site.items()}


def swup(folder: Path) -> Site:
    start = "new Swup({ animationSelector: false })"
    return exchanged(folder, "swup", "swup/dist/Swup.umd.js", start, '<div id="swup">')


PASTED = [
    Recipe("html", plain_html, "/html/bridge", "html-bridge"),
    Recipe("csp", csp, "/csp/bridge", "csp-bridge"),
    Recipe("ghost", ghost_by_injection, "/ghost/bridge/", "/ghost/bridge/"),
    Recipe("htmx", htmx, "/htmx/bridge", "htmx-bridge", "htmx-second", modules="light"),
    Recipe("barba", barba, "/barba/bridge", "barba-bridge", "barba-second", modules="light"),
    Recipe("swup", swup, "/swup/bridge", "swup-bridge", "swup-second", modules="light"),
    Recipe("turbo", turbo, "/turbo/bridge", "turbo-bridge", "turbo-second", modules="light"),
]
OF_FORMS = Recipe("no-script", no_script, "/form/bridge", "form-bridge")
OF_FRAMES = Recipe("amp", amp, "/amp/bridge", "amp-bridge")
