// A hub that says what a test tells it to: faults of a connection that a real one does not have on demand.
import { vi } from 'vitest';
import type { Answers } from '../../src/lib/wire';

/** The page's end of a connection. */
export class FakeWebSocket {
  static readonly OPEN = 1;
  static all: FakeWebSocket[] = [];
  readyState = FakeWebSocket.OPEN;
  sent: { type: string; id?: string; [member: string]: unknown }[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;

  constructor(readonly url: string) {
    FakeWebSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as FakeWebSocket['sent'][number]);
  }

  close(): void {
    this.readyState = 3;
    this.onclose?.();
  }

  say(message: { type: string; [member: string]: unknown }): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  welcome(): void {
    this.say({ type: 'welcome', caller: 'dashboard', scopes: [], version: '1', epoch: 'e', seq: 0 });
  }
}

export const ME = { caller: 'dashboard', scopes: ['read'], version: '1', token_file: '/x/tokens/owner' };
export const NO_JOBS: Answers['Jobs'] = { jobs: [], counts: {}, queues: [] };

/** What routes answer, by the beginning of their path, the longest counts; a function is asked each time, a number is a status. */
export type Routes = Record<string, unknown>;

/** Puts the fakes where a browser has the real ones. Gives the paths that are asked for. */
export function browser(routes: Routes): string[] {
  const asked: string[] = [];
  FakeWebSocket.all = [];
  const fetch = async (path: string, init?: RequestInit): Promise<Response> => {
    asked.push(`${init?.method ?? 'GET'} ${path}`);
    const fitting = Object.keys(routes).filter((start) => path.startsWith(start));
    const found = fitting.toSorted((a, b) => b.length - a.length)[0];
    let answer = found === undefined ? 404 : routes[found];
    if (typeof answer === 'function') answer = await (answer as (path: string) => unknown)(path);
    if (answer === 'gone') throw new TypeError('Failed to fetch');
    if (typeof answer === 'number')
      return Response.json({ code: 'refused', message: `It answered ${answer}.` }, { status: answer });
    return Response.json(answer);
  };
  vi.stubGlobal('fetch', fetch);
  vi.stubGlobal('WebSocket', FakeWebSocket);
  vi.stubGlobal('location', { host: '127.0.0.1:7420' });
  vi.stubGlobal('document', {
    visibilityState: 'visible',
    addEventListener: vi.fn(),
    removeEventListener: vi.fn(),
  });
  vi.stubGlobal('addEventListener', vi.fn());
  vi.stubGlobal('removeEventListener', vi.fn());
  return asked;
}

/** The newest connection. */
export const line = (): FakeWebSocket => FakeWebSocket.all.at(-1) as FakeWebSocket;

/** Lets all that is ready happen, without time going on. */
export const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => undefined);
