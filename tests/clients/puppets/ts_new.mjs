// SPDX-License-Identifier: MIT OR Apache-2.0
// The official TypeScript SDK 2.x (`@modelcontextprotocol/client`) as a puppet; puppet.py says how it is spoken to.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { run } from './puppet.mjs';
import { tasked } from './tasks.mjs';

const MODES = { legacy: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } };

await run(async (config, events) => {
  const client = new Client(
    { name: config.name, version: '2.0.0' },
    {
      capabilities: config.elicits ? { elicitation: { form: {} } } : {},
      versionNegotiation: { mode: MODES[config.mode] },
    },
  );
  if (config.elicits) {
    client.setRequestHandler('elicitation/create', (request) => events.elicit(request.params));
  }
  client.setNotificationHandler('notifications/resources/updated', (told) => events.updated(told.params.uri));
  client.onerror = (error) => events.trouble(error);
  const transport =
    config.transport === 'http'
      ? new StreamableHTTPClientTransport(new URL(config.url), {
          requestInit: { headers: { Authorization: `Bearer ${config.token}` } },
        })
      : new StdioClientTransport({ command: config.command, args: config.args, env: config.env, stderr: 'inherit' });
  await client.connect(transport);
  const era = client.getProtocolEra();
  const call = config.tasks
    ? tasked(client, config, (task) => events.task(task))
    : ({ name, arguments: args }, options) => client.callTool({ name, arguments: args }, options);
  return {
    hello: {
      version: client.getNegotiatedProtocolVersion(),
      era,
      server: client.getServerVersion(),
      capabilities: client.getServerCapabilities(),
      instructions: client.getInstructions(),
    },
    tools: () => client.listTools(),
    call,
    resources: () => client.listResources(),
    templates: () => client.listResourceTemplates(),
    read: ({ uri }) => client.readResource({ uri }, { cacheMode: 'bypass' }),
    prompts: () => client.listPrompts(),
    prompt: ({ name, arguments: args }) => client.getPrompt({ name, arguments: args }),
    watch: async ({ uri }) => {
      if (era === 'legacy') return client.subscribeResource({ uri });
      const heard = await client.listen({ resourceSubscriptions: [uri] });
      return { honored: heard.honoredFilter };
    },
    close: async () => {
      if (config.transport === 'http' && era === 'legacy') await transport.terminateSession();
      await client.close();
    },
  };
});
