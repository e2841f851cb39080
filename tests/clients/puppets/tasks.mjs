// SPDX-License-Identifier: MIT OR Apache-2.0
// Tasks for the TypeScript SDK 2.x by the official `@modelcontextprotocol/ext-tasks`.
//
// The package leaves the way to the server to its host (`rawDispatch`): here one POST a message, over HTTP only.

import { createTaskSessionFromClient, resultFromTaskOutcome } from '@modelcontextprotocol/ext-tasks/client';

const VERSION = '2026-07-28';

/// Gives a `call` that lives through a task's whole life; `told` hears of the task's states. Its signal cancels the task.
export function tasked(client, config, told) {
  let next = 0;
  const session = createTaskSessionFromClient(client, {
    endpointId: config.url,
    rawDispatch: (request, options) => post(config, { jsonrpc: '2.0', id: `task-${++next}`, ...request }, options),
    v2RequestFraming: {
      protocolVersion: VERSION,
      clientInfo: { name: config.name, version: '2.0.0' },
      clientCapabilities: config.elicits ? { elicitation: { form: {} } } : {},
    },
  });
  return async ({ name, arguments: args }, { signal }) => {
    const execution = await session.callTool(name, args);
    signal.addEventListener('abort', () => execution.cancel());
    const { outcome } = await execution.settle({ onEvent: (event) => event.type === 'task' && told(event.task) });
    return resultFromTaskOutcome(outcome);
  };
}

async function post(config, message, options) {
  const response = await fetch(config.url, {
    method: 'POST',
    headers: {
      ...options?.context?.headers,
      Authorization: `Bearer ${config.token}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': VERSION,
      'Mcp-Method': message.method,
      'Mcp-Name': message.params.name ?? message.params.taskId,
    },
    body: JSON.stringify(message),
    signal: options?.signal,
  });
  const body = await response.text();
  const lines = response.headers.get('content-type')?.startsWith('text/event-stream')
    ? body.split('\n').filter((line) => line.startsWith('data:') && line.length > 6).map((line) => line.slice(5))
    : [body];
  const answer = lines.map((line) => JSON.parse(line)).find((one) => one.id === message.id);
  return answer.error ? { kind: 'error', error: answer.error } : { kind: 'result', result: answer.result };
}
