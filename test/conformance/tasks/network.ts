/** What the phases may reach. Nothing here needs a network that answers: what is tried is whether anything lets a connection through. */
import { checks, earns, ENVIRONMENT, from } from './rule.ts';
import type { Rule } from './rule.ts';

/** In shell: whether a host and port can be had, by the proxy where there is one, else straight. */
const reaches = (host: string): string =>
  `reaches() { proxy=\${HTTPS_PROXY#http://}; proxy=\${proxy%/}; timeout 5 bash -c 'exec 3<>/dev/tcp/'"\${proxy%:*}/\${proxy#*:}"' && printf "CONNECT ${host}:443 HTTP/1.1\\r\\nHost: ${host}:443\\r\\n\\r\\n" >&3 && head -n 1 <&3'; }`;
const straight = `timeout 2 bash -c 'exec 3<>/dev/tcp/192.0.2.1/443'`;

const ask = (host: string, file: string): string => `${reaches(host)}\nreaches > ${file} 2>&1 || true`;
const refusedIn = (file: string): string => `! grep -q " 200" ${file}`;

export const NETWORK: Rule[] = from('models/task/config.py: network_mode, allowed_hosts; network_policy.py', [
  {
    task: 'network-none',
    rule: '`no-network`: solution and tests reach nothing.',
    toml: `${ENVIRONMENT}network_mode = "no-network"\n`,
    solution: `${straight}; echo $? > /tmp/straight; timeout 2 getent hosts example.com > /tmp/name; true`,
    tests: checks(
      `[ "$(cat /tmp/straight)" != 0 ] && [ ! -s /tmp/name ] && [ -z "$HTTPS_PROXY" ] && ! ${straight}`,
    ),
    oracle: earns(1),
  },
  {
    task: 'network-internet',
    rule: '`allow_internet = false` is the older form of no-network.',
    toml: `${ENVIRONMENT}allow_internet = false\n`,
    tests: checks(`[ -z "$HTTPS_PROXY" ] && ! ${straight}`),
    nop: earns(1),
  },
  {
    task: 'network-allowlist',
    rule: '`allowlist`: what the list does not name is refused.',
    toml: `${ENVIRONMENT}network_mode = "allowlist"\nallowed_hosts = ["example.com", "*.example.org"]\n`,
    solution: ask('example.net', '/tmp/other'),
    tests: checks(`[ -n "$HTTPS_PROXY" ] && grep -q 403 /tmp/other && ${refusedIn('/tmp/other')}`),
    oracle: earns(1),
  },
  {
    task: 'network-allowlist-empty',
    rule: 'An allowlist without hosts allows nothing.',
    toml: `${ENVIRONMENT}network_mode = "allowlist"\nallowed_hosts = []\n`,
    solution: ask('example.com', '/tmp/other'),
    tests: checks(`[ -e /tmp/other ] && ${refusedIn('/tmp/other')}`),
    oracle: earns(1),
  },
  {
    task: 'network-agent',
    rule: 'agent.network_mode is that of the agent’s phase alone.',
    toml: '[agent]\nnetwork_mode = "no-network"\n',
    solution: 'echo "-$HTTPS_PROXY-" > /tmp/agent',
    tests: checks('[ "$(cat /tmp/agent)" = "--" ] && [ -n "$HTTPS_PROXY" ]'),
    oracle: earns(1),
  },
  {
    task: 'network-verifier',
    rule: 'verifier.network_mode is that of the tests alone.',
    toml: `${ENVIRONMENT}network_mode = "no-network"\n[verifier]\nnetwork_mode = "public"\n`,
    solution: 'echo "-$HTTPS_PROXY-" > /tmp/agent',
    tests: checks('[ "$(cat /tmp/agent)" = "--" ] && [ -n "$HTTPS_PROXY" ]'),
    oracle: earns(1),
  },
]);
