// What was run from the console before, in this browser, newest first. It goes with signing out.

export interface Past {
  at: string;
  call_id: string;
  app: string;
  instance: string;
  command: string;
  args: Record<string, unknown>;
  status: string;
}

const KEY = 'kapelle.console';
const PAST_MAX = 60;
/** Longer ones are left out: the browser's store is small. */
const BYTES_MAX = 20_000;

class Pasts {
  list = $state.raw<Past[]>([]);

  constructor() {
    try {
      const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
      if (Array.isArray(kept)) this.list = kept as Past[];
    } catch {
      // What cannot be read is forgotten.
    }
  }

  add(past: Past): void {
    const others = this.list.filter(({ call_id }) => call_id !== past.call_id);
    this.list = [past, ...others].slice(0, PAST_MAX);
    this.#keep();
  }

  forget(): void {
    this.list = [];
    localStorage.removeItem(KEY);
  }

  #keep(): void {
    const short = this.list.filter((past) => JSON.stringify(past).length < BYTES_MAX);
    try {
      localStorage.setItem(KEY, JSON.stringify(short));
    } catch {
      localStorage.removeItem(KEY);
    }
  }
}

export const pasts = new Pasts();
