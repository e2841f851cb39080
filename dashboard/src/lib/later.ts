// What a refusal to take something back names: what came after it and would go as well, the nearest first.
import { changesText } from './text';
import type { Call, Problem } from './wire';

export interface Step {
  name: string;
  /** Whose it is; nothing for a step that was made by hand. */
  owner: string | null;
  /** What it changed, as the history knows it; empty when it is not known any more. */
  changes: string;
}

const text = (value: unknown): string | null => (typeof value === 'string' && value ? value : null);

/** Steps of `details.after`, and how many more there are than are named. `calls`: those that the page knows. */
export function laterIn(
  { details = {} }: Problem,
  calls: readonly Call[] = [],
): { steps: Step[]; more: number } {
  const { after, count } = details;
  const listed = Array.isArray(after) ? (after as Record<string, unknown>[]) : [];
  const steps = listed.map((one): Step => ({
    name: text(one['command']) ?? text(one['label']) ?? 'a step',
    owner: one['by'] === 'artist' ? null : text(one['owner']),
    changes: changesText(calls.find(({ call_id }) => call_id === one['call'])?.changes),
  }));
  return { steps, more: Math.max(0, (typeof count === 'number' ? count : 0) - steps.length) };
}
