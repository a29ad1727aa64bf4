/** What Harbor's models check beyond the types of single fields. */
import { problemOfAllowedHost } from '../../wire/network.ts';
import type { Report } from './aliases.ts';
import { headerFault } from './headers.ts';
import { shown } from './problems.ts';
import type { Path } from './problems.ts';
import type { ArtifactConfig, EnvironmentConfig, TaskConfig, VerifierConfig } from './schema.ts';
import { stepNameFault, stepNameKey } from '../../wire/step-name.ts';

export function checkRules(config: TaskConfig, report: Report): void {
  checkEnvironment(config.environment, ['environment'], report);
  checkVerifier(config.verifier, ['verifier'], report);
  checkNetwork(config.agent, ['agent'], report);
  checkArtifacts(config.artifacts, ['artifacts'], report);
  const seen = new Set<string>();
  for (const [index, step] of (config.steps ?? []).entries()) {
    const path = ['steps', index];
    const fault = stepNameFault(step.name);
    if (fault !== undefined) report([...path, 'name'], `is ${shown(step.name)}; expected ${fault}`);
    if (seen.has(stepNameKey(step.name)))
      report(
        [...path, 'name'],
        `is ${shown(step.name)}, the name of an earlier step; expected a unique name`,
      );
    seen.add(stepNameKey(step.name));
    checkVerifier(step.verifier, [...path, 'verifier'], report);
    checkNetwork(step.agent, [...path, 'agent'], report);
    checkArtifacts(step.artifacts, [...path, 'artifacts'], report);
  }
}

/** As the API takes it of agent and verifier. */
const USER = /^\w[\w.-]*(:\w[\w.-]*)?$/;

function checkVerifier(verifier: VerifierConfig, path: Path, report: Report): void {
  checkNetwork(verifier, path, report);
  for (const [index, { user = 'root' }] of verifier.collect.entries())
    if (!USER.test(String(user)))
      report(
        [...path, 'collect', index, 'user'],
        `is ${shown(user)}; expected a name or a number, with :group or without`,
      );
  if (!verifier.environment) return;
  if (verifier.environment_mode === 'shared')
    report(
      [...path, 'environment_mode'],
      'is "shared", but an environment of its own is given; expected "separate"',
    );
  checkEnvironment(verifier.environment, [...path, 'environment'], report);
}

function checkEnvironment(environment: EnvironmentConfig, path: Path, report: Report): void {
  checkNetwork(environment, path, report);
  const { os, workdir = '/', docker_image: image = 'debian' } = environment;
  if (!/^[^\s\p{Cc}]+$/u.test(image))
    report([...path, 'docker_image'], `is ${shown(image)}; expected the name of an image, without spaces`);
  // A path of Windows is for what runs Windows to judge.
  if (os !== 'windows' && !workdir.startsWith('/'))
    report([...path, 'workdir'], `is ${shown(workdir)}; expected an absolute path`);
  for (const [index, server] of environment.mcp_servers.entries())
    checkServer(server, [...path, 'mcp_servers', index], report);
}

function checkServer(
  { transport, url, command, headers }: EnvironmentConfig['mcp_servers'][number],
  path: Path,
  report: Report,
): void {
  const isLocal = transport === 'stdio';
  const needed = isLocal ? 'command' : 'url';
  if (!(isLocal ? command : url)) report([...path, needed], `is missing; transport ${transport} needs it`);
  if (isLocal && Object.keys(headers).length > 0)
    report([...path, 'headers'], 'has no meaning for transport stdio; expected sse or streamable-http');
  for (const [name, value] of Object.entries(headers)) {
    const fault = headerFault(name, value);
    // The value may be a credential.
    if (fault !== undefined) report([...path, 'headers', name], `is refused; expected ${fault}`);
  }
}

interface NetworkFields {
  network_mode?: string;
  allowed_hosts?: string[];
}

function checkNetwork(
  { network_mode: mode, allowed_hosts: hosts }: NetworkFields,
  path: Path,
  report: Report,
): void {
  if (hosts === undefined) return;
  if (mode !== 'allowlist' && (mode === undefined || hosts.length > 0))
    report([...path, 'allowed_hosts'], 'has a meaning only with network_mode = "allowlist"');
  for (const [index, host] of hosts.entries()) {
    const problem = problemOfAllowedHost(host);
    if (problem !== undefined) report([...path, 'allowed_hosts', index], problem);
  }
}

const SERVICE = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

function checkArtifacts(artifacts: ArtifactConfig[], path: Path, report: Report): void {
  for (const [index, artifact] of artifacts.entries()) {
    const {
      source,
      destination,
      service = 'main',
    } = typeof artifact === 'string' ? { source: artifact } : artifact;
    const at = [...path, index];
    if (source.split('/').includes('..'))
      report(at, `has the source ${shown(source)}; expected a path without ".."`);
    if (!SERVICE.test(service))
      report(at, `has the service ${shown(service)}; expected the name of a service`);
    if (service !== 'main' && !source.startsWith('/'))
      report(at, `has the source ${shown(source)} of service ${service}; expected an absolute path`);
    if (destination !== undefined && !isDestination(destination))
      report(
        at,
        `has the destination ${shown(destination)}; expected a relative path with forward slashes, without "..", other than manifest.json`,
      );
  }
}

const isDestination = (path: string): boolean =>
  !path.includes('\\') &&
  !path.startsWith('/') &&
  !path.split('/').includes('..') &&
  !/^(\.\/*)*$/.test(path) &&
  path.replace(/\/+$/, '') !== 'manifest.json';
