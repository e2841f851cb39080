// Asks the hub over HTTP. Answers are the hub's JSON; what goes wrong, there or on the way, is thrown as a Problem.
import type { Answers, Problem } from './wire';

export class Refused extends Error {
  constructor(
    readonly problem: Problem,
    readonly status: number,
  ) {
    super(problem.message);
  }
}

/** What anything that was thrown is to a person. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Refused) return thrown.problem;
  return { code: 'internal', message: thrown instanceof Error ? thrown.message : String(thrown) };
}

export const isSignedOut = (thrown: unknown): boolean => thrown instanceof Refused && thrown.status === 401;

export async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method, credentials: 'same-origin', cache: 'no-store' };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { 'Content-Type': 'application/json' };
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused(
      {
        code: 'hub_unreachable',
        message: 'The hub is not responding.',
        hint: 'Start it again with: kapelle serve',
      },
      0,
    );
  }
  const text = await response.text();
  let document: unknown;
  try {
    document = text ? JSON.parse(text) : null;
  } catch {
    document = {
      code: 'internal',
      message: `The hub answered ${response.status} with something that is not JSON.`,
    };
  }
  if (!response.ok) throw new Refused(document as Problem, response.status);
  return document as T;
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> =>
  ask<T>('GET', path, undefined, signal);
export const post = <T>(path: string, body: unknown): Promise<T> => ask<T>('POST', path, body);
export const patch = <T>(path: string, body: unknown): Promise<T> => ask<T>('PATCH', path, body);
export const del = <T>(path: string): Promise<T> => ask<T>('DELETE', path);

/** The address of a blob, for a picture. */
export const blobUrl = (blob: string): string => `/v1/blobs/${encodeURIComponent(blob)}`;

/** Stores a file; gives the reference that stands for it. */
export async function putBlob(file: Blob): Promise<{ $blob: string }> {
  const response = await fetch('/v1/blobs', { method: 'PUT', body: file, credentials: 'same-origin' });
  const document = (await response.json()) as Answers['Blob'] & Problem;
  if (!response.ok) throw new Refused(document, response.status);
  return { $blob: document.$blob };
}
