// What a command is to its app: the page asks for a role, never for a command's name (docs/reference/command-format.md).
import { hub } from './hub.svelte';
import type { Call, Command } from './wire';

export type Role = 'look' | 'undo' | 'revert' | 'redo' | 'steps' | 'code' | 'save' | 'render';

/** What takes back or brings back: it is no change that could itself be reverted. */
const STEPS: Role[] = ['undo', 'redo', 'revert'];

class Roles {
  #asked = new Map<string, Promise<Command[]>>();
  #known = $state.raw<Record<string, Command[]>>({});

  /** The commands of an app; none until they are known. */
  of(app: string): Command[] {
    const asked = hub.commands(app);
    if (this.#asked.get(app) !== asked) {
      this.#asked.set(app, asked);
      asked.then(
        (commands) => (this.#known = { ...this.#known, [app]: commands }),
        () => undefined,
      );
    }
    return this.#known[app] ?? [];
  }

  /** The name of the command that has this role. */
  command(app: string, role: Role): string | undefined {
    return this.of(app).find((one) => one.role === role)?.name;
  }

  is(call: Pick<Call, 'app' | 'command'>, ...roles: Role[]): boolean {
    const role = this.of(call.app).find(({ name }) => name === call.command)?.role;
    return roles.some((one) => one === role);
  }

  isStep(call: Pick<Call, 'app' | 'command'>): boolean {
    return this.is(call, ...STEPS);
  }
}

export const roles = new Roles();
