// What the hub says, as far as the page reads it: docs/reference/http.md and websocket.md. No code, only forms.

export interface Problem {
  code: string;
  message: string;
  hint?: string | null;
  call_id?: string | null;
  retryable?: boolean;
  details?: Record<string, unknown>;
}

export type Status =
  | 'queued'
  | 'leased'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'timed_out'
  | 'cancelled'
  | 'interrupted'
  | 'dead';

export type InstanceState = 'starting' | 'idle' | 'busy' | 'wedged' | 'disconnected' | 'failed';

export interface Behind {
  call_id: string;
  command: string;
  caller: string;
  running_ms: number;
}

export interface Instance {
  name: string;
  app: string;
  state: InstanceState;
  why?: string | null;
  since: string;
  pid: number | null;
  version: string | null;
  bridge_version: string | null;
  mode: 'background' | 'gui' | 'module';
  file: string | null;
  started_by_hub: boolean;
  queued: number;
  running?: Behind | null;
  restarts: number;
  rss_mb?: number | null;
  limits?: { memory_mb?: number; time_s?: number; lived_s?: number } | null;
  notice?: string | null;
}

export interface Item {
  type: string;
  name: string;
}

export interface Changes {
  added: Item[];
  changed: Item[];
  removed: Item[];
  truncated?: number;
}

export interface Worker {
  name: string;
  state: string;
  done?: number;
  frame?: number;
  /** Of the frame that it renders, 0 to 1. */
  part?: number;
  why?: string;
}

/** What a render farm tells beside its progress. */
export interface FarmDetails {
  frames?: number;
  done?: number;
  skipped?: number;
  failed?: number;
  left_s?: number | null;
  /** The path of the last frame. */
  last?: string | null;
  picture?: { $blob: string } | null;
  workers?: Worker[];
}

export interface Progress {
  fraction: number | null;
  text: string;
  details?: FarmDetails;
}

export interface Output {
  stdout: string;
  stderr: string;
  logs: { level: string; source: string; text: string }[];
}

export interface Call {
  call_id: string;
  correlation_id?: string | null;
  app: string;
  instance?: string | null;
  command: string;
  caller: string;
  status: Status;
  asked_at: string;
  position?: number;
  behind?: Behind;
  progress?: Progress;
  value?: unknown;
  output?: Output;
  duration_ms?: number;
  changes?: Changes;
  memory?: { rss_mb?: number | null; delta_mb?: number | null };
  problem?: Problem;
  args?: Record<string, unknown>;
}

export interface Attempt {
  attempt: number;
  instance?: string | null;
  started_at?: string | null;
  ended_at?: string | null;
  status: Status;
  problem?: Problem | null;
}

/** A durable call. */
export interface Job extends Call {
  priority: number;
  not_before?: string | null;
  deadline?: string | null;
  retry?: { max: number; backoff_ms: number } | null;
  labels?: Record<string, string>;
  after?: string[];
  durability?: 'fsync' | 'journal';
  /** 0 before the first. */
  attempt: number;
  /** Why it waits, or was given up. */
  why?: string | null;
  started_at?: string | null;
  ended_at?: string | null;
  paused?: boolean;
  attempts?: Attempt[];
}

export interface Queue {
  app: string;
  paused: boolean;
  draining: boolean;
}

export interface Schema {
  type?: string | string[];
  enum?: (string | number)[];
  default?: unknown;
  description?: string;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  'x-form'?: string;
  'x-unit'?: string;
}

export type Effect = 'read' | 'write' | 'destructive' | 'code';

export interface Command {
  name: string;
  summary: string;
  docs?: string | null;
  effect: Effect;
  args: Schema;
  result?: Schema | null;
  example?: Record<string, unknown> | null;
}

export interface App {
  app: string;
  title: string;
  commands: number;
  instances: string[];
  announced: boolean;
  /** Whether it has an add-on that can be installed from here. */
  installs?: boolean;
}

export interface Me {
  caller: string;
  scopes: string[];
  version: string;
  token_file: string;
}

export interface Picture {
  $blob: string;
  width?: number | null;
  height?: number | null;
  taken_at: string;
}

/** What happened, as the feed tells it. */
export type Event =
  | { event: 'call_queued' | 'call_ended'; call: Call }
  | { event: 'call_started'; call_id: string; instance: string }
  | { event: 'call_progress'; call_id: string; progress: Progress }
  | { event: 'call_output'; call_id: string; stream: string; text: string }
  | { event: 'instance'; instance: Instance }
  | { event: 'state'; instance: string; revision: number }
  | { event: 'job'; job: Job };

export const isUnderWay = (status: Status): boolean =>
  status === 'queued' || status === 'leased' || status === 'running';
