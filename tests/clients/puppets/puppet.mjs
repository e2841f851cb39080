// SPDX-License-Identifier: MIT OR Apache-2.0
// What both TypeScript puppets share: one JSON object a line on stdin and stdout; puppet.py says which.

import { createInterface } from 'node:readline';

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const plainly = (error) => ({
  kind: error?.constructor?.name ?? 'Error',
  code: error?.code ?? null,
  message: String(error?.message ?? error),
  data: error?.data ?? null,
});

/// Connects by `connect(config, events)` and then does what the lines on stdin say, several at once.
export async function run(connect) {
  const config = JSON.parse(process.argv[2]);
  const running = new Map();
  let reply = { action: 'decline' };
  const events = {
    elicit: (params) => {
      say({ event: 'elicit', params });
      return reply;
    },
    updated: (uri) => say({ event: 'updated', params: { uri } }),
    task: (params) => say({ event: 'task', params }),
    trouble: (error) => say({ event: 'trouble', params: plainly(error) }),
  };
  let client;
  try {
    client = await connect(config, events);
  } catch (error) {
    say({ event: 'refused', params: plainly(error) });
    process.exit(1);
  }
  say({ event: 'hello', params: client.hello });

  const call = (asked) => {
    const controller = new AbortController();
    running.set(asked.id, controller);
    const options = { signal: controller.signal, timeout: asked.timeout_ms ?? 60_000 };
    if (asked.progress) {
      options.onprogress = (told) => say({ event: 'progress', id: asked.id, params: told });
      options.resetTimeoutOnProgress = true;
    }
    return client.call(asked, options).finally(() => running.delete(asked.id));
  };
  const does = {
    ...client,
    call,
    cancel: ({ call: id }) => {
      running.get(id)?.abort('the test changed its mind');
      return {};
    },
    answer: (asked) => {
      reply = asked.reply;
      return {};
    },
  };
  let closing;
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    const done = Promise.resolve()
      .then(() => does[asked.do](asked))
      .then(
        (result) => say({ id: asked.id, result: result ?? {} }),
        (error) => say({ id: asked.id, error: plainly(error) }),
      );
    if (asked.do === 'close') {
      closing = done;
      break;
    }
  }
  await (closing ?? client.close());
  process.exit(0);
}
