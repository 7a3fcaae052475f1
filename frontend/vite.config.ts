import { svelte } from "@sveltejs/vite-plugin-svelte";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const BACKEND = process.env.RANDOMCHAT_URL ?? "http://127.0.0.1:8080";

// The server sends these where the browser takes them. Small files are not worth a second one beside them.
function precompress(): Plugin {
  const worth = /\.(js|css|svg|json|webmanifest|html)$/;
  let folder = "";
  return {
    name: "precompress",
    apply: "build",
    configResolved({ root, build }) {
      folder = resolve(root, build.outDir);
    },
    async closeBundle() {
      const names = (await readdir(folder, { recursive: true })).filter((name) => worth.test(name));
      await Promise.all(names.map((name) => compress(join(folder, name))));
    },
  };
}

async function compress(file: string): Promise<void> {
  const content = await readFile(file);
  if (content.length < 1000) return;
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  await writeFile(`${file}.br`, brotliCompressSync(content, { params }));
  await writeFile(`${file}.gz`, gzipSync(content, { level: 9 }));
}

export default defineConfig(({ mode }) => ({
  plugins: [svelte(), precompress()],
  // Testing a component needs the browser's half of Svelte.
  ...(mode === "test" ? { resolve: { conditions: ["browser"] } } : {}),
  build: {
    outDir: "../src/randomchat/web/dist",
    emptyOutDir: true,
    // The policy of the pages allows neither inline scripts nor data: URLs of scripts.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": { target: BACKEND, ws: true } } },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
}));
