// `npm run release`: keep today's files for ever at the addresses of their version. docs/widget.md, "Releases", says when.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";

const here = new URL("./", import.meta.url);
const released = new URL("released/", here);
const table = new URL("releases.json", released);
const releases = JSON.parse(readFileSync(table, "utf8"));
const [, version] = /^\/\*! Reader Reactions (\d+\.\d+\.\d+)/.exec(readFileSync(new URL("v1.js", here), "utf8")) ?? [];

if (!version) throw new Error("v1.js does not say its version in its first line");

for (const extension of ["js", "json"]) {
	const bytes = readFileSync(new URL(`v1.${extension}`, here));
	const name = `${version}.${extension}`;
	const integrity = `sha384-${createHash("sha384").update(bytes).digest("base64")}`;
	if (name in releases || existsSync(new URL(name, released))) {
		if (releases[name] === integrity) continue;
		throw new Error(`${name} is released already, with other bytes: raise the version in v1.js and package.json`);
	}
	writeFileSync(new URL(name, released), bytes);
	const params = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
	writeFileSync(new URL(`${name}.br`, released), brotliCompressSync(bytes, { params }));
	releases[name] = integrity;
}
writeFileSync(table, `${JSON.stringify(releases, null, 2)}\n`);
console.log(`released ${version}`);
