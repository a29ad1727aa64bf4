/** What GitOps tools say of objects, by the expressions that config/gitops gives them. */
import { Environment } from '@marcbachmann/cel-js';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load, loadAll } from 'js-yaml';
import type { KubeObject } from '../../src/kube/types.ts';
import { root } from './cluster.ts';

/** Of Argo CD's health. */
export interface Health {
  status: string;
  message: string;
}

const LUA = 'lua5.1';
const GITOPS = join(root, 'config/gitops');

/** A manifest of config/gitops. */
export const gitopsFile = (name: string): string => join(GITOPS, name);
export const gitopsManifests = (name: string): KubeObject[] =>
  loadAll(readFileSync(gitopsFile(name), 'utf8')) as KubeObject[];

/** Data of the ConfigMap argocd-cm. */
export const argoSettings = (): Record<string, string> =>
  (load(readFileSync(gitopsFile('argo-cd/health.yaml'), 'utf8')) as { data: Record<string, string> }).data;

/** The value as a constructor of Lua. */
function lua(value: unknown): string {
  if (value === undefined || value === null) return 'nil';
  if (typeof value === 'string')
    // Escapes by number: those of JSON are none of Lua.
    return `"${Buffer.from(value).reduce((text, byte) => `${text}\\${String(byte).padStart(3, '0')}`, '')}"`;
  if (Array.isArray(value)) return `{${value.map(lua).join(',')}}`;
  if (typeof value === 'object')
    return `{${Object.entries(value)
      .map(([key, each]) => `[${lua(key)}]=${lua(each)}`)
      .join(',')}}`;
  return JSON.stringify(value);
}

/** As Argo CD asks it, by the reference's interpreter of the same version of Lua; marks the test as pending where there is none. */
export function argoHealth(object: KubeObject, context: Mocha.Context): Health {
  const script = argoSettings()[`resource.customizations.health.sb.abundant.ai_${object.kind}`] ?? '';
  const input = `local function health(obj)\n${script}\nend\nlocal found = health(${lua(object)})\nio.write(found.status, "\\n", found.message)`;
  const { error, status, stdout, stderr } = spawnSync(LUA, ['-'], { input, encoding: 'utf8' });
  if (error) {
    process.stderr.write(`      ${LUA} is not installed: tests with it are pending\n`);
    return context.skip();
  }
  if (status !== 0) throw new Error(stderr);
  const [health = '', ...message] = stdout.split('\n');
  return { status: health, message: message.join('\n') };
}

interface HealthCheck {
  kind: string;
  inProgress: string;
  failed: string;
  current: string;
}

const healthChecks = (): HealthCheck[] =>
  gitopsManifests('flux/trials.yaml').flatMap(
    ({ spec }: KubeObject & { spec?: { healthCheckExprs?: HealthCheck[] } }) => spec?.healthCheckExprs ?? [],
  );

type Content = 'apiVersion' | 'kind' | 'metadata' | 'spec' | 'status';

/** As Flux decides: in this order, and in progress where none holds. Throws where an expression has no value. */
export function fluxHealth(object: KubeObject): 'InProgress' | 'Failed' | 'Current' {
  const check = healthChecks().find(({ kind }) => kind === object.kind);
  if (!check) throw new Error(`no expressions for ${object.kind}`);
  // Numbers of CEL are integers or not; those of JSON that have no fraction are integers.
  const content = JSON.parse(JSON.stringify(object), (_, value: unknown) =>
    Number.isInteger(value) ? BigInt(value as number) : value,
  ) as Record<Content, unknown>;
  const environment = new Environment({ unlistedVariablesAreDyn: true });
  const holds = (expression: string): boolean => environment.evaluate(expression, content) === true;
  if (holds(check.inProgress)) return 'InProgress';
  if (holds(check.failed)) return 'Failed';
  return holds(check.current) ? 'Current' : 'InProgress';
}
