// Rows of the work list: jobs, and calls that are none; in which order, which of them, and how many of each kind.
import type { Estimates } from './estimate';
import { shareOf } from './share';
import { isUnderWay, type Call, type Job, type Status } from './wire';

export type Which = 'all' | 'under way' | 'ended' | 'given up';
export const WHICH: readonly Which[] = ['all', 'under way', 'ended', 'given up'];

export const isJob = (call: Call): call is Job => 'priority' in call;

const RANK: Partial<Record<Status, number>> = { running: 0, leased: 1, queued: 2 };
const rank = (status: Status): number => RANK[status] ?? 3;

/** Under way first, in the order in which they run; then the rest, newest first. Ids sort by time. */
function before(a: Call, b: Call): number {
  const by = rank(a.status) - rank(b.status);
  if (by !== 0) return by;
  if (a.status === 'queued') {
    // Far behind the hub counts no more.
    const [place, other] = [a.position ?? Infinity, b.position ?? Infinity];
    if (place !== other) return place < other ? -1 : 1;
    const priority = (isJob(b) ? b.priority : 5) - (isJob(a) ? a.priority : 5);
    if (priority !== 0) return priority;
    return a.call_id < b.call_id ? -1 : 1;
  }
  return a.call_id < b.call_id ? 1 : -1;
}

/** Jobs, and calls that are none. A list of jobs leaves values out: the call has it, unless it is of a try before. */
export function rows(jobs: Job[], calls: Call[]): Call[] {
  const all = new Map<string, Call>(jobs.map((job) => [job.call_id, job]));
  for (const call of calls) {
    const job = all.get(call.call_id);
    if (!job) all.set(call.call_id, call);
    else if (job.value === undefined && job.status === 'succeeded' && call.status === 'succeeded')
      all.set(call.call_id, { ...job, value: call.value });
  }
  return [...all.values()].sort(before);
}

export function isOf(call: Call, which: Which): boolean {
  if (which === 'all') return true;
  if (which === 'under way') return isUnderWay(call.status);
  if (which === 'given up') return call.status === 'dead';
  return !isUnderWay(call.status);
}

/** A piece of work with what it asked for itself: the calls of a farm, the steps of a batch. */
export interface Branch {
  call: Call;
  children: Branch[];
}

/** A row of the list: how deep it stands, and how many stand under it. */
export interface Row {
  call: Call;
  depth: number;
  under: number;
  isOpen: boolean;
}

/** Each call under the one that asked for it, as far as that one is known; in the given order. */
export function branches(calls: Call[]): Branch[] {
  const all = new Map(calls.map((call) => [call.call_id, { call, children: [] } as Branch]));
  const roots: Branch[] = [];
  for (const branch of all.values()) {
    const { call_id, parent_id } = branch.call;
    const parent = parent_id !== undefined && parent_id !== call_id ? all.get(parent_id) : undefined;
    (parent?.children ?? roots).push(branch);
  }
  return roots;
}

/** The rows in sight: those that are wanted, under parents that are open or were not wanted themselves. */
export function rowsOf(
  roots: Branch[],
  open: ReadonlySet<string>,
  isWanted: (call: Call) => boolean = () => true,
): Row[] {
  const rows: Row[] = [];
  const walk = (branch: Branch, depth: number): boolean => {
    const at = rows.length;
    const row: Row = { call: branch.call, depth, under: branch.children.length, isOpen: false };
    rows.push(row);
    const isFound = isWanted(branch.call);
    const found = branch.children.filter((child) => walk(child, depth + 1)).length > 0;
    row.isOpen = open.has(branch.call.call_id) || (found && !isFound);
    if (!row.isOpen) rows.length = at + 1;
    if (isFound || found) return true;
    rows.length = at;
    return false;
  };
  for (const root of roots) walk(root, 0);
  return rows;
}

/** Whether all words are somewhere in it. */
export function fits(call: Call, words: string[]): boolean {
  if (!words.length) return true;
  const labels = isJob(call)
    ? Object.entries(call.labels ?? {}).map(([key, value]) => `${key}:${value}`)
    : [];
  const text = [
    call.subject,
    call.command,
    call.caller,
    call.instance,
    call.app,
    call.status,
    call.call_id,
    ...labels,
  ]
    .join(' ')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

/** Milliseconds that it will still take: as it says itself, else by how its progress has gone. */
export function leftOf(call: Call, estimates: Estimates, now: number): number | null {
  if (call.status !== 'running') return null;
  const said = shareOf(call.progress).left_s;
  return typeof said === 'number' ? said * 1000 : estimates.left(call.call_id, now);
}

/** Those of an app that wait, in the order in which they will run. */
export const waitingOf = (jobs: Job[], app: string): Job[] =>
  jobs.filter((job) => job.status === 'queued' && job.app === app).sort(before);

/** What a job has to be placed before to move by one; nothing when it stands at that end of the queue. */
export function placeBeside(jobs: Job[], job: Job, step: -1 | 1): { before: string } | 'last' | null {
  const waiting = waitingOf(jobs, job.app);
  const at = waiting.findIndex(({ call_id }) => call_id === job.call_id);
  if (at < 0) return null;
  if (step < 0) return at === 0 ? null : { before: waiting[at - 1]?.call_id ?? '' };
  const [next, after] = [waiting[at + 1], waiting[at + 2]];
  if (after) return { before: after.call_id };
  // The last of its priority stands before all that are less urgent.
  return next?.priority === job.priority ? 'last' : null;
}
