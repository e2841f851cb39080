// Rows of the work list: jobs, and calls that are none; in which order, which of them, and how many of each kind.
import { hub } from './hub.svelte';
import { clock } from './time.svelte';
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
    const place = (a.position ?? Infinity) - (b.position ?? Infinity);
    if (Number.isFinite(place) && place !== 0) return place;
    const priority = (isJob(b) ? b.priority : 5) - (isJob(a) ? a.priority : 5);
    if (priority !== 0) return priority;
    return a.call_id < b.call_id ? -1 : 1;
  }
  return a.call_id < b.call_id ? 1 : -1;
}

export function rows(jobs: Job[], calls: Call[]): Call[] {
  const durable = new Set(jobs.map(({ call_id }) => call_id));
  return [...jobs, ...calls.filter(({ call_id }) => !durable.has(call_id))].sort(before);
}

export function isOf(call: Call, which: Which): boolean {
  if (which === 'all') return true;
  if (which === 'under way') return isUnderWay(call.status);
  if (which === 'given up') return call.status === 'dead';
  return !isUnderWay(call.status);
}

/** Whether all words are somewhere in it. */
export function fits(call: Call, words: string[]): boolean {
  if (!words.length) return true;
  const labels = isJob(call)
    ? Object.entries(call.labels ?? {}).map(([key, value]) => `${key}:${value}`)
    : [];
  const text = [call.command, call.caller, call.instance, call.app, call.status, call.call_id, ...labels]
    .join(' ')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

/** Milliseconds that it will still take: as it says itself, else by how its progress has gone. */
export function leftOf(call: Call): number | null {
  if (call.status !== 'running') return null;
  const said = call.progress?.details?.left_s;
  return typeof said === 'number' ? said * 1000 : hub.estimates.left(call.call_id, clock.now);
}

/** Progress names its picture by its hash; a person reads the rest. */
const HASH = /\s*\(?sha256:[0-9a-f]{64}\)?/;

export const pictureIn = (text: string): string | null => /sha256:[0-9a-f]{64}/.exec(text)?.[0] ?? null;
export const withoutPicture = (text: string): string => text.replace(HASH, '');
