// Bundles the sources into webadmin/static/js: `npm ci && npm run build` here, or `make bundles` above.
//
// Out: one ES module per entry, `bundles.json` with the SHA-384 of each (the form of Subresource Integrity), and the
// notices of everybody whose code is inside. The same versions give the same bytes: a test builds again and compares.
// An argument names another folder to write to.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "..", "static", "js");
const ENTRIES = ["keys.js", "link.js", "work.js"];

mkdirSync(out, { recursive: true });
const { metafile, outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: ENTRIES.map((name) => `src/${name}`),
  outdir: out,
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  charset: "utf8",
  minify: true,
  legalComments: "none", // all of them stand in NOTICES.txt
  metafile: true,
  write: false,
});

const manifest = {};
for (const { path, contents } of outputFiles) {
  const name = path.slice(out.length + 1);
  writeFileSync(join(out, name), contents);
  manifest[name] = `sha384-${createHash("sha384").update(contents).digest("base64")}`;
}
writeFileSync(join(out, "bundles.json"), `${JSON.stringify(manifest, null, 2)}\n`);

const packages = Object.keys(metafile.inputs)
  .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
  .filter(Boolean);
const notices = [...new Set(packages)].sort().map((name) => {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(join(folder, file), "utf8").trim() : "(the package carries no licence file)";
  return `${name} ${version}\nLicence: ${license}\n\n${text}\n`;
});
writeFileSync(join(out, "NOTICES.txt"), `The bundles in this folder contain code of these packages.\n\n${notices.join("\n----\n\n")}`);
