// Arithmetic of a long list of rows of one height, of which only those in sight exist. Pixels and indices, no page.

/** Rows beyond the edges, so that a quick flick shows no gaps. */
export const AROUND = 12;

/** What is in sight of a list: `top` and `view` in pixels. */
export interface Sight {
  top: number;
  view: number;
  height: number;
  count: number;
}

/** The rows that exist, the last one left out. */
export function rowsIn({ top, view, height, count }: Sight): { first: number; last: number } {
  // A list that became shorter is scrolled beyond its end until the browser has noticed.
  const last = Math.min(count, Math.ceil((top + view) / height) + AROUND);
  const first = Math.max(0, Math.min(Math.floor(top / height) - AROUND, last));
  return { first, last };
}

/** Where to scroll to, so that a row is wholly in sight; as little as needed. */
export function topFor(index: number, { top, view, height }: Sight): number {
  const y = index * height;
  if (y < top) return y;
  return y + height > top + view ? y + height - view : top;
}

/** Where to scroll to when the chosen row has moved: what one looks at stays where it is. */
export function topAfterMove(from: number, to: number, sight: Sight): number {
  const { top, view, height } = sight;
  const y = from * height;
  const wasSeen = from >= 0 && to >= 0 && y + height > top && y < top + view;
  // At the top one wants to see what is new.
  return wasSeen && top > 0 ? top + (to - from) * height : top;
}

/** The row that a key leads to; nothing for any other key. `at` is -1 when none is chosen. */
export function rowFor(key: string, at: number, { view, height, count }: Sight): number | null {
  const page = Math.max(1, Math.floor(view / height) - 1);
  const to = new Map([
    ['ArrowDown', at + 1],
    ['ArrowUp', at - 1],
    ['Home', 0],
    ['End', count - 1],
    ['PageDown', at + page],
    ['PageUp', at - page],
  ]);
  const wanted = to.get(key);
  if (wanted === undefined || count === 0) return null;
  return Math.min(count - 1, Math.max(0, wanted));
}
