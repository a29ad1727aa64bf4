/** Access entries of an EKS cluster, with the user's own credentials. */
import {
  CreateAccessEntryCommand,
  DeleteAccessEntryCommand,
  DescribeAccessEntryCommand,
  EKSClient,
} from '@aws-sdk/client-eks';
import { awsError, OF_A_PERSON } from '../aws/errors.ts';
import { httpWithin } from '../aws/http.ts';
import type { ClusterAccess, Granted } from './port.ts';

export interface AccessSettings {
  region: string;
  cluster: string;
  /** Default: those that the SDK finds. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  /** Default: that of the region, or `AWS_ENDPOINT_URL_EKS`. */
  endpoint?: string;
}

const TIMEOUT_MS = 30_000;

class EksAccess implements ClusterAccess {
  readonly #eks: EKSClient;
  readonly #cluster: string;

  constructor({ cluster, ...settings }: AccessSettings) {
    this.#eks = new EKSClient({ ...settings, requestHandler: httpWithin(TIMEOUT_MS) });
    this.#cluster = cluster;
  }

  async grant(principal: string, groups: readonly string[]): Promise<Granted> {
    const before = await this.groupsOf(principal);
    if (before) return groups.every((group) => before.includes(group)) ? 'granted' : 'taken';
    const entry = { ...this.#of(principal), kubernetesGroups: [...groups], type: 'STANDARD' };
    await this.#doing(['Create', principal], () => this.#eks.send(new CreateAccessEntryCommand(entry)));
    return 'granted';
  }

  async groupsOf(principal: string): Promise<string[] | undefined> {
    const said = await this.#doing(['Describe', principal], () =>
      this.#unlessMissing(() => this.#eks.send(new DescribeAccessEntryCommand(this.#of(principal)))),
    );
    return said && (said.accessEntry?.kubernetesGroups ?? []);
  }

  async revoke(principal: string): Promise<void> {
    await this.#doing(['Delete', principal], () =>
      this.#unlessMissing(() => this.#eks.send(new DeleteAccessEntryCommand(this.#of(principal)))),
    );
  }

  #of(principal: string) {
    return { clusterName: this.#cluster, principalArn: principal };
  }

  /** One that is missing is none; a cluster that is missing is a failure, of which AWS says the same code. */
  async #unlessMissing<T>(send: () => Promise<T>): Promise<T | undefined> {
    try {
      return await send();
    } catch (error) {
      const { name, message } = error as Error;
      if (name === 'ResourceNotFoundException' && !/cluster/i.test(message)) return undefined;
      throw error;
    }
  }

  async #doing<T>([verb, principal]: [verb: string, principal: string], send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      const call = `${verb.toLowerCase()} the access entry of ${principal} for EKS cluster ${this.#cluster}`;
      throw awsError({ call, needs: `eks:${verb}AccessEntry`, reasons: OF_A_PERSON }, error);
    }
  }
}

export const eksAccess = (settings: AccessSettings): ClusterAccess => new EksAccess(settings);
