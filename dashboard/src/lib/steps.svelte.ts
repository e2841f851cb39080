// The first three steps of a new user, as far as the hub has seen them done. What was seen stays seen in this browser.
import { hub } from './hub.svelte';

const KEY = 'kapelle.first-steps';
/** How callers are named that came through an MCP client. */
const AGENT = 'mcp:';

interface Steps {
  program: boolean;
  agent: boolean;
  call: boolean;
}

class FirstSteps {
  #isHidden = $state(false);

  constructor() {
    try {
      this.#isHidden = localStorage.getItem(KEY) === 'done';
    } catch {
      // Without a store they are shown each time.
    }
  }

  get done(): Steps {
    const news = hub.calls.filter((call) => hub.isNews(call));
    return {
      program: hub.instances.length > 0 || news.length > 0,
      agent: news.some(({ caller }) => caller.startsWith(AGENT)),
      call: news.length > 0,
    };
  }

  /** Whether there is something left to show. */
  get isShown(): boolean {
    const { program, agent, call } = this.done;
    return hub.isRead && !this.#isHidden && !(program && agent && call);
  }

  hide(): void {
    this.#isHidden = true;
    try {
      localStorage.setItem(KEY, 'done');
    } catch {
      // Then it is hidden until the page is opened again.
    }
  }
}

export const firstSteps = new FirstSteps();
