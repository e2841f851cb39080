// The one WebSocket of the page: the feed, and calls with their output. In go requests; out come messages by the
// id of their request. It connects again by itself, after longer and longer waits, and the feed goes on where it
// had stopped: the hub is told the last position and answers with what was missed, or with a resync.
//
//   closed ── open ──> connecting ── welcome ──> live ── lost ──> waiting ──> connecting …
//                          └── 401 ──> signed out (only the person can go on)
import { get, isSignedOut } from './http';
import type { Event, Me, Message, Problem } from './wire';

export type Link = 'connecting' | 'live' | 'lost' | 'signed_out';

/** What answers a request: the hub's messages, or that the connection was lost and no more will come. */
export type Answer = Message | { type: 'lost'; problem: Problem };
export type Resync = Extract<Message, { type: 'resync' }>;
/** A request, without the id that the socket gives it. */
export type Request = { type: string; [member: string]: unknown };

export interface Heard {
  link: (link: Link, me: Me | null, retryAt: number | null) => void;
  event: (event: Event) => void;
  resync: (resync: Resync) => void;
}

const WAIT_FIRST_MS = 250;
const WAIT_LONGEST_MS = 15_000;
/** A page that was asleep may hold a connection that is none; the hub answers a ping at once. */
const PONG_WITHIN_MS = 4_000;
const FEED = 'feed';

export class Socket {
  #socket: WebSocket | null = null;
  #heard: Heard;
  #topics: string[];
  #position: { epoch: string; since: number } | null = null;
  #wait = WAIT_FIRST_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #next = 1;
  #pending = new Map<string, (message: Answer) => void>();
  #stopped = true;

  constructor(topics: string[], heard: Heard) {
    this.#topics = topics;
    this.#heard = heard;
  }

  open(): void {
    this.#stopped = false;
    void this.#connect();
    addEventListener('online', this.#hurry);
    document.addEventListener('visibilitychange', this.#wake);
  }

  close(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    removeEventListener('online', this.#hurry);
    document.removeEventListener('visibilitychange', this.#wake);
    this.#socket?.close(1000);
    this.#socket = null;
  }

  get isLive(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Sends a request; each message that answers it goes to `hear`, until it says that it has heard all. */
  request(body: Request, hear: (message: Answer) => boolean): boolean {
    if (!this.isLive) return false;
    const id = `r${this.#next++}`;
    this.#pending.set(id, (message) => {
      if (hear(message)) this.#pending.delete(id);
    });
    this.#send({ ...body, id });
    return true;
  }

  /** Connects now instead of after the wait. */
  hurry(): void {
    this.#hurry();
  }

  #hurry = (): void => {
    if (this.#stopped || this.#socket) return;
    clearTimeout(this.#timer);
    this.#wait = WAIT_FIRST_MS;
    void this.#connect();
  };

  #wake = (): void => {
    if (document.visibilityState !== 'visible') return;
    if (!this.#socket) return this.#hurry();
    const socket = this.#socket;
    const late = setTimeout(() => this.#lost(socket), PONG_WITHIN_MS);
    if (!this.request({ type: 'ping' }, () => (clearTimeout(late), true))) clearTimeout(late);
  };

  async #connect(): Promise<void> {
    this.#heard.link('connecting', null, null);
    let me: Me;
    try {
      // A browser does not tell why an upgrade was refused; this does.
      me = await get<Me>('/v1/dashboard/session');
    } catch (error) {
      if (this.#stopped) return;
      if (isSignedOut(error)) return this.#heard.link('signed_out', null, null);
      return this.#again();
    }
    if (this.#stopped || this.#socket) return;
    const socket = new WebSocket(`ws://${location.host}/v1/ws`);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(String(data)) as Message, me);
    socket.onclose = () => this.#lost(socket);
  }

  #lost(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    socket.onclose = null;
    socket.close();
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    const problem: Problem = {
      code: 'hub_unreachable',
      message: 'The connection to the hub was lost.',
      hint: 'The call keeps running; its outcome will be in the history once the hub is back.',
    };
    for (const hear of waiting) hear({ type: 'lost', problem });
    if (!this.#stopped) this.#again();
  }

  #again(): void {
    // Not all pages of a machine at the same moment.
    const wait = this.#wait * (0.75 + Math.random() / 2);
    this.#wait = Math.min(this.#wait * 2, WAIT_LONGEST_MS);
    this.#heard.link('lost', null, Date.now() + wait);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#connect(), wait);
  }

  #hear(message: Message, me: Me): void {
    if (message.type === 'welcome') {
      this.#wait = WAIT_FIRST_MS;
      this.#send({ type: 'subscribe', id: FEED, topics: this.#topics, ...this.#position });
      return this.#heard.link('live', me, null);
    }
    if (message.type === 'resync' || message.type === 'event') return this.#hearFeed(message);
    if (message.id !== undefined) this.#pending.get(String(message.id))?.(message);
  }

  #hearFeed(message: Extract<Message, { type: 'resync' | 'event' }>): void {
    const { epoch, seq } = message;
    if (message.type === 'resync') this.#heard.resync(message);
    else this.#heard.event(message);
    this.#position = { epoch, since: seq };
  }

  #send(body: Request & { id: string }): void {
    this.#socket?.send(JSON.stringify(body));
  }
}
