// What work that is shared out among workers tells of itself, a render farm for example. A command's details have
// any form; what has not the right one is left out, so that nothing that a program says can break the page.
import type { Progress, Share, Worker } from './wire';

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The members that are there. */
function some<T extends object>(members: { [Key in keyof T]: T[Key] | undefined }): T {
  return Object.fromEntries(Object.entries(members).filter(([, member]) => member !== undefined)) as T;
}

function workerOf(value: unknown): Worker | null {
  if (!isObject(value)) return null;
  const [name, state] = [text(value['name']), text(value['state'])];
  if (name === undefined || state === undefined) return null;
  return some<Worker>({
    name,
    state,
    done: number(value['done']),
    frame: number(value['frame']),
    part: number(value['part']),
    why: text(value['why']),
  });
}

/** What work says of itself in a line. Its estimate is left to the one place that shows estimates. */
export function progressText(progress: Progress | undefined): string {
  const { frames, done, left_s } = shareOf(progress);
  const skipped = number(progress?.details?.['skipped']) ?? 0;
  const failed = number(progress?.details?.['failed']) ?? 0;
  if (frames === undefined || done === undefined || left_s === undefined) return progress?.text ?? '';
  return `${done + skipped} of ${frames} frames${failed ? `, ${failed} failed` : ''}`;
}

export function shareOf(progress: Progress | undefined): Share {
  const details: Record<string, unknown> = progress?.details ?? {};
  const { workers } = details;
  const known = Array.isArray(workers) ? workers.map(workerOf).filter((one) => one !== null) : undefined;
  // By their names they are told apart.
  const named = known && [...new Map(known.map((one) => [one.name, one])).values()];
  return some<Share>({
    frames: number(details['frames']),
    done: number(details['done']),
    left_s: number(details['left_s']),
    last: text(details['last']),
    workers: named,
  });
}
