/** Writes the page's script and template into a folder: `node build.mjs [--out FOLDER]`; its tests: `--tests`. */
import { copyFileSync, readdirSync } from "node:fs";
import { build } from "esbuild";

const here = (path) => new URL(path, import.meta.url).pathname;
const option = (name) => process.argv[process.argv.indexOf(name) + 1];

const shared = { bundle: true, absWorkingDir: here("."), target: "es2022", legalComments: "eof", logLevel: "warning" };

if (process.argv.includes("--tests")) {
  const tests = readdirSync(here("src")).filter((name) => name.endsWith(".test.ts"));
  await build({
    ...shared,
    entryPoints: tests.map((name) => `src/${name}`),
    outdir: "build/tests",
    outExtension: { ".js": ".mjs" },
    format: "esm",
    platform: "node",
  });
} else {
  const folder = process.argv.includes("--out") ? option("--out") : here("../nlf_pipeline/player_page");
  await build({
    ...shared,
    entryPoints: ["src/main.ts"],
    outfile: `${folder}/bundle.js`,
    format: "iife",
    minify: true,
    charset: "ascii",
    loader: { ".css": "text" },
  });
  copyFileSync(here("index.html"), `${folder}/index.html`);
}
