// What the page knows of the hub, kept true by the feed: instances, calls, jobs, and how the connection stands.
// In come events and answers; out come lists that the rooms read. Bursts of events are shown together, a few times
// a second, so that ten thousand jobs do not paint ten thousand times. It asks nothing of an app.
import { Estimates } from './estimate';
import { del, get, isSignedOut, post, problemOf } from './http';
import { Socket, type Link, type Resync } from './socket';
import { isUnderWay, type App, type Call, type Command, type Event, type Instance, type Job } from './wire';
import type { Answers, Me, Problem, Queue } from './wire';

/** Ended calls that the page keeps. */
const CALLS_MAX = 500;
/** Printed text that is kept of one call, in characters. */
const OUTPUT_MAX = 200_000;
/** Calls whose printed text is kept. */
const OUTPUTS_MAX = 50;
const SHOW_EVERY_MS = 60;
const JOBS_MANY = 2000;
const SHOW_MANY_EVERY_MS = 300;
/** Jobs that the page lists; the hub gives them in pages. */
const JOBS_MAX = 10_000;
const JOBS_PAGE = 1000;
/** Between two looks at the order in which jobs wait, at least: one answer is some hundred kB. */
const ORDER_EVERY_MS = 1000;

/** The mark of pictures that the page itself asks for: they are no news. */
const PICTURE = 'picture';

class Hub {
  link = $state<Link>('connecting');
  me = $state<Me | null>(null);
  retryAt = $state<number | null>(null);
  /** Whether what is shown has been heard from the hub at least once. */
  isKnown = $state(false);
  /** Whether what was before has been read too, as far as it could be. */
  isRead = $state(false);
  instances = $state.raw<Instance[]>([]);
  /** Newest first. */
  calls = $state.raw<Call[]>([]);
  jobs = $state.raw<Job[]>([]);
  queues = $state.raw<Queue[]>([]);
  apps = $state.raw<App[]>([]);
  /** What could not be read of what was before; what happens now is told nevertheless. */
  trouble = $state.raw<Problem | null>(null);
  /** Calls that were taken back. */
  undone = $state.raw<ReadonlySet<string>>(new Set());
  /** Turns with everything that was printed. */
  printed = $state(0);
  /** Turns with every revision of an instance's state. */
  revisions = $state.raw<Readonly<Record<string, number>>>({});

  readonly estimates = new Estimates();
  #instances = new Map<string, Instance>();
  #calls = new Map<string, Call>();
  #jobs = new Map<string, Job>();
  #outputs = new Map<string, string>();
  #started = new Map<string, number>();
  #undone = new Set<string>();
  /** For each list of jobs that is being read: what was heard of them meanwhile. */
  #readings = new Set<Map<string, Partial<Job>>>();
  #commands = new Map<string, Promise<Command[]>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  #order: ReturnType<typeof setTimeout> | undefined;
  readonly socket = new Socket(['calls', 'instances', 'state', 'jobs'], {
    link: (link, me, retryAt) => this.#linked(link, me, retryAt),
    event: (event) => this.#heard(event, Date.parse(event.at) || Date.now()),
    resync: (told) => void this.#resync(told),
  });

  /** The commands of an app, asked once for each run of the hub. */
  commands(app: string): Promise<Command[]> {
    let known = this.#commands.get(app);
    if (!known) {
      known = get<Answers['Commands']>(`/v1/apps/${encodeURIComponent(app)}/commands`).then(
        ({ commands }) => commands,
      );
      known.catch(() => this.#commands.delete(app));
      this.#commands.set(app, known);
    }
    return known;
  }

  output(id: string): string {
    return this.#outputs.get(id) ?? '';
  }

  /** When it began, in milliseconds since 1970, if that was heard. */
  startedAt(id: string): number | undefined {
    return this.#started.get(id);
  }

  /** Whether anything happened that a person would call news. */
  isNews(call: Call): boolean {
    return call.correlation_id !== PICTURE;
  }

  async signOut(): Promise<void> {
    try {
      await del('/v1/dashboard/session');
    } catch (error) {
      // Signed out already is signed out.
      if (!isSignedOut(error)) throw error;
    }
    this.socket.close();
    this.#linked('signed_out', null, null);
  }

  cancel(id: string): Promise<Call> {
    return del<Call>(`/v1/calls/${encodeURIComponent(id)}`);
  }

  /** Runs a command to its end. A call that ran and failed is an outcome, not a fault. */
  run(app: string, instance: string, command: string, args: Record<string, unknown>): Promise<Call> {
    return post<Call>('/v1/calls', { app, instance, command, args });
  }

  async reloadJobs(): Promise<void> {
    const jobs = new Map<string, Job>();
    const heard = new Map<string, Partial<Job>>();
    this.#readings.add(heard);
    try {
      let cursor = '';
      do {
        const page = await get<Answers['Jobs']>(
          `/v1/jobs?limit=${JOBS_PAGE}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
        );
        for (const job of page.jobs) jobs.set(job.call_id, job);
        this.queues = page.queues;
        cursor = page.next_cursor ?? '';
      } while (cursor && jobs.size < JOBS_MAX);
    } finally {
      this.#readings.delete(heard);
    }
    // Events are newer than the page that they came in between; what they do not tell the page knows better.
    for (const [id, told] of heard) {
      const job = jobs.get(id) ?? this.#jobs.get(id);
      if (job) jobs.set(id, { ...job, ...told });
    }
    this.#jobs = jobs;
    this.#show();
  }

  /** Reads in which order jobs wait, and for what: no event tells that, since each one that moves moves others. */
  async reloadOrder(): Promise<void> {
    const { jobs, queues } = await get<Answers['Jobs']>(
      `/v1/jobs?status=queued&order=queue&limit=${JOBS_PAGE}`,
    );
    this.queues = queues;
    const first = new Map(jobs.map((job) => [job.call_id, job]));
    for (const [id, known] of this.#jobs) {
      if (known.status !== 'queued') continue;
      const job = { ...known };
      const { position, why } = first.get(id) ?? {};
      if (position === undefined) delete job.position;
      else job.position = position;
      if (why !== undefined) job.why = why;
      this.#jobs.set(id, job);
    }
    this.#show();
  }

  async reloadInstances(): Promise<void> {
    const { instances } = await get<Answers['Instances']>('/v1/instances');
    this.#instances = new Map(instances.map((one) => [one.name, one]));
    this.#show();
  }

  #linked(link: Link, me: Me | null, retryAt: number | null): void {
    this.link = link;
    this.retryAt = retryAt;
    if (me) this.me = me;
    if (link === 'live' && this.trouble) void this.look();
    if (link === 'signed_out') {
      this.me = null;
      this.isKnown = false;
      this.isRead = false;
    }
  }

  #heard(event: Event, at: number): void {
    switch (event.event) {
      case 'call_queued':
        this.#put(event.call);
        break;
      case 'call_started':
        this.#started.set(event.call_id, at);
        this.#change(event.call_id, { status: 'running', instance: event.instance });
        break;
      case 'call_progress':
        this.estimates.saw(event.call_id, event.progress.fraction, at);
        this.#change(event.call_id, { progress: event.progress });
        break;
      case 'call_output':
        this.print(event.call_id, event.text);
        break;
      case 'call_ended':
        this.#put(event.call);
        this.#ended(event.call);
        break;
      case 'instance':
        this.#instances.set(event.instance.name, event.instance);
        // One that has left is told of once more, and then no longer there.
        if (event.instance.state === 'disconnected') this.#lookSoon();
        break;
      case 'state':
        this.revisions = { ...this.revisions, [event.instance]: event.revision };
        return;
      case 'job':
        this.#putJob(event.job, at);
        break;
    }
    this.#show();
  }

  print(id: string, text: string): void {
    const whole = (this.#outputs.get(id) ?? '') + text;
    this.#outputs.delete(id);
    this.#outputs.set(id, whole.length > OUTPUT_MAX ? whole.slice(-OUTPUT_MAX) : whole);
    const oldest = this.#outputs.keys().next().value;
    if (this.#outputs.size > OUTPUTS_MAX && oldest !== undefined) this.#outputs.delete(oldest);
    this.printed += 1;
  }

  #put(call: Call): void {
    const known = this.#calls.get(call.call_id);
    // The newest is the first of the list; a Map keeps the order of coming.
    this.#calls.set(call.call_id, known ? { ...known, ...call } : call);
    this.estimates.saw(call.call_id, call.progress?.fraction, Date.now());
    if (this.#calls.size <= CALLS_MAX) return;
    for (const [id, old] of this.#calls) {
      if (isUnderWay(old.status)) continue;
      this.#calls.delete(id);
      this.#started.delete(id);
      break;
    }
  }

  #putJob(job: Job, at: number): void {
    const known = this.#jobs.get(job.call_id);
    // One that is tried again has nothing of its end before.
    const isAgain = known && !isUnderWay(known.status) && isUnderWay(job.status);
    this.#jobs.set(job.call_id, known && !isAgain ? { ...known, ...job } : job);
    this.#hearIn(job.call_id, job);
    if (job.status === 'queued') this.#orderSoon();
    this.estimates.saw(job.call_id, job.progress?.fraction, at);
    if (job.status === 'running' && known?.status !== 'running') this.#started.set(job.call_id, at);
  }

  #change(id: string, change: Partial<Call>): void {
    const call = this.#calls.get(id);
    if (call) this.#calls.set(id, { ...call, ...change });
    const job = this.#jobs.get(id);
    if (!job) return;
    this.#jobs.set(id, { ...job, ...change });
    this.#hearIn(id, change);
  }

  #hearIn(id: string, told: Partial<Job>): void {
    for (const heard of this.#readings) heard.set(id, { ...heard.get(id), ...told });
  }

  #ended(call: Call): void {
    this.estimates.forget(call.call_id);
    if (call.status !== 'succeeded' || typeof call.value !== 'object' || call.value === null) return;
    const steps = (name: string): { call?: string }[] => {
      const list = (call.value as Record<string, unknown>)[name];
      return Array.isArray(list) ? (list as { call?: string }[]) : [];
    };
    for (const { call: id } of steps('undone')) if (id) this.#undone.add(id);
    for (const { call: id } of steps('redone')) if (id) this.#undone.delete(id);
    this.undone = new Set(this.#undone);
  }

  async #resync({ why, calls: under = [], instances = [] }: Resync): Promise<void> {
    this.#instances = new Map(instances.map((one) => [one.name, one]));
    // Another run of the hub knows nothing of the calls that were under way here.
    for (const [id, call] of this.#calls) if (isUnderWay(call.status)) this.#calls.delete(id);
    if (why === 'epoch') this.#commands.clear();
    for (const call of under) this.#put(call);
    this.#showNow();
    this.isKnown = true;
    await this.look();
  }

  /** Reads what was before: the history, the jobs, and what there is to start. */
  async look(): Promise<void> {
    const read = await Promise.allSettled([
      get<Answers['History']>('/v1/calls?limit=200').then(({ calls }) => this.#remember(calls)),
      this.reloadJobs(),
      get<Answers['Apps']>('/v1/apps').then(({ apps }) => (this.apps = apps)),
    ]);
    const failed = read.find((one) => one.status === 'rejected');
    this.trouble = failed ? problemOf(failed.reason) : null;
    this.#showNow();
    this.isRead = true;
  }

  /** What ended before the page was open, newest first. */
  #remember(calls: Call[]): void {
    const heard = this.#calls;
    this.#calls = new Map();
    for (const call of [...calls].reverse()) {
      this.#calls.set(call.call_id, call);
      this.#ended(call);
    }
    for (const [id, call] of heard) {
      const known = this.#calls.get(id);
      if (!known || isUnderWay(known.status)) this.#calls.set(id, call);
    }
    this.#show();
  }

  /** One that came to wait, or waits elsewhere: soon, and once for many. */
  #orderSoon(): void {
    if (this.#order !== undefined) return;
    this.#order = setTimeout(() => {
      this.#order = undefined;
      void this.reloadOrder().catch(() => undefined);
    }, ORDER_EVERY_MS);
  }

  #lookSoon(): void {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.reloadInstances().catch(() => undefined), 600);
  }

  #show(): void {
    if (this.#timer !== undefined) return;
    // Long lists cost more to paint.
    const every = this.#jobs.size > JOBS_MANY ? SHOW_MANY_EVERY_MS : SHOW_EVERY_MS;
    this.#timer = setTimeout(() => this.#showNow(), every);
  }

  /** At once, before anything says that there is nothing. */
  #showNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.instances = [...this.#instances.values()].sort((a, b) => a.name.localeCompare(b.name));
    this.calls = [...this.#calls.values()].reverse();
    this.jobs = [...this.#jobs.values()];
  }
}

export const hub = new Hub();
