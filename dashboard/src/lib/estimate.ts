// How long something will still take, from how its progress has gone: the pace over the last stretch, so that a slow
// start or a heavy frame does not spoil it for good.

interface Mark {
  at: number;
  fraction: number;
}

/** Marks that are kept of one call: a window of some minutes at a frame every few seconds. */
const MARKS_MAX = 40;
/** Before this much was seen an estimate would only be a guess. */
const SEEN_MIN_MS = 1500;

export class Estimates {
  #marks = new Map<string, Mark[]>();

  saw(id: string, fraction: number | null | undefined, at: number): void {
    if (typeof fraction !== 'number') return;
    const marks = this.#marks.get(id) ?? [];
    // It began anew.
    if (fraction < (marks.at(-1)?.fraction ?? 0)) marks.length = 0;
    if (fraction > (marks.at(-1)?.fraction ?? -1)) marks.push({ at, fraction });
    if (marks.length > MARKS_MAX) marks.shift();
    this.#marks.set(id, marks);
  }

  forget(id: string): void {
    this.#marks.delete(id);
  }

  /** Milliseconds from `now` on; nothing when it cannot be told. */
  left(id: string, now: number): number | null {
    const marks = this.#marks.get(id);
    const first = marks?.[0];
    const last = marks?.at(-1);
    if (!first || !last || last.at - first.at < SEEN_MIN_MS || last.fraction <= first.fraction) return null;
    const pace = (last.fraction - first.fraction) / (last.at - first.at);
    return Math.max(0, (1 - last.fraction) / pace - (now - last.at));
  }
}
