// A call as it is written elsewhere: to be pasted into a shell, a script, an agent's client. Each one works as it
// stands on the machine of the hub; none of them holds the token, all read it from its file.

export interface Told {
  url: string;
  token_file: string;
  app: string;
  instance: string | null;
  command: string;
  args: Record<string, unknown>;
}

export const FORMS = ['curl', 'CLI', 'Python', 'TypeScript', 'MCP'] as const;
export type Form = (typeof FORMS)[number];

const MCP_VERSION = '2026-07-28';
const USUAL_HOME = '/.kapelle/tokens/owner';

/** A word for a POSIX shell. */
export const shell = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

/** A value as Python writes it. */
export function python(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (typeof value === 'object') {
    const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}: ${python(member)}`);
    return `{${members.join(', ')}}`;
  }
  // A JSON text is a Python text too, once lone halves of letters are gone; numbers are the same.
  return JSON.stringify(value);
}

function bodyOf({ app, instance, command, args }: Told): Record<string, unknown> {
  return { app, ...(instance ? { instance } : {}), command, args };
}

const header = ({ token_file }: Told): string => `-H "Authorization: Bearer $(cat ${shell(token_file)})"`;

function curl(told: Told): string {
  return [
    `curl -sS ${told.url}/v1/calls`,
    header(told),
    `-H 'Content-Type: application/json'`,
    `-d ${shell(JSON.stringify(bodyOf(told)))}`,
  ].join(' \\\n  ');
}

function cli({ token_file, app, instance, command, args }: Told): string {
  const words = ['kapelle'];
  if (!token_file.endsWith(USUAL_HOME))
    words.push('--home', shell(token_file.replace(/[\\/]tokens[\\/]owner$/, '')));
  words.push('run', shell(app), shell(command));
  if (Object.keys(args).length) words.push('--args', shell(JSON.stringify(args)));
  if (instance) words.push('--instance', shell(instance));
  return words.join(' ');
}

function pythonScript(told: Told): string {
  return `import json
import pathlib
import urllib.request

token = pathlib.Path(${python(told.token_file)}).read_text().strip()
call = ${python(bodyOf(told))}
request = urllib.request.Request(
    ${python(`${told.url}/v1/calls`)},
    json.dumps(call).encode(),
    {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
)
with urllib.request.urlopen(request) as answer:
    print(json.load(answer))
`;
}

function typescript(told: Told): string {
  return `import { readFile } from 'node:fs/promises';

const token = (await readFile(${JSON.stringify(told.token_file)}, 'utf8')).trim();
const answer = await fetch(${JSON.stringify(`${told.url}/v1/calls`)}, {
  method: 'POST',
  headers: { Authorization: \`Bearer \${token}\`, 'Content-Type': 'application/json' },
  body: JSON.stringify(${JSON.stringify(bodyOf(told), null, 2).replaceAll('\n', '\n  ')}),
});
console.log(await answer.json());
`;
}

function mcp(told: Told): string {
  const { app, instance, command, args } = told;
  const message = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: 'run',
      arguments: { app, ...(instance ? { instance } : {}), command, args },
      _meta: {
        'io.modelcontextprotocol/protocolVersion': MCP_VERSION,
        'io.modelcontextprotocol/clientInfo': { name: 'dashboard', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  };
  return [
    `curl -sS ${told.url}/mcp`,
    header(told),
    `-H 'Content-Type: application/json'`,
    `-H 'Accept: application/json, text/event-stream'`,
    `-H 'MCP-Protocol-Version: ${MCP_VERSION}'`,
    `-H 'Mcp-Method: tools/call'`,
    `-H 'Mcp-Name: run'`,
    `-d ${shell(JSON.stringify(message))}`,
  ].join(' \\\n  ');
}

const WRITERS: Record<Form, (told: Told) => string> = {
  curl,
  CLI: cli,
  Python: pythonScript,
  TypeScript: typescript,
  MCP: mcp,
};

export const write = (form: Form, told: Told): string => WRITERS[form](told);
