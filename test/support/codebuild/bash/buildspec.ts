/** Build specifications: what of them is run, and the refusal, by name, of everything else. */
import { load, YAMLException } from 'js-yaml';
import { PhaseFailure } from '../executor.ts';

export const SPEC_PHASES = ['install', 'pre_build', 'build', 'post_build'] as const;
export type SpecPhase = (typeof SPEC_PHASES)[number];

export interface PhaseSpec {
  commands: string[];
  /** Run after `commands`, even where one of them failed. */
  finally: string[];
  /** Undefined: as AWS's phase transitions say. */
  onFailure: 'ABORT' | 'CONTINUE' | undefined;
}

export interface Buildspec {
  variables: Record<string, string>;
  exported: string[];
  phases: Record<SpecPhase, PhaseSpec>;
}

type Mapping = Record<string, unknown>;

const refuse = (why: string): never => {
  throw new PhaseFailure('YAML_FILE_ERROR', why);
};

function mapping(value: unknown, path: string, keys?: readonly string[]): Mapping {
  if (value == null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) return refuse(`Expected ${path} to be a mapping`);
  const unknown = Object.keys(value).filter((key) => keys && !keys.includes(key));
  if (unknown.length > 0) refuse(`${path}: ${unknown.join(', ')} is not supported by the test service`);
  return value as Mapping;
}

function strings(value: unknown, path: string): string[] {
  if (value == null) return [];
  if (!Array.isArray(value)) return refuse(`Expected ${path} to be a sequence`);
  return value.map((entry, i) =>
    typeof entry === 'string' || typeof entry === 'number' || typeof entry === 'boolean'
      ? String(entry)
      : refuse(`Expected ${path}[${i}] to be of string type: found subkeys instead`),
  );
}

function phase(value: unknown, name: string): PhaseSpec {
  const path = `phases.${name}`;
  const given = mapping(value, path, ['commands', 'finally', 'on-failure']);
  const onFailure = given['on-failure'];
  if (onFailure !== undefined && onFailure !== 'ABORT' && onFailure !== 'CONTINUE') {
    refuse(`${path}.on-failure: ${JSON.stringify(onFailure)} is not supported by the test service`);
  }
  return {
    commands: strings(given['commands'], `${path}.commands`),
    finally: strings(given['finally'], `${path}.finally`),
    onFailure: onFailure as PhaseSpec['onFailure'],
  };
}

function variables(value: unknown): Record<string, string> {
  const given = Object.entries(mapping(value, 'env.variables'));
  return Object.fromEntries(
    given.map(([name, text]) => [name, strings([text], `env.variables.${name}`)[0]!]),
  );
}

function parse(text: string): unknown {
  try {
    return load(text);
  } catch (error) {
    if (error instanceof YAMLException) return refuse(error.message);
    throw error;
  }
}

/** Throws the `PhaseFailure` with which DOWNLOAD_SOURCE ends where AWS, or this service, does not take the text. */
export function parseBuildspec(text: string): Buildspec {
  const spec = mapping(parse(text), 'the buildspec', ['version', 'env', 'phases']);
  if (String(spec['version']) !== '0.2')
    refuse(`version: ${String(spec['version'])} is not supported by the test service`);
  const env = mapping(spec['env'], 'env', ['shell', 'variables', 'exported-variables']);
  if (env['shell'] !== 'bash') refuse(`env.shell: only bash is supported by the test service`);
  const phases = mapping(spec['phases'], 'phases', SPEC_PHASES);
  if (Object.keys(phases).length === 0) refuse('phases: at least one phase is required');
  return {
    variables: variables(env['variables']),
    exported: strings(env['exported-variables'], 'env.exported-variables'),
    phases: Object.fromEntries(
      SPEC_PHASES.map((name) => [name, phase(phases[name], name)]),
    ) as Buildspec['phases'],
  };
}
