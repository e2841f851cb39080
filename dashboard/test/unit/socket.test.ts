// The connection: who may come in, what is lost and what is caught up when it breaks.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Socket, type Answer, type Link, type Resync } from '../../src/lib/socket';
import type { Event } from '../../src/lib/wire';
import { browser, FakeWebSocket, line, ME, settle, type Routes } from './fakes';

let links: Link[];
let events: Event[];
let resyncs: Resync[];
let retryAt: number | null;
let routes: Routes;
let socket: Socket;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  routes = { '/v1/dashboard/session': ME };
  browser(routes);
  [links, events, resyncs] = [[], [], []];
  socket = new Socket(['calls'], {
    link: (link, _me, at) => {
      links.push(link);
      retryAt = at;
    },
    event: (event) => events.push(event),
    resync: (resync) => resyncs.push(resync),
  });
});
afterEach(() => {
  socket.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const event = (seq: number, epoch = 'e'): void =>
  line().say({ type: 'event', id: 'feed', epoch, seq, at: '', event: 'state', instance: 'x', revision: seq });

async function live(): Promise<void> {
  socket.open();
  await settle();
  line().welcome();
}

describe('beginning', () => {
  it('subscribes without a position, and says that it is live', async () => {
    await live();
    expect(line().url).toBe('ws://127.0.0.1:7420/v1/ws');
    expect(line().sent).toEqual([{ type: 'subscribe', id: 'feed', topics: ['calls'] }]);
    expect(links).toEqual(['connecting', 'live']);
  });

  it('ends where nobody is signed in, and tries no more', async () => {
    routes['/v1/dashboard/session'] = 401;
    socket.open();
    await settle();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(links).toEqual(['connecting', 'signed_out']);
    expect(FakeWebSocket.all).toHaveLength(0);
  });
});

describe('when the connection is lost', () => {
  it('names the last position that it has heard, of events and of a resync', async () => {
    await live();
    line().say({ type: 'resync', id: 'feed', epoch: 'e', seq: 7, why: 'start' });
    line().close();
    await vi.advanceTimersByTimeAsync(300);
    line().welcome();
    expect(line().sent[0]).toMatchObject({ type: 'subscribe', epoch: 'e', since: 7 });
    event(8);
    event(9);
    line().close();
    await vi.advanceTimersByTimeAsync(300);
    line().welcome();
    expect(line().sent[0]).toMatchObject({ epoch: 'e', since: 9 });
    event(10);
    expect(events.map((one) => one.seq)).toEqual([8, 9, 10]);
    expect(resyncs).toHaveLength(1);
    // Another run of the hub counts anew.
    line().say({ type: 'resync', id: 'feed', epoch: 'f', seq: 2, why: 'epoch' });
    line().close();
    await vi.advanceTimersByTimeAsync(300);
    line().welcome();
    expect(line().sent[0]).toMatchObject({ epoch: 'f', since: 2 });
  });

  it('waits longer and longer, up to a bound, and starts anew when it has been live', async () => {
    await live();
    routes['/v1/dashboard/session'] = 'gone';
    line().close();
    const waits: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      waits.push((retryAt ?? 0) - Date.now());
      await vi.advanceTimersByTimeAsync(waits.at(-1) ?? 0);
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000]);
    routes['/v1/dashboard/session'] = ME;
    socket.hurry();
    await settle();
    line().welcome();
    line().close();
    expect((retryAt ?? 0) - Date.now()).toBe(250);
  });

  it('tells who waits for an answer, once, and takes nothing from the old connection', async () => {
    await live();
    const heard: Answer[] = [];
    expect(socket.request({ type: 'call' }, (answer) => (heard.push(answer), false))).toBe(true);
    const old = line();
    const { id } = old.sent.at(-1) ?? {};
    old.close();
    expect(heard.map(({ type }) => type)).toEqual(['lost']);
    await vi.advanceTimersByTimeAsync(300);
    line().welcome();
    line().say({ type: 'pong', id: String(id) });
    expect(heard).toHaveLength(1);
    expect(socket.isLive).toBe(true);
  });

  it('sends nothing while it is lost, and says so', async () => {
    await live();
    line().close();
    expect(socket.request({ type: 'ping' }, () => true)).toBe(false);
  });

  it('stays closed when it was closed', async () => {
    await live();
    socket.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeWebSocket.all).toHaveLength(1);
  });
});

it('brings each answer to who asked, until he has heard all', async () => {
  await live();
  const heard: Record<string, string[]> = { a: [], b: [] };
  for (const name of ['a', 'b'])
    socket.request({ type: 'call' }, ({ type }) => (heard[name]?.push(type), type === 'outcome'));
  const [a, b] = line()
    .sent.slice(1)
    .map(({ id }) => String(id));
  for (const id of [a, b]) line().say({ type: 'started', id: String(id), call_id: 'x', instance: 'y' });
  line().say({ type: 'outcome', id: String(a) });
  line().say({ type: 'outcome', id: String(a) });
  expect(heard).toEqual({ a: ['started', 'outcome'], b: ['started'] });
});
