// Builds the page into dist/: hashed names, and beside each file its compressed twins, which the hub serves as
// they lie there. The same sources and lock give the same files: a test compares them.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Files below a size are not worth a second copy, in bytes. */
const COMPRESSED_FROM_BYTES = 1024;

function compressed(): Plugin {
  let dir = '';
  return {
    name: 'compressed-twins',
    apply: 'build',
    configResolved: (config) => {
      dir = config.build.outDir;
    },
    closeBundle: () => {
      for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        const bytes = readFileSync(path);
        if (bytes.length < COMPRESSED_FROM_BYTES) continue;
        const size = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: size }));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [
    svelte({
      compilerOptions: {
        // By file and not by path, so that the same source has the same name on every machine.
        cssHash: ({ css }) => `k-${createHash('sha256').update(css).digest('hex').slice(0, 8)}`,
      },
    }),
    compressed(),
  ],
  build: {
    target: 'es2023',
    outDir: process.env.KAPELLE_DIST ?? 'dist',
    emptyOutDir: true,
    // The policy of the page allows nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  // The pure parts, without a browser; the rooms have their own tests in one.
  test: { include: ['test/unit/**/*.test.ts'] },
});
