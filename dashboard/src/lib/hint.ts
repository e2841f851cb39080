// A problem's hint in the words of somebody at the page. Over HTTP a step is a route; here it is a button's name, or a line for a
// terminal. Steps that are not known here are read as the hub said them.
import type { Problem } from './wire';

type Step = {
  do?: unknown;
  command?: unknown;
  name?: unknown;
  value?: unknown;
  force?: unknown;
  line?: unknown;
};

const OPTIONS: Record<string, string> = {
  instance: 'the instance',
  timeout_ms: 'the time limit',
  select: 'the selection',
  durable: '“As a job”',
  idempotency_key: 'a key',
  confirm: 'your confirmation',
  on_error: 'what to do on errors',
};

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Nothing for a step that is not known here. */
function said(step: Step): string | undefined {
  switch (step.do) {
    case 'option':
      return OPTIONS[text(step.name)];
    case 'argument':
      return `${text(step.name)} = ${text(step.value)}`;
    case 'start':
      return '“Start” on the Stage';
    case 'stop':
      return step.force === true ? 'Stop, by force' : 'Stop';
    case 'status':
    case 'state':
      return 'the Stage';
    case 'history':
      return 'the history';
    case 'jobs':
    case 'job':
      return 'Work';
    case 'retry_job':
      return 'Retry';
    case 'cancel_job':
    case 'cancel':
      return 'Cancel';
    case 'resume_queue':
      return 'Resume';
    case 'command':
      return text(step.command);
    case 'undo':
      return 'Revert';
    case 'store_blob':
      return 'give a file by its path';
    case 'terminal':
      return `kapelle ${text(step.line)} in a terminal`;
    default:
      return undefined;
  }
}

export function hintOf(problem: Problem): string {
  const parts = problem.hint_parts ?? [];
  const words = parts.map((part) => (typeof part === 'string' ? part : said(part as Step)));
  const isWhole = words.length > 0 && words.every((word) => word !== undefined);
  return isWhole ? words.join('') : (problem.hint ?? '');
}
