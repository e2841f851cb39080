// Wording, times, and how a call is written for elsewhere.
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FORMS, python, shell, write } from '../../src/lib/snippets';
import { laterIn } from '../../src/lib/later';
import type { Call } from '../../src/lib/wire';
import {
  changesText,
  fileName,
  inWords,
  oneLine,
  pictureOf,
  subjectOf,
  withoutIds,
} from '../../src/lib/text';

const HARD = [`it's`, '"quoted"', 'a\\b\\', '$HOME `id` !!', 'two\nlines\ttab', 'Zürich 🎻', '', '-n', '*'];

describe('a call for elsewhere', () => {
  it.each(HARD)('%j is one word of a shell, as it stands', (text) => {
    expect(execFileSync('sh', ['-c', `printf '%s' ${shell(text)}`], { encoding: 'utf8' })).toBe(text);
  });

  it('is a literal of Python', () => {
    const value = {
      texts: HARD,
      none: null,
      yes: true,
      no: false,
      numbers: [1, -0.5, 1e21],
      deep: [{ a: [] }],
    };
    const line = `import json; print(json.dumps(${python(value)}))`;
    const read: unknown = JSON.parse(execFileSync('python3', ['-c', line], { encoding: 'utf8' }));
    expect(read).toEqual(value);
  });

  it.each(FORMS)('as %s names what is asked and never holds the token', (form) => {
    const told = {
      url: 'http://127.0.0.1:7420',
      token_file: '/home/ada/.kapelle/tokens/owner',
      app: 'blender',
      instance: 'hall',
      command: 'object.create',
      args: { kind: 'cube' },
    };
    const text = write(form, told);
    for (const part of ['object.create', 'hall', 'cube']) expect(text).toContain(part);
    // The terminal finds its usual home by itself.
    expect(text.includes('tokens/owner')).toBe(form !== 'CLI');
    const elsewhere = write(form, { ...told, token_file: '/srv/my kapelle/tokens/owner', instance: null });
    expect(elsewhere).toContain('/srv/my kapelle');
    expect(elsewhere).not.toContain('hall');
  });
});

describe('small wording', () => {
  it('tells changes by name, an object and its data once, and counts the rest', () => {
    const item = (name: string, type = 'object'): { type: string; name: string } => ({ type, name });
    expect(changesText(undefined)).toBe('');
    expect(changesText({ added: [], changed: [], removed: [] })).toBe('');
    const added = [item('Cube'), item('Cube', 'mesh'), item('A'), item('B'), item('C')];
    expect(changesText({ added, changed: [item('M')], removed: [] })).toBe(
      'added Cube, A, B and 1 more · changed M',
    );
  });

  it('cuts values, and finds the picture that one names', () => {
    expect(inWords(null)).toBe('');
    expect(inWords({ a: [1, 2] })).toBe('a: 1, 2');
    expect(inWords({ path: '/shots/a/final.png', width: 640, time_s: 1.23456, seen: true })).toBe(
      'final.png · width 640 · time 1.235 s',
    );
    expect(inWords({ objects: [{ name: 'A' }, { name: 'B' }, { name: 'C' }, { name: 'D' }] })).toBe(
      'objects: A, B, C and 1 more',
    );
    expect(inWords({ smooth: true, has_shadow: false })).toBe('smooth · not has shadow');
    expect(inWords({ ok: false, faults: [{ node: '1' }, { node: '2' }] })).toBe('not ok · 2 faults');
    expect(inWords({ failed: [], frames: 12, left: [] })).toBe('frames 12');
    expect(inWords([[1], [2]])).toBe('2 items');
    expect(inWords({ name: 'Cube', location: [0, 0, 0] })).toBe('Cube');
    expect(inWords([])).toBe('none');
    expect(oneLine('x'.repeat(200), 10)).toBe('xxxxxxxxx…');
    expect(fileName('C:\\shots\\a.blend')).toBe('a.blend');
    expect(pictureOf({ preview: { $blob: 'sha256:1' }, image: { $blob: 'sha256:2' } })).toBe('sha256:1');
    expect(pictureOf({ image: { $blob: 'sha256:2', media_type: 'text/html' } })).toBeNull();
    expect(pictureOf({ image: 'sha256:2' })).toBeNull();
  });
});

describe('a refusal', () => {
  const message =
    'object.create (call_01M8EE5ZVCTNKAJVNTMRCYGHQF) is not the last change: 1 came after it and would go with it: material.create (call_01M8EE5ZVT0YG4HGTCTYNNV1DN, owner).';

  it('has no ids on one line', () => {
    expect(withoutIds(message)).toBe(
      'object.create is not the last change: 1 came after it and would go with it: material.create.',
    );
    expect(withoutIds('Lane (a call of two words) stays')).toBe('Lane (a call of two words) stays');
    const revert = { subject: 'call_01M8EE5ZVCTNKAJVNTMRCYGHQF' } as Call;
    expect(subjectOf(revert)).toBe('');
    expect(subjectOf({ ...revert, subject: 'shot.blend' })).toBe('shot.blend');
  });

  it('names what would go with it, and how much more', () => {
    const after = [
      { by: 'call', call: 'call_1', command: 'material.create', owner: 'claude', label: 'Material' },
      { by: 'artist', label: 'Move' },
    ];
    const known = [
      {
        call_id: 'call_1',
        changes: { added: [{ type: 'material', name: 'Brass' }], changed: [], removed: [] },
      } as unknown as Call,
    ];
    expect(laterIn({ code: 'call_failed', message, details: { after, count: 5 } }, known)).toEqual({
      steps: [
        { name: 'material.create', owner: 'claude', changes: 'added Brass' },
        { name: 'Move', owner: null, changes: '' },
      ],
      more: 3,
    });
    expect(laterIn({ code: 'call_failed', message })).toEqual({ steps: [], more: 0 });
  });
});

describe('times', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse('2030-01-01T12:00:00Z') });
    vi.stubGlobal('document', { visibilityState: 'visible', addEventListener: vi.fn() });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('are read as people say them', async () => {
    vi.resetModules();
    const { ago, span, took } = await import('../../src/lib/time.svelte');
    expect([-5, 4_400, 59_000, 60_000, 3_600_000, 7_800_000, 200_000_000].map(span)).toEqual([
      '0 s',
      '4 s',
      '59 s',
      '1 min',
      '1 h',
      '2 h 10 min',
      '2 d',
    ]);
    expect([0.42, 12.3, 1440, 59_949, 200_000].map(took)).toEqual([
      '0.4 ms',
      '12 ms',
      '1.4 s',
      '59.9 s',
      '3 min',
    ]);
    expect(ago('2030-01-01T11:59:59Z')).toBe('now');
    expect(ago('2030-01-01T11:00:00Z')).toBe('1 h ago');
  });
});
