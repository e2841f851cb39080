// What is made and committed is not stale: the page in dist/ and the types of what the hub says. And the page is small.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { build } from 'vite';
import { TARGET, types } from '../types.mjs';

/** The first load, compressed, in bytes: the page without what it fetches later. */
const FIRST_LOAD_BYTES_MAX = 150_000;
const dist = new URL('../dist/', import.meta.url).pathname;
const made = mkdtempSync(join(tmpdir(), 'kapelle-dist-'));
after(() => rmSync(made, { recursive: true, force: true }));

const names = (dir) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length).replace(/^\//, ''))
    .sort();

it('is not stale: npm run build changes nothing', async () => {
  process.env.KAPELLE_DIST = made;
  await build({ root: new URL('..', import.meta.url).pathname, logLevel: 'error' });
  assert.deepEqual(names(dist), names(made), 'run npm run build in dashboard/, and commit dist/');
  for (const name of names(dist)) {
    // Compressors differ between versions of Node; what they hold does not.
    const read = (dir) => {
      const bytes = readFileSync(join(dir, name));
      return name.endsWith('.br')
        ? brotliDecompressSync(bytes)
        : name.endsWith('.gz')
          ? gunzipSync(bytes)
          : bytes;
    };
    assert.ok(
      read(dist).equals(read(made)),
      `${name} is stale: run npm run build in dashboard/, and commit dist/`,
    );
  }
});

it('has the types of the hub that docs/reference/openapi.json describes', async () => {
  assert.equal(
    readFileSync(TARGET, 'utf8'),
    await types(),
    'src/lib/openapi.ts is stale: run npm run types in dashboard/, and commit it',
  );
});

it('loads little at first, and nothing inline or from elsewhere', () => {
  const html = readFileSync(join(dist, 'index.html'), 'utf8');
  const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map(([, name]) => name);
  assert.ok(first.some((name) => name.endsWith('.js')) && first.some((name) => name.endsWith('.css')));
  assert.ok(!first.some((name) => name.includes('editor')), 'the editor comes later');
  const bytes = [html, ...first.map((name) => readFileSync(join(dist, name)))]
    .map((part) => gzipSync(part).length)
    .reduce((sum, one) => sum + one, 0);
  console.log(`first load: ${bytes} bytes, compressed by gzip`);
  assert.ok(bytes <= FIRST_LOAD_BYTES_MAX, `${bytes} bytes`);
  assert.ok(!/<script(?![^>]*src=)|<style|style=|https?:/.test(html), html);
  for (const name of first.filter((name) => name.endsWith('.css')))
    assert.ok(!/url\((?!\/assets)|@import/.test(readFileSync(join(dist, name), 'utf8')));
});
