/** Pure: MCP servers of a task as programs read them. */
import type { McpServer } from '../crds/agent-facts.ts';

/**
 * By name, as Claude Code and others have them. Values of headers keep their `${NAME}`, which those programs fill in from their own
 * variables: every user of the container can read the file.
 */
export const mcpServersOf = (servers: readonly McpServer[]): Record<string, object> =>
  Object.fromEntries(servers.map((server) => [server.name, entryOf(server)]));

/** The same as Gemini CLI has them, and what was made of it: the kind of transport is in the name of the field. */
export const geminiServersOf = (servers: readonly McpServer[]): Record<string, object> =>
  Object.fromEntries(servers.map((server) => [server.name, geminiEntryOf(server)]));

function geminiEntryOf(server: McpServer): object {
  if (server.transport === 'stdio') return { command: server.command, args: server.args };
  const { transport, url, headers } = server;
  return transport === 'sse' ? { url, headers } : { httpUrl: url, headers };
}

function entryOf(server: McpServer): object {
  if (server.transport === 'stdio') return { type: 'stdio', command: server.command, args: server.args };
  const { transport, url, headers } = server;
  return { type: transport === 'sse' ? 'sse' : 'http', url, headers };
}

/** A JSON text is a TOML value as well, where it is a string or a list of strings. */
const toml = JSON.stringify;

/**
 * The same as Codex has them, in TOML: it takes whole values of headers from variables, so that no secret is in a file. Lines of the script
 * make those variables. Codex knows no `sse`: such a server does not answer it.
 */
export function codexServersOf(servers: readonly McpServer[]): { config: string[]; script: string[] } {
  const parts = servers.map((server, index) => codexServer(server, `SB_MCP_HEADER_${index}`));
  return { config: parts.flatMap(({ config }) => config), script: parts.flatMap(({ script }) => script) };
}

function codexServer(server: McpServer, prefix: string): { config: string[]; script: string[] } {
  const head = `[mcp_servers.${toml(server.name)}]`;
  if (server.transport === 'stdio') {
    const config = [head, `command = ${toml(server.command)}`, `args = ${toml(server.args)}`];
    return { config, script: [] };
  }
  const headers = Object.entries(server.headers).map(([name, value], index) => {
    const variable = `${prefix}_${index}`;
    return { field: `${toml(name)} = "${variable}"`, line: `export ${variable}=${quoted(value)}` };
  });
  const fields = headers.map(({ field }) => field).join(', ');
  const config = [head, `url = ${toml(server.url)}`, `env_http_headers = { ${fields} }`];
  return { config, script: headers.map(({ line }) => line) };
}

/** Shell: the text, of which only `${NAME}` is filled in. */
const quoted = (text: string): string =>
  `"${text.replaceAll(/["\\`]|\$(?!\{[A-Za-z_][A-Za-z0-9_]*\})/g, '\\$&')}"`;
