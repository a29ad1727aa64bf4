/** Values of task.toml that fit their type and mean nothing. */
import { field, type BadTask } from './bad-task.ts';

const users: BadTask[] = [
  ...['', 'a b', 'root;id', '-1', 'a:b:c', '$(id)', 'ü'].map((user) =>
    field(`the user ${JSON.stringify(user)}`, `[verifier]\nuser = ${JSON.stringify(user)}`, /verifier\.user/),
  ),
  field(
    'a negative user',
    '[verifier]\nuser = -1',
    /verifier\.user is -1; expected a user name or a number, 0 or more/,
  ),
  field('half a user', '[verifier]\nuser = 1.5', /verifier\.user is 1\.5; expected a user name or a number/),
  field(
    'a hook’s user',
    '[[verifier.collect]]\ncommand = "x"\nuser = "a b"',
    /verifier\.collect\[0\]\.user is "a b"/,
  ),
];

const hosts: BadTask[] = [
  ...[
    'https://a.org',
    'a.org:443',
    'a.org/x',
    '*',
    'a.*.org',
    '*.10.0.0.1',
    '10.0.0.0/33',
    '::1/129',
    'a b',
    '',
    '-a.org',
    'a..org',
  ].map((host) =>
    field(
      `the host ${JSON.stringify(host)}`,
      `network_mode = "allowlist"\nallowed_hosts = [${JSON.stringify(host)}]`,
      /environment\.allowed_hosts\[0\] is .*; expected a host/,
    ),
  ),
  field(
    'hosts without an allowlist',
    'allowed_hosts = ["a.org"]',
    /environment\.allowed_hosts has a meaning only with/,
  ),
];

const paths: BadTask[] = [
  field('a relative workdir', 'workdir = "app"', /environment\.workdir is "app"; expected an absolute path/),
  field('a workdir with a NUL', 'workdir = "/a\\u0000b"', /environment\.workdir holds a NUL/),
  field('an image with a space', 'docker_image = "a b"', /environment\.docker_image is "a b"/),
  field('a skills_dir with a NUL', 'skills_dir = "/a\\u0000b"', /environment\.skills_dir holds a NUL/),
  field(
    'an artifact that climbs',
    '[[artifacts]]\nsource = "/a/../b"',
    /artifacts\[0\] has the source "\/a\/\.\.\/b"/,
  ),
  field(
    'a destination that climbs',
    '[[artifacts]]\nsource = "/a"\ndestination = "../b"',
    /artifacts\[0\] has the destination "\.\.\/b"/,
  ),
  field(
    'a destination that is the manifest',
    '[[artifacts]]\nsource = "/a"\ndestination = "manifest.json"',
    /manifest\.json/,
  ),
  field(
    'too many patterns',
    `[[artifacts]]\nsource = "/a"\nexclude = [${'"x",'.repeat(100)}]`,
    /artifacts\[0\]\.exclude has 100 entries; expected at most 32/,
  ),
  field('an empty source', '[[artifacts]]\nsource = ""', /artifacts\[0\]/),
];

const servers: BadTask[] = [
  field(
    'an MCP server without an address',
    'mcp_servers = [{ name = "a" }]',
    /mcp_servers\[0\]\.url is missing/,
  ),
  field(
    'an MCP server without a program',
    'mcp_servers = [{ name = "a", transport = "stdio" }]',
    /mcp_servers\[0\]\.command is missing/,
  ),
  field(
    'an unknown transport',
    'mcp_servers = [{ name = "a", transport = "ws", url = "x" }]',
    /transport is "ws"; expected one of/,
  ),
  field(
    'a key in a header',
    'mcp_servers = [{ name = "a", url = "x", headers = { Authorization = "Bearer sk-1" } }]',
    /headers\.Authorization is refused; expected a credential to be a variable/,
  ),
  field(
    'headers of a program',
    'mcp_servers = [{ name = "a", transport = "stdio", command = "x", headers = { A = "b" } }]',
    /headers has no meaning for transport stdio/,
  ),
];

export const VALUES: readonly BadTask[] = [...users, ...hosts, ...paths, ...servers];
