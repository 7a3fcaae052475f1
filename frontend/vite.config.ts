import { svelte } from "@sveltejs/vite-plugin-svelte";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const OUT = "../src/randomchat/web/dist";
const BACKEND = process.env.RANDOMCHAT_URL ?? "http://127.0.0.1:8080";

// Small files are not worth a second one beside them.
function precompress(): Plugin {
  const worth = /\.(js|css|svg|json|webmanifest|html)$/;
  return {
    name: "precompress",
    apply: "build",
    async closeBundle() {
      for (const name of await readdir(OUT, { recursive: true })) {
        if (!worth.test(name)) continue;
        const content = await readFile(join(OUT, name));
        if (content.length < 1000) continue;
        const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
        await writeFile(join(OUT, `${name}.br`), brotliCompressSync(content, { params: quality }));
        await writeFile(join(OUT, `${name}.gz`), gzipSync(content, { level: 9 }));
      }
    },
  };
}

export default defineConfig(({ mode }) => ({
  plugins: [svelte(), precompress()],
  // Testing a component needs the browser's half of Svelte.
  ...(mode === "test" ? { resolve: { conditions: ["browser"] } } : {}),
  build: {
    outDir: OUT,
    emptyOutDir: true,
    // The policy of the pages allows neither inline scripts nor data: URLs of scripts.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": { target: BACKEND, ws: true } } },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
}));
