/** Variables of type SECRETS_MANAGER: resolved when the build runs, hidden in its log. */
import {
  GetSecretValueCommand,
  SecretsManagerClient,
  SecretsManagerServiceException,
} from '@aws-sdk/client-secrets-manager';
import { PhaseFailure } from '../executor.ts';
import type { Build } from '../model.ts';
import type { AwsAccess } from './access.ts';

interface Reference {
  id: string;
  jsonKey: string;
  stage: string;
  version: string;
}

/** `secret-id:json-key:version-stage:version-id`, where the id may be an ARN with seven parts of its own. */
export function parseReference(text: string): Reference {
  const parts = text.split(':');
  const id = parts.splice(0, text.startsWith('arn:') ? 7 : 1).join(':');
  const [jsonKey = '', stage = '', version = ''] = parts;
  return { id, jsonKey, stage, version };
}

const failed = (why: string): PhaseFailure => new PhaseFailure('Secrets Manager Error Message', why);

function member(secret: string, { id, jsonKey }: Reference): string {
  if (!jsonKey) return secret;
  try {
    const value = (JSON.parse(secret) as Record<string, unknown>)[jsonKey];
    if (value !== undefined) return typeof value === 'string' ? value : JSON.stringify(value);
  } catch {
    throw failed(`the secret ${id} is not JSON`);
  }
  throw failed(`the secret ${id} has no key ${jsonKey}`);
}

async function resolve(client: SecretsManagerClient, reference: Reference): Promise<string> {
  const { id, stage, version } = reference;
  const wanted = {
    SecretId: id,
    ...(stage && { VersionStage: stage }),
    ...(version && { VersionId: version }),
  };
  const answer = await client.send(new GetSecretValueCommand(wanted)).catch((error: unknown) => {
    if (error instanceof SecretsManagerServiceException) throw failed(`${error.name}: ${error.message}`);
    throw error;
  });
  return member(answer.SecretString ?? '', reference);
}

/** The values by variable. Throws the `PhaseFailure` that AWS gives where one cannot be had. */
export async function resolveSecrets(
  build: Build,
  access: AwsAccess | undefined,
): Promise<Record<string, string>> {
  const wanted = build.environment.environmentVariables.filter(({ type }) => type === 'SECRETS_MANAGER');
  if (wanted.length === 0) return {};
  if (!access) throw failed('this service was started without Secrets Manager');
  const client = new SecretsManagerClient(access);
  try {
    const values = wanted.map(async ({ name, value }): Promise<[string, string]> => [
      name,
      await resolve(client, parseReference(value)),
    ]);
    return Object.fromEntries(await Promise.all(values));
  } finally {
    client.destroy();
  }
}

/** Replaces every secret in a line, as CodeBuild does in its logs. */
export function hider(secrets: string[]): (line: string) => string {
  const hidden = secrets.filter((secret) => secret.trim() !== '').sort((a, b) => b.length - a.length);
  return (line) => hidden.reduce((text, secret) => text.replaceAll(secret, '***'), line);
}
