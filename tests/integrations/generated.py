"""Sites of recipes that a generator, a bundler or a web server puts into pages."""

from __future__ import annotations

from pathlib import Path

from tests.integrations.recipes import (
    AFTER,
    HEAD,
    SERVICE,
    TEXT,
    Recipe,
    Site,
    copy,
    files_of,
    recipe,
    run,
    run_node,
    write,
)

HUGO = {
    "config.toml": f"""
baseURL = "https://www.example.org/hugo/"
languageCode = "en-gb"
disableKinds = ["taxonomy", "term", "sitemap"]
[params.reactions]
service = "{SERVICE}"
site = "daily"
""",
    "layouts/_default/baseof.html": f"<!doctype html><html lang=en><head><title>x</title>{HEAD}</head>"
    "<body><main>{{ block `main` . }}{{ end }}</main></body></html>",
    "layouts/_default/single.html": "{{ define `main` }}<h1>{{ .Title }}</h1>{{ .Content }}{{ partial `reactions.html` . }}"
    + AFTER + "{{ end }}",
    "layouts/_default/list.html": "{{ define `main` }}{{ range site.RegularPages }}"
    "<p>{{ .Title }} {{ partial `reactions-count.html` . }}</p>{{ end }}{{ end }}",
    "content/news/brücke.md": f"---\ntitle: Harbour bridge to close\n---\n{TEXT}\n",
    "content/news/keyed.md": f"---\ntitle: Keyed\nreactions: 'a \"key\" & more'\n---\n{TEXT}\n",
    "content/about.md": f"---\ntitle: About\nreactions: false\n---\n{TEXT}\n",
}  # fmt: skip
JEKYLL = {
    "_config.yml": f"url: https://www.example.org\nbaseurl: /jekyll\nreactions:\n  service: {SERVICE}\n  site: daily\n",
    "_layouts/post.html": f"<!doctype html><html lang=en><head><title>x</title>{HEAD}</head><body><main>"
    f"<h1>{{{{ page.title }}}}</h1>{{{{ content }}}}{{% include reactions.html %}}{AFTER}</main></body></html>",
    "index.html": f"---\n---\n<!doctype html><html lang=en><title>x</title>{HEAD}"
    "{% for post in site.posts %}<p>{{ post.title }} {% include reactions-count.html post=post %}</p>{% endfor %}",
    "_posts/2024-05-08-brücke.md": f"---\nlayout: post\ntitle: Harbour bridge to close\n---\n{TEXT}\n",
    "_posts/2024-05-09-keyed.md": f"---\nlayout: post\ntitle: Keyed\nreactions: 'a \"key\" & more'\n---\n{TEXT}\n",
    "about.md": f"---\nlayout: post\ntitle: About\nreactions: false\n---\n{TEXT}\n",
}
REACT_PAGE = f"""
import {{ useState }} from "react";
import {{ Reactions, ReactionCount }} from "./Reactions.tsx";
export function Page() {{
  const [article, show] = useState("react-bridge");
  const [told, tell] = useState("");
  return <main><h1>Harbour bridge to close</h1><p>{TEXT}</p>
    <Reactions article={{article}} onChange={{(change) => tell(`${{change.article}}: ${{change.reaction}}`)}} />
    <output>{{told}}</output> <ReactionCount article="react-bridge" />
    <button onClick={{() => show("react-second")}}>Next article</button><p id="after">More on this article.</p></main>;
}}
"""
REACT = {
    "src/Page.tsx": REACT_PAGE,
    "src/server.tsx": """
import { renderToString } from "react-dom/server";
import { readFileSync, writeFileSync } from "node:fs";
import { Page } from "./Page.tsx";
const page = readFileSync("dist/index.html", "utf8");
writeFileSync("dist/index.html", page.replace("<!--app-->", () => renderToString(<Page />)));
""",
    "src/client.tsx": """
import { hydrateRoot } from "react-dom/client";
import { Page } from "./Page.tsx";
hydrateRoot(document.querySelector("#app")!, <Page />, { onRecoverableError: (error) => console.error(error) });
""",
    "tsconfig.json": '{"compilerOptions": {"jsx": "react-jsx", "target": "es2022", "module": "esnext"}}',
    "index.html": f"<!doctype html><html lang=en><head><title>x</title>{HEAD}</head>"
    '<body><div id="app"><!--app--></div><script type="module" src="/src/client.tsx"></script></body></html>',
}
VUE = {
    "vite.config.js": 'import vue from "@vitejs/plugin-vue"; export default { plugins: [vue()] };',
    "src/Page.vue": f"""
<script setup lang="ts">
import {{ ref }} from "vue";
import Reactions from "./Reactions.vue";
const article = ref("vue-bridge");
const told = ref("");
</script>
<template><main><h1>Harbour bridge to close</h1><p>{TEXT}</p>
  <Reactions :article="article" @change="(change) => told = `${{change.article}}: ${{change.reaction}}`" />
  <output>{{{{ told }}}}</output><button @click="article = 'vue-second'">Next article</button>{AFTER}
</main></template>
""",
    "src/client.ts": 'import { createApp } from "vue"; import Page from "./Page.vue"; createApp(Page).mount("#app");',
    "index.html": f"<!doctype html><html lang=en><head><title>x</title>{HEAD}</head>"
    '<body><div id="app"></div><script type="module" src="/src/client.ts"></script></body></html>',
}


def hugo(folder: Path) -> Site:
    copy(folder, "hugo")
    write(folder, HUGO)
    run("hugo", "--quiet", cwd=folder)
    return files_of(folder / "public", "/hugo")


def jekyll(folder: Path) -> Site:
    copy(folder, "jekyll")
    write(folder, JEKYLL)
    run("jekyll", "build", "--quiet", "--disable-disk-cache", cwd=folder)
    return files_of(folder / "_site", "/jekyll")


def react(folder: Path) -> Site:
    """Rendered on a server, then taken over in the browser."""
    write(folder, REACT)
    write(folder, {"src/Reactions.tsx": recipe("react/Reactions.tsx")})
    run_node("vite/bin/vite.js", "build", "--base", "/react/", "--logLevel", "warn", cwd=folder)
    server = ("--ssr", "src/server.tsx", "--outDir", "server", "--logLevel", "warn")
    run_node("vite/bin/vite.js", "build", *server, cwd=folder)
    run_node(str(next((folder / "server").glob("server.*"))), cwd=folder)
    return files_of(folder / "dist", "/react")


def vue(folder: Path) -> Site:
    write(folder, VUE)
    write(folder, {"src/Reactions.vue": recipe("vue/Reactions.vue")})
    run_node("vite/bin/vite.js", "build", "--base", "/vue/", "--logLevel", "warn", cwd=folder)
    return files_of(folder / "dist", "/vue")


NEXT = {
    "package.json": '{"name": "x", "private": true, "type": "module"}',
    "next.config.mjs": 'export default { output: "export", basePath: "/next", trailingSlash: true };',
    "app/layout.tsx": """
import type { ReactNode } from "react";
export default function Layout({ children }: { children: ReactNode }) {
  return <html lang="en"><head><link rel="icon" href="data:," /></head><body>{children}</body></html>;
}
""",
    "app/[slug]/page.tsx": f"""
import Link from "next/link";
import {{ Reactions, ReactionCount }} from "../reactions";
export const generateStaticParams = () => [{{ slug: "bridge" }}, {{ slug: "second" }}];
export default async function Page({{ params }}: {{ params: Promise<{{ slug: string }}> }}) {{
  const {{ slug }} = await params;
  return <main><h1>Harbour bridge to close</h1><p>{TEXT}</p><Reactions article={{`next-${{slug}}`}} />
    <Link href="/second/">Next article</Link> <ReactionCount article="next-bridge" />
    <p id="after">More on this article.</p></main>;
}}
""",
    "app/page.tsx": "export default function Home() { return <main>Home</main>; }",
}
ASTRO = {
    "package.json": '{"name": "x", "private": true, "type": "module"}',
    "astro.config.mjs": 'export default { base: "/astro", devToolbar: { enabled: false } };',
    "src/pages/[slug].astro": f"""---
import {{ ClientRouter }} from "astro:transitions";
import Reactions from "../Reactions.astro";
export const getStaticPaths = () => [{{ params: {{ slug: "bridge" }} }}, {{ params: {{ slug: "second" }} }}];
const {{ slug }} = Astro.params;
---
<html lang="en"><head><title>x</title>{HEAD}<ClientRouter /></head>
<body><main><h1>Harbour bridge to close</h1><p>{TEXT}</p><Reactions article={{`astro-${{slug}}`}} />
<a href="/astro/second/">Next article</a>{AFTER}</main></body></html>
""",
}


def next_js(folder: Path) -> Site:
    """Next's app router, built to files."""
    write(folder, NEXT | {"app/reactions.tsx": recipe("next/reactions.tsx")})
    quiet = {"NEXT_TELEMETRY_DISABLED": "1"}
    run_node("next/dist/bin/next", "build", cwd=folder, environ=quiet)
    return files_of(folder / "out", "/next")


def astro(folder: Path) -> Site:
    """Astro with its client router."""
    write(folder, ASTRO | {"src/Reactions.astro": recipe("astro/Reactions.astro")})
    run_node("astro/bin/astro.mjs", "build", cwd=folder, environ={"ASTRO_TELEMETRY_DISABLED": "1"})
    return files_of(folder / "dist", "/astro")


GENERATED = [
    Recipe("hugo", hugo, "/hugo/news/br%C3%BCcke/", "/hugo/news/brücke/", program="hugo"),
    Recipe("jekyll", jekyll, "/jekyll/2024/05/08/br%C3%BCcke.html", "/jekyll/2024/05/08/brücke.html", program="jekyll"),
    Recipe("react", react, "/react/", "react-bridge", "react-second", modules="light"),
    Recipe("vue", vue, "/vue/", "vue-bridge", "vue-second", modules="light"),
    Recipe("next", next_js, "/next/bridge/", "next-bridge", "next-second", modules="heavy"),
    Recipe("astro", astro, "/astro/bridge/", "astro-bridge", "astro-second", modules="heavy"),
]
