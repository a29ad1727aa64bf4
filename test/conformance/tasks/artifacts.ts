/** What is kept of the container, and the commands that run before. */
import { checks, earns, ENVIRONMENT, from } from './rule.ts';
import type { Rule } from './rule.ts';

const hooks = from('trial/trial.py: _run_collect_hooks', [
  {
    task: 'collect-order',
    rule: 'verifier.collect runs after the agent and before the artifacts are copied, one after another, in its own shell and as its user.',
    toml: 'artifacts = ["/tmp/said"]\n[[verifier.collect]]\ncommand = "cat /tmp/done > /tmp/said; echo $(id -un) one | tee -a /tmp/said"\n[[verifier.collect]]\ncommand = "echo $(id -un) two >> /tmp/said"\n[[verifier.collect]]\nuser = "games"\ncommand = "id -un > /tmp/games"\n',
    solution: 'echo done > /tmp/done',
    tests: checks('[ "$(cat /tmp/games)" = games ] && [ ! -e /tests/said ]'),
    oracle: earns(1),
    results: { 'output/tmp/said': /^done\nroot one\nroot two\n$/ },
  },
  {
    task: 'collect-failing',
    rule: 'A command of verifier.collect that fails or exceeds its timeout costs nothing.',
    toml: '[[verifier.collect]]\ncommand = "exit 9"\n[[verifier.collect]]\ncommand = "sleep 600"\ntimeout_sec = 1\n[[verifier.collect]]\ncommand = "no-such-command; touch /tmp/last"\n',
    tests: checks('[ -e /tmp/last ]'),
    nop: earns(1),
  },
]);

const copies = from('trial/artifact_handler.py', [
  {
    task: 'artifacts',
    rule: 'An artifact is a path, or a table with another destination; a folder is kept with all that it has, but for what exclude names.',
    toml: 'artifacts = ["/tmp/a.txt", { source = "/tmp/b.txt", destination = "other/name.txt" }, { source = "/tmp/made", exclude = ["*.log", "cache"] }]\n',
    solution:
      'cd /tmp; echo a > a.txt; echo b > b.txt; mkdir -p made/deep made/cache; echo c | tee made/deep/c.txt made/x.log made/cache/d.txt',
    tests: checks('[ -e /tmp/a.txt ]'),
    oracle: earns(1),
    results: {
      'output/tmp/a.txt': /^a\n$/,
      'output/other/name.txt': /^b\n$/,
      'output/tmp/made/deep/c.txt': /^c\n$/,
      'output/tmp/made/x.log': false,
      'output/tmp/made/cache/d.txt': false,
      'output/manifest.json': /"artifacts\/other\/name\.txt"/,
    },
  },
  {
    task: 'artifacts-relative',
    rule: 'A relative path is one below the workdir.',
    toml: `artifacts = ["made/a.txt"]\n${ENVIRONMENT}workdir = "/srv"\n`,
    solution: 'mkdir made; echo a > made/a.txt',
    tests: checks('[ -e /srv/made/a.txt ]'),
    oracle: earns(1),
    results: { 'output/made/a.txt': /^a\n$/ },
    differs: {
      harbor:
        'on local Docker copies what is there below /, so that the artifact fails; on GKE below the image’s WORKDIR',
      because: 'that is where solution and tests begin, and what the path means there',
    },
  },
  {
    task: 'artifacts-missing',
    rule: 'An artifact that is missing costs nothing; the manifest says that it failed.',
    toml: 'artifacts = ["/no/such/file.txt"]\n',
    nop: earns(1),
    results: { 'output/manifest.json': /"failed"/ },
  },
  {
    task: 'artifacts-overlap',
    rule: 'Of two artifacts with one place the first is kept, and the manifest says that the other was skipped.',
    toml: 'artifacts = [{ source = "/tmp/a.txt", destination = "x.txt" }, { source = "/tmp/b.txt", destination = "x.txt" }]\n',
    solution: 'echo a > /tmp/a.txt; echo b > /tmp/b.txt',
    oracle: earns(1),
    results: { 'output/x.txt': /^a\n$/, 'output/manifest.json': /"skipped"/ },
  },
  {
    task: 'artifacts-links',
    rule: 'Links that lead out of a folder are not followed, and cost nothing; the manifest says that it failed.',
    toml: 'artifacts = ["/tmp/made"]\n',
    solution: 'mkdir /tmp/made; ln -s /etc/passwd /tmp/made/out; echo a > /tmp/made/a.txt',
    oracle: earns(1),
    results: { 'output/tmp/made/out': false, 'output/manifest.json': /"failed"/ },
    differs: {
      harbor:
        'keeps an absolute link, which then leads into the machine that it runs on; after one that leads out by .. it copies no more of the folder',
      because:
        'whoever opens the results would read files that are not the task’s; one link costs no other file',
    },
  },
  {
    task: 'artifacts-large',
    rule: 'Files of many megabytes are kept.',
    toml: 'artifacts = ["/tmp/large.bin"]\n',
    solution: 'head -c 20000000 /dev/zero > /tmp/large.bin',
    oracle: earns(1),
    results: { 'output/tmp/large.bin': true },
  },
  {
    task: 'logs',
    rule: '/logs/agent and /logs/artifacts are there for everybody, and all that is left there is kept.',
    toml: '[agent]\nuser = "games"\n',
    solution:
      'mkdir /logs/artifacts/deep && echo a > /logs/artifacts/deep/a.txt && echo b > "/logs/agent/b ü.txt"',
    oracle: earns(1),
    results: {
      'output/deep/a.txt': /^a\n$/,
      'agent/b ü.txt': /^b\n$/,
      'output/manifest.json': /"\/logs\/artifacts"/,
    },
  },
]);

export const ARTIFACTS: Rule[] = [...hooks, ...copies];
