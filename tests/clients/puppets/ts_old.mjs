// SPDX-License-Identifier: MIT OR Apache-2.0
// The official TypeScript SDK 1.x (`@modelcontextprotocol/sdk`) as a puppet; puppet.py says how it is spoken to.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CallToolResultSchema,
  ElicitRequestSchema,
  LATEST_PROTOCOL_VERSION,
  ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

import { run } from './puppet.mjs';

await run(async (config, events) => {
  const client = new Client(
    { name: config.name, version: '1.0.0' },
    { capabilities: config.elicits ? { elicitation: {} } : {} },
  );
  if (config.elicits) {
    client.setRequestHandler(ElicitRequestSchema, (request) => events.elicit(request.params));
  }
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, (told) => events.updated(told.params.uri));
  client.onerror = (error) => events.trouble(error);
  const transport =
    config.transport === 'http'
      ? new StreamableHTTPClientTransport(new URL(config.url), {
          requestInit: { headers: { Authorization: `Bearer ${config.token}` } },
        })
      : new StdioClientTransport({ command: config.command, args: config.args, env: config.env, stderr: 'inherit' });
  await client.connect(transport);
  return {
    hello: {
      version: LATEST_PROTOCOL_VERSION,
      era: 'legacy',
      server: client.getServerVersion(),
      capabilities: client.getServerCapabilities(),
      instructions: client.getInstructions(),
    },
    tools: () => client.listTools(),
    call: ({ name, arguments: args }, options) =>
      client.callTool({ name, arguments: args }, CallToolResultSchema, options),
    resources: () => client.listResources(),
    templates: () => client.listResourceTemplates(),
    read: ({ uri }) => client.readResource({ uri }),
    prompts: () => client.listPrompts(),
    prompt: ({ name, arguments: args }) => client.getPrompt({ name, arguments: args }),
    watch: ({ uri }) => client.subscribeResource({ uri }),
    close: async () => {
      if (config.transport === 'http') await transport.terminateSession();
      await client.close();
    },
  };
});
