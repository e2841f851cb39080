// What the page knows of the hub: by events, by what was before, and what is true when both come at once.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { hub as Store } from '../../src/lib/hub.svelte';
import type { Call, Instance, Job } from '../../src/lib/wire';
import { browser, line, ME, NO_JOBS, settle, type Routes } from './fakes';

let hub: typeof Store;
let routes: Routes;
let asked: string[];
let seq: number;

const AT = '2030-01-01T00:00:00Z';
const call = (id: string, more: Partial<Call> = {}): Call => ({
  call_id: id,
  app: 'toy',
  command: 'toy.echo',
  caller: 'me',
  status: 'queued',
  asked_at: AT,
  ...more,
});
const job = (id: string, more: Partial<Job> = {}): Job => ({
  ...(call(id) as Omit<Job, 'priority'>),
  priority: 5,
  labels: {},
  after: [],
  durability: 'fsync',
  attempt: 0,
  paused: false,
  ...more,
});
const instance = (name: string, more: Partial<Instance> = {}): Instance => ({
  name,
  app: 'toy',
  state: 'idle',
  since: AT,
  pid: 1,
  version: null,
  bridge_version: null,
  mode: 'background',
  file: null,
  started_by_hub: true,
  queued: 0,
  restarts: 0,
  confined: false,
  confinement: null,
  ...more,
});

beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  routes = {
    '/v1/dashboard/session': ME,
    '/v1/calls?': { since: AT, calls: [] },
    '/v1/jobs?': NO_JOBS,
    '/v1/apps': { apps: [] },
    '/v1/instances': { instances: [] },
  };
  asked = browser(routes);
  seq = 0;
  ({ hub } = await import('../../src/lib/hub.svelte'));
});
afterEach(() => {
  hub.socket.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const tell = (event: string, members: Record<string, unknown>): void =>
  line().say({ type: 'event', id: 'feed', epoch: 'e', seq: ++seq, at: AT, event, ...members });
/** What was told is shown together, a moment later. */
const shown = (): Promise<unknown> => vi.advanceTimersByTimeAsync(400);
async function live(resync: Record<string, unknown> = {}): Promise<void> {
  await begin(resync);
  await shown();
}
async function begin(resync: Record<string, unknown>): Promise<void> {
  hub.socket.open();
  await settle();
  line().welcome();
  line().say({
    type: 'resync',
    id: 'feed',
    epoch: 'e',
    seq: 0,
    why: 'start',
    instances: [],
    calls: [],
    ...resync,
  });
}
const states = (list: Call[]): string[] => list.map(({ call_id, status }) => `${call_id} ${status}`);

describe('what was before', () => {
  it('is the history, newest first, with what is under way', async () => {
    routes['/v1/calls?'] = {
      since: AT,
      calls: [
        call('c', { status: 'failed' }),
        call('b', { status: 'running' }),
        call('a', { status: 'succeeded' }),
      ],
    };
    await live({ calls: [call('b', { status: 'running' })], instances: [instance('hall')] });
    expect(states(hub.calls)).toEqual(['c failed', 'b running', 'a succeeded']);
    expect(hub.instances.map(({ name }) => name)).toEqual(['hall']);
    expect(hub.isKnown).toBe(true);
  });

  it('is never said to be known before it is shown', async () => {
    routes['/v1/calls?'] = { since: AT, calls: [call('a', { status: 'succeeded' })] };
    await begin({ instances: [instance('hall')] });
    expect([hub.isKnown, hub.instances.length]).toEqual([true, 1]);
    for (let times = 0; times < 20 && !hub.isRead; times += 1) await settle();
    expect([hub.isRead, hub.calls.length]).toEqual([true, 1]);
  });

  it('does not take back an end that was told while it was read', async () => {
    let answer: (value: unknown) => void = () => undefined;
    routes['/v1/calls?'] = () => new Promise((resolve) => (answer = resolve));
    await live({ calls: [call('a', { status: 'running' })] });
    tell('call_ended', { call: call('a', { status: 'succeeded' }) });
    answer({ since: AT, calls: [call('a', { status: 'running' })] });
    await shown();
    expect(states(hub.calls)).toEqual(['a succeeded']);
  });

  it('comes in pages, up to a bound', async () => {
    routes['/v1/jobs?'] = (path: string) => {
      const from = Number(new URLSearchParams(path.split('?')[1]).get('cursor') ?? 0);
      const jobs = Array.from({ length: 1000 }, (_, at) => job(`job${from + at}`));
      return { ...NO_JOBS, jobs, next_cursor: String(from + 1000) };
    };
    await live();
    expect(hub.jobs).toHaveLength(10_000);
    expect(asked.filter((one) => one.startsWith('GET /v1/jobs'))).toHaveLength(10);
  });

  it('says what could not be read, shows the rest, and looks again when it is asked to', async () => {
    routes['/v1/jobs?'] = 503;
    routes['/v1/calls?'] = { since: AT, calls: [call('a', { status: 'succeeded' })] };
    await live();
    expect(hub.trouble?.message).toBe('It answered 503.');
    expect(hub.calls).toHaveLength(1);
    routes['/v1/jobs?'] = { ...NO_JOBS, jobs: [job('j')] };
    await hub.look();
    await shown();
    expect(hub.trouble).toBeNull();
    expect(hub.jobs).toHaveLength(1);
  });
});

describe('jobs', () => {
  it('that change while their list is read are not overwritten by it', async () => {
    const answers: ((value: unknown) => void)[] = [];
    routes['/v1/jobs?'] = () => new Promise((resolve) => answers.push(resolve));
    await live();
    tell('job', { job: job('a', { status: 'running' }) });
    tell('job', { job: job('new') });
    answers[0]?.({ ...NO_JOBS, jobs: [job('a'), job('b')] });
    await shown();
    expect(states(hub.jobs).toSorted()).toEqual(['a running', 'b queued', 'new queued']);
  });

  it('keep what only the longer answer tells, but nothing of an end when they run again', async () => {
    const problem = { code: 'call_failed', message: 'No camera.' };
    routes['/v1/jobs?'] = {
      ...NO_JOBS,
      jobs: [job('a', { status: 'dead', problem: problem as never, attempt: 3 })],
    };
    await live();
    tell('job', { job: job('a', { status: 'dead', labels: { shot: '1' }, attempt: 3 }) });
    await shown();
    expect(hub.jobs[0]).toMatchObject({ problem, labels: { shot: '1' } });
    tell('job', { job: job('a') });
    await shown();
    expect(hub.jobs[0]?.problem).toBeUndefined();
  });

  it('wait in the order that the hub tells, also when an event tells less while it is read', async () => {
    const answers: ((value: unknown) => void)[] = [];
    routes['/v1/jobs?'] = { ...NO_JOBS, jobs: [job('a', { position: 0 }), job('b', { position: 1 })] };
    await live();
    routes['/v1/jobs?'] = () => new Promise((resolve) => answers.push(resolve));
    const read = hub.reloadJobs();
    tell('job', { job: job('b', { priority: 9 }) });
    answers[0]?.({ ...NO_JOBS, jobs: [job('a', { position: 1 }), job('b', { position: 0 })] });
    await read;
    await shown();
    expect(hub.jobs.map(({ call_id, position, priority }) => [call_id, position, priority])).toEqual([
      ['a', 1, 5],
      ['b', 0, 9],
    ]);
  });

  it('that others move are looked at again, once for many', async () => {
    routes['/v1/jobs?'] = { ...NO_JOBS, jobs: [job('a', { position: 0 }), job('b', { position: 1 })] };
    await live();
    asked.length = 0;
    const queues = [{ app: 'toy', paused: true, draining: false }];
    const first = [job('b', { position: 0, why: 'it is paused' })];
    routes['/v1/jobs?'] = { ...NO_JOBS, queues, jobs: first };
    for (let times = 0; times < 100; times += 1) tell('job', { job: job('b', { paused: true }) });
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked).toEqual(['GET /v1/jobs?status=queued&order=queue&limit=1000']);
    expect(hub.queues).toEqual(queues);
    // Those that the hub counts no more have no place any more.
    expect(hub.jobs).toEqual([job('a'), job('b', { position: 0, why: 'it is paused', paused: true })]);
  });

  it('move on with the events of their calls', async () => {
    routes['/v1/jobs?'] = { ...NO_JOBS, jobs: [job('a')] };
    await live();
    tell('call_started', { call_id: 'a', instance: 'hall' });
    tell('call_progress', { call_id: 'a', progress: { fraction: 0.5, text: 'half' } });
    await shown();
    expect(hub.jobs[0]).toMatchObject({ status: 'running', instance: 'hall', progress: { text: 'half' } });
    expect(hub.startedAt('a')).toBe(Date.parse(AT));
  });
});

describe('calls', () => {
  it('are shown together, however many events come', async () => {
    await live();
    for (let number = 0; number < 300; number += 1) tell('call_queued', { call: call(`c${number}`) });
    expect(hub.calls).toHaveLength(0);
    await shown();
    expect(hub.calls).toHaveLength(300);
    expect(hub.calls[0]?.call_id).toBe('c299');
  });

  it('that have ended make room, those under way stay', async () => {
    await live();
    tell('call_queued', { call: call('first') });
    for (let number = 0; number < 700; number += 1)
      tell('call_ended', { call: call(`c${number}`, { status: 'succeeded' }) });
    await shown();
    expect(hub.calls).toHaveLength(500);
    expect(hub.calls.at(-1)?.call_id).toBe('first');
    expect(hub.calls[0]?.call_id).toBe('c699');
  });

  it('print into a bounded log', async () => {
    await live();
    for (let number = 0; number < 60; number += 1)
      tell('call_output', { call_id: `c${number}`, stream: 'stdout', text: 'x' });
    expect(hub.output('c0'), 'the oldest log is gone').toBe('');
    for (let number = 0; number < 30; number += 1)
      tell('call_output', { call_id: 'c59', stream: 'stdout', text: `${number} `.repeat(5000) });
    expect(hub.output('c59').length).toBeLessThanOrEqual(200_000);
    expect(hub.output('c59').endsWith('29 ')).toBe(true);
  });

  it('that were taken back are known as such, until they are done again', async () => {
    await live();
    const undo = call('u', {
      status: 'succeeded',
      command: 'history.undo',
      value: { undone: [{ call: 'a' }] },
    });
    tell('call_ended', { call: undo });
    expect(hub.undone.has('a')).toBe(true);
    tell('call_ended', { call: { ...undo, call_id: 'r', value: { redone: [{ call: 'a' }] } } });
    expect(hub.undone.has('a')).toBe(false);
  });

  it('under way are gone when another run of the hub answers', async () => {
    await live({ calls: [call('a', { status: 'running' })] });
    tell('call_ended', { call: call('b', { status: 'succeeded' }) });
    await shown();
    expect(hub.calls).toHaveLength(2);
    routes['/v1/calls?'] = { since: AT, calls: [] };
    line().close();
    await vi.advanceTimersByTimeAsync(400);
    line().welcome();
    line().say({ type: 'resync', id: 'feed', epoch: 'f', seq: 0, why: 'epoch', instances: [], calls: [] });
    await shown();
    expect(states(hub.calls)).toEqual(['b succeeded']);
  });
});

it('asks for the commands of an app once for each run of the hub, and again after a fault', async () => {
  await live();
  routes['/v1/apps/toy/commands'] = 503;
  await expect(hub.commands('toy')).rejects.toThrow();
  routes['/v1/apps/toy/commands'] = { commands: [{ name: 'toy.echo' }] };
  expect(await hub.commands('toy')).toHaveLength(1);
  await hub.commands('toy');
  expect(asked.filter((one) => one.endsWith('/commands'))).toHaveLength(2);
});
