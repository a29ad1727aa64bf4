import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync, readFileSync, existsSync } from 'node:fs';
import { startModelServer } from '/work/wt/proxy/test/support/model/server.ts';
import * as scriptsModule from '/work/wt/proxy/test/support/model/scripts.ts';
import { startModelProxy } from '/work/wt/proxy/src/courier/model-proxy/proxy.ts';
import { DIRECTLY } from '/work/wt/proxy/src/courier/broker/http.ts';
const scripts = (scriptsModule as any).scripts ?? (scriptsModule as any).default ?? Object.values(scriptsModule)[0];
const P = 'Write the word solved into answer.txt.';
const NODE = '/work/wt/model/node_modules/node/bin';
const H = '/var/tmp/px/real';
const progs: Record<string, [string, (u: string, s: string) => { env: Record<string, string>; argv: string[] }]> = {
  'claude-code': ['anthropic', (u, s) => ({ env: { ANTHROPIC_BASE_URL: u, ANTHROPIC_API_KEY: 'T', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1', DISABLE_TELEMETRY: '1', IS_SANDBOX: '1' }, argv: ['/tmp/agents-claude-code/node_modules/.bin/claude', '-p', P, '--verbose', '--output-format=stream-json', '--dangerously-skip-permissions', '--model', s] })],
  codex: ['openai', (u, s) => { mkdirSync(`${H}/home/.codex`, { recursive: true }); writeFileSync(`${H}/home/.codex/config.toml`, `model_provider = "s"\n[model_providers.s]\nname = "s"\nbase_url = "${u}"\nenv_key = "K"\nwire_api = "responses"\n`); return { env: { K: 'T' }, argv: ['/tmp/agents-codex/node_modules/.bin/codex', 'exec', '--dangerously-bypass-approvals-and-sandbox', '--skip-git-repo-check', '--json', '--model', s, P] }; }],
  'qwen-code': ['openai', (u, s) => ({ env: { OPENAI_BASE_URL: u, OPENAI_API_KEY: 'T', OPENAI_MODEL: s }, argv: ['/tmp/agents-qwen-code/node_modules/.bin/qwen', '--auth-type', 'openai', '--yolo', '-p', P, '--output-format', 'stream-json'] })],
  'gemini-cli': ['gemini', (u, s) => { mkdirSync(`${H}/home/.gemini`, { recursive: true }); writeFileSync(`${H}/home/.gemini/settings.json`, '{"security":{"auth":{"selectedType":"gemini-api-key"}}}'); return { env: { GEMINI_API_KEY: 'T', GOOGLE_GEMINI_BASE_URL: u }, argv: ['/tmp/agents-gemini-cli/node_modules/.bin/gemini', '--yolo', '--skip-trust', '--model', s, '-p', P, '--output-format', 'stream-json'] }; }],
  opencode: ['openai', (u, s) => { mkdirSync(`${H}/home/.config/opencode`, { recursive: true }); writeFileSync(`${H}/home/.config/opencode/opencode.json`, JSON.stringify({ autoupdate: false, share: 'disabled', provider: { s: { npm: '@ai-sdk/openai-compatible', name: 's', options: { baseURL: u, apiKey: '{env:K}' }, models: { [s]: { name: s } } } } })); return { env: { K: 'T', OPENCODE_DISABLE_MODELS_FETCH: '1' }, argv: ['/tmp/agents-opencode/node_modules/.bin/opencode', `--model=s/${s}`, 'run', '--format=json', '--dangerously-skip-permissions', '--', P] }; }],
  pi: ['openai', (u, s) => { mkdirSync(`${H}/home/.pi/agent`, { recursive: true }); writeFileSync(`${H}/home/.pi/agent/models.json`, JSON.stringify({ providers: { s: { baseUrl: u, api: 'openai-completions', apiKey: 'K', models: [{ id: s }] } } })); return { env: { K: 'T', PI_OFFLINE: '1' }, argv: ['/tmp/agents-pi/node_modules/.bin/pi', '--provider', 's', '--model', s, '--mode', 'json', '--no-session', '-p', P] }; }],
  'mini-swe-agent': ['openai', (u, s) => ({ env: { OPENAI_API_BASE: u, OPENAI_API_KEY: 'T', MSWEA_CONFIGURED: 'true', MSWEA_COST_TRACKING: 'ignore_errors', LITELLM_LOCAL_MODEL_COST_MAP: 'True' }, argv: ['/tmp/agents-mini-swe-agent/bin/mini', '-m', `openai/${s}`, '-t', P, '--yolo', '--exit-immediately', '-o', `${H}/t.json`] })],
  aider: ['openai', (u, s) => ({ env: { OPENAI_API_BASE: u, OPENAI_API_KEY: 'T', LITELLM_LOCAL_MODEL_COST_MAP: 'True' }, argv: ['/tmp/agents-aider/bin/aider', '--yes-always', '--no-git', '--no-check-update', '--analytics-disable', '--no-show-model-warnings', '--no-show-release-notes', '--no-pretty', '--message', P, '--model', `openai/${s}`] })],
};
const only = process.argv[2]?.split(',');
for (const [name, [provider, make]] of Object.entries(progs)) {
  if (only && !only.includes(name)) continue;
  for (const budget of [undefined, 150]) {
    rmSync(H, { recursive: true, force: true }); mkdirSync(`${H}/home`, { recursive: true }); mkdirSync(`${H}/work`, { recursive: true });
    const server = await startModelServer({ scripts, keys: { real: 'REAL-KEY-0123456789' } });
    const base = provider === 'openai' ? `${server.url}/v1` : server.url;
    const proxy = await startModelProxy({ endpoint: { provider, name: 'x', access: 'Proxy', baseUrl: base, key: 'K', prices: [], ...(budget && { maxTokens: budget }) } as any, token: 'T', key: 'REAL-KEY-0123456789', agents: DIRECTLY, port: 0, note: () => {} });
    const url = `http://127.0.0.1:${proxy.port}${provider === 'openai' ? '/v1' : ''}`;
    const { env, argv } = make(url, 'solve-edit');
    const began = performance.now();
    const { done, seen } = await proxy.during(() => new Promise<any>((resolve) => {
      const [file, ...args] = argv;
      const child = spawn(file!, args, { cwd: `${H}/work`, env: { HOME: `${H}/home`, PATH: `${NODE}:/usr/local/bin:/usr/bin:/bin`, LANG: 'C.UTF-8', TERM: 'dumb', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
      let out = ''; child.stdout.on('data', (d) => out += d); child.stderr.on('data', (d) => out += d);
      const t = setTimeout(() => child.kill('SIGKILL'), 60000);
      child.on('close', (code) => { clearTimeout(t); resolve({ code, out }); });
    }));
    const answer = existsSync(`${H}/work/answer.txt`) ? readFileSync(`${H}/work/answer.txt`, 'utf8').trim() : '';
    console.log(name, budget ?? '', 'exit', done.code, ((performance.now() - began) / 1000).toFixed(1) + 's', 'answer:', answer, JSON.stringify({ i: seen.usage.inputTokens, c: seen.usage.cacheTokens, o: seen.usage.outputTokens }), 'server:', JSON.stringify(server.totals()), 'failure:', seen.failure?.type ?? '', 'other paths:', JSON.stringify([...new Set(server.log().map((e: any) => e.method + ' ' + e.path))]));
    if (done.code !== 0 && !budget) console.log(done.out.slice(-600));
    await proxy.close(); await server.close();
  }
}
process.exit(0);
