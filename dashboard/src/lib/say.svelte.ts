// What the page says beside what it shows: short notices that go by themselves, read aloud by screen readers.
import { hintOf } from './hint';
import type { Problem } from './wire';

/** Long enough to read two sentences; a notice about a fault stays until it is closed. */
const STAYS_MS = 6000;
const NOTICES_MAX = 4;

export interface Notice {
  id: number;
  text: string;
  hint: string;
  isBad: boolean;
}

class Say {
  notices = $state<Notice[]>([]);
  /** For screen readers alone: what changed elsewhere on the page. */
  aside = $state('');
  #next = 1;

  good(text: string): void {
    const id = this.#put(text, '', false);
    setTimeout(() => this.close(id), STAYS_MS);
  }

  bad(problem: Problem): void {
    this.#put(problem.message, hintOf(problem), true);
  }

  close(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
  }

  #put(text: string, hint: string, isBad: boolean): number {
    const id = this.#next++;
    this.notices = [...this.notices, { id, text, hint, isBad }].slice(-NOTICES_MAX);
    return id;
  }
}

export const say = new Say();
