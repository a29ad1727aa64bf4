/** moto's server: ECR's API, CloudWatch Logs, STS and Secrets Manager of an empty account. */
import type { Context } from 'mocha';
import { findProgram, skipWithout, startProgram } from '../programs.ts';
import { CACHE_REPOSITORY, REPOSITORY } from './facts.ts';
import { callAws } from './wire.ts';

export interface Moto {
  /** `http://127.0.0.1:PORT`, the endpoint of every service. */
  url: string;
  /** Forgets everything. */
  reset(): Promise<void>;
  /** Ends the process. */
  close(): Promise<void>;
}

/**
 * Starts moto on loopback; undefined where `npm run test:e2e` never installed it. Any credentials will do: it checks none.
 * `prepared`: with the repositories that builds need, of images (tags immutable) and of layer caches.
 */
export async function startMoto({ prepared = true } = {}): Promise<Moto | undefined> {
  const server = await startProgram('moto_server', async (address) => {
    const [host = '', port = ''] = address.split(':');
    return { args: ['-H', host, '-p', port] };
  });
  if (!server) return undefined;
  const url = `http://${server.address}`;
  if (prepared) {
    await makeRepository(url);
    await makeRepository(url, CACHE_REPOSITORY, 'MUTABLE');
  }
  return {
    url,
    reset: async () => void (await fetch(`${url}/moto-api/reset`, { method: 'POST' })),
    close: () => server.stop(),
  };
}

/** As `startMoto`, and marks the running tests as pending where it was never installed. */
export async function needMoto(context: Context, options?: { prepared?: boolean }): Promise<Moto> {
  return (await startMoto(options)) ?? skipWithout('moto_server', context);
}

/** An empty one whose CloudFormation works: that takes packages which are installed with cfn-lint alone, and whose moto is then the one that is started. */
export async function needMotoWithStacks(context: Context): Promise<Moto> {
  if (findProgram('cfn-lint') === undefined)
    return skipWithout('moto_server with cfn-lint', context, 'npm run test:extended -- stacks-on-aws');
  return needMoto(context, { prepared: false });
}

/** A repository as `docs/aws.md` has it made. */
export const makeRepository = (
  url: string,
  repositoryName: string = REPOSITORY,
  imageTagMutability: 'IMMUTABLE' | 'MUTABLE' = 'IMMUTABLE',
): Promise<unknown> => callAws(url, ['ecr', 'CreateRepository'], { repositoryName, imageTagMutability });
