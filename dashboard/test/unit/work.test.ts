// The list of work: in which order, which of it, how long it still takes, where a job can be moved.
import { describe, expect, it } from 'vitest';
import { Estimates } from '../../src/lib/estimate';
import type { Call, Job } from '../../src/lib/wire';
import { branches, fits, isOf, leftOf, placeBeside, rows, rowsOf, waitingOf } from '../../src/lib/work';

const call = (id: string, more: Partial<Call> = {}): Call => ({
  call_id: id,
  app: 'toy',
  command: 'toy.echo',
  caller: 'me',
  status: 'succeeded',
  asked_at: '2030-01-01T00:00:00Z',
  ...more,
});
const job = (id: string, more: Partial<Job> = {}): Job => ({
  call_id: id,
  app: 'toy',
  command: 'toy.echo',
  caller: 'me',
  status: 'queued',
  asked_at: '2030-01-01T00:00:00Z',
  priority: 5,
  labels: {},
  after: [],
  durability: 'fsync',
  attempt: 0,
  paused: false,
  ...more,
});
const ids = (list: Call[]): string[] => list.map(({ call_id }) => call_id);

describe('what stands under what', () => {
  const list = [
    call('farm'),
    call('f1', { parent_id: 'farm' }),
    call('f2', { parent_id: 'farm', status: 'failed' }),
    call('f11', { parent_id: 'f1' }),
    call('alone'),
    call('orphan', { parent_id: 'forgotten' }),
    call('odd', { parent_id: 'odd' }),
  ];
  const seen = (open: string[], isWanted?: (call: Call) => boolean): string[] =>
    rowsOf(branches(list), new Set(open), isWanted).map((row) => '-'.repeat(row.depth) + row.call.call_id);

  it('is hidden under its parent until that is opened; whose parent is not known stands alone', () => {
    expect(seen([])).toEqual(['farm', 'alone', 'orphan', 'odd']);
    expect(seen(['farm'])).toEqual(['farm', '-f1', '-f2', 'alone', 'orphan', 'odd']);
    expect(seen(['farm', 'f1'])).toEqual(['farm', '-f1', '--f11', '-f2', 'alone', 'orphan', 'odd']);
    const [farm] = rowsOf(branches(list), new Set());
    expect([farm?.under, farm?.isOpen]).toEqual([2, false]);
  });

  it('comes to light with its parents when it is looked for', () => {
    expect(seen([], ({ status }) => status === 'failed')).toEqual(['farm', '-f2']);
    expect(seen([], ({ call_id }) => call_id === 'f11')).toEqual(['farm', '-f1', '--f11']);
    expect(seen([], ({ call_id }) => call_id === 'farm')).toEqual(['farm']);
    expect(seen([], () => false)).toEqual([]);
  });
});

describe('the order', () => {
  it('is what runs, what waits in its order, then what ended, newest first', () => {
    const list = rows(
      [
        job('d', { position: 1 }),
        job('c', { position: 0 }),
        job('a', { status: 'dead', attempt: 3 }),
        job('e', { status: 'running', attempt: 1 }),
        job('f', { status: 'leased' }),
      ],
      [call('b'), call('g', { status: 'queued', position: 2 })],
    );
    expect(ids(list)).toEqual(['e', 'f', 'c', 'd', 'g', 'b', 'a']);
  });

  it('puts those that the hub counts no more behind, by priority and age', () => {
    const list = rows(
      [job('2'), job('3', { priority: 9 }), job('1'), job('9', { position: 7, priority: 0 })],
      [],
    );
    expect(ids(list)).toEqual(['9', '3', '1', '2']);
  });

  it('is the same however the list came', () => {
    const some = [job('1', { position: 0 }), job('2'), job('3', { position: 1 }), job('4', { priority: 9 })];
    const wanted = ids(rows(some, []));
    for (let turn = 0; turn < some.length; turn += 1) {
      some.push(some.shift() as Job);
      expect(ids(rows(some, []))).toEqual(wanted);
      expect(ids(rows([...some].reverse(), []))).toEqual(wanted);
    }
  });

  it('names a job once, also when its call was heard too', () => {
    expect(rows([job('a')], [call('a'), call('b')])).toHaveLength(2);
    const [ended] = rows([job('a', { status: 'succeeded' })], [call('a', { value: { frames: 8 } })]);
    expect([ended?.value, ended && 'priority' in ended]).toEqual([{ frames: 8 }, true]);
    const [again] = rows([job('a', { status: 'running' })], [call('a', { value: 1 })]);
    expect(again).not.toHaveProperty('value');
  });
});

it('is narrowed by status and by words, labels too', () => {
  const dead = job('a', { status: 'dead', labels: { shot: '010' }, instance: 'hall' });
  expect(['all', 'under way', 'ended', 'given up'].filter((which) => isOf(dead, which as never))).toEqual([
    'all',
    'ended',
    'given up',
  ]);
  expect(fits(dead, ['shot:010', 'hall'])).toBe(true);
  expect(fits(dead, ['dead'])).toBe(true);
  expect(fits(dead, ['shot:011'])).toBe(false);
  expect(fits(call('x'), [])).toBe(true);
});

it('believes what work says of the time that is left, and else its pace', () => {
  const estimates = new Estimates();
  const running = call('a', {
    status: 'running',
    progress: { fraction: 0.5, text: '', details: { left_s: 12 } },
  });
  expect(leftOf(running, estimates, 0)).toBe(12_000);
  const plain = call('b', { status: 'running', progress: { fraction: 0.5, text: '' } });
  expect(leftOf(plain, estimates, 0)).toBeNull();
  estimates.saw('b', 0.25, 0);
  estimates.saw('b', 0.5, 10_000);
  expect(leftOf(plain, estimates, 10_000)).toBe(20_000);
  expect(leftOf({ ...plain, status: 'succeeded' }, estimates, 10_000)).toBeNull();
});

describe('a place beside', () => {
  const jobs = [
    job('a', { position: 0 }),
    job('b', { position: 1 }),
    job('c', { position: 2 }),
    job('d', { position: 3, priority: 2 }),
    job('other', { app: 'lens', position: 0 }),
    job('runs', { status: 'running' }),
  ];
  const [a, b, c, d] = jobs as [Job, Job, Job, Job];

  it('is one up or down in the queue of its app', () => {
    expect(ids(waitingOf(jobs, 'toy'))).toEqual(['a', 'b', 'c', 'd']);
    expect(placeBeside(jobs, b, -1)).toEqual({ before: 'a' });
    expect(placeBeside(jobs, a, 1)).toEqual({ before: 'c' });
    expect(placeBeside(jobs, c, -1)).toEqual({ before: 'b' });
  });

  it('is none at the ends, nor behind what is less urgent', () => {
    expect(placeBeside(jobs, a, -1)).toBeNull();
    expect(placeBeside(jobs, d, 1)).toBeNull();
    expect(placeBeside(jobs, c, 1)).toBeNull();
    expect(placeBeside(jobs.slice(0, 3), b, 1)).toBe('last');
    expect(placeBeside(jobs, job('unknown'), 1)).toBeNull();
  });
});
